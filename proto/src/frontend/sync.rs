//! `Sync`: the end of an extended query.

use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::bodyless;

const NAME: &str = "Sync";

/// Ends the implicit transaction and any error state; answered by `ReadyForQuery`.
///
/// ```text
/// 'S'  length
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync;

impl Sync {
    /// The whole message.
    pub const BYTES: [u8; 5] = bodyless(tag::SYNC);

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
    fn a_sync_comes_back_as_it_was_written() {
        let mut buffer = Vec::new();
        Sync.encode(&mut buffer);
        let body = round_trip::body(Sender::Frontend, tag::SYNC, &buffer);
        assert_eq!(Sync::decode(body), Ok(Sync));
        round_trip::only_the_whole_is_accepted(body, |body| Sync::decode(body).is_ok());
    }
}
