//! `Flush`: asks the server to send what it has, without a `Sync`.

use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::bodyless;

const NAME: &str = "Flush";

/// Has no answer of its own.
///
/// ```text
/// 'H'  length
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flush;

impl Flush {
    /// The whole message.
    pub const BYTES: [u8; 5] = bodyless(tag::FLUSH);

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
    fn a_flush_comes_back_as_it_was_written() {
        let mut buffer = Vec::new();
        Flush.encode(&mut buffer);
        let body = round_trip::body(Sender::Frontend, tag::FLUSH, &buffer);
        assert_eq!(Flush::decode(body), Ok(Flush));
        round_trip::only_the_whole_is_accepted(body, |body| Flush::decode(body).is_ok());
    }
}
