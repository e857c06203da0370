//! `Terminate`: the end of the connection.

use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::bodyless;

const NAME: &str = "Terminate";

/// The last message of a client; the server closes without an answer.
///
/// ```text
/// 'X'  length
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminate;

impl Terminate {
    /// The whole message.
    pub const BYTES: [u8; 5] = bodyless(tag::TERMINATE);

    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If it is not empty: the client's fault.
    pub fn decode(body: &[u8]) -> Result<Self, Violation> {
        Cursor::new(Sender::Frontend, NAME, body).finish()?;
        Ok(Self)
    }

    /// Appends the message.
    pub fn encode(self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&Self::BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round_trip;

    #[test]
    fn a_terminate_comes_back_as_it_was_written() {
        let mut buffer = Vec::new();
        Terminate.encode(&mut buffer);
        let body = round_trip::body(Sender::Frontend, tag::TERMINATE, &buffer);
        assert_eq!(Terminate::decode(body), Ok(Terminate));
        round_trip::only_the_whole_is_accepted(body, |body| Terminate::decode(body).is_ok());
    }
}
