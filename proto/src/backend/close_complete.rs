//! `CloseComplete`: a statement or portal is forgotten.

use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::bodyless;

const NAME: &str = "CloseComplete";

/// Answers `Close`.
///
/// ```text
/// '3'  length
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseComplete;

impl CloseComplete {
    /// The whole message.
    pub const BYTES: [u8; 5] = bodyless(tag::CLOSE_COMPLETE);

    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If it is not empty: the server's fault.
    pub fn decode(body: &[u8]) -> Result<Self, Violation> {
        Cursor::new(Sender::Backend, NAME, body).finish()?;
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
    fn a_close_complete_comes_back_as_it_was_written() {
        let mut buffer = Vec::new();
        CloseComplete.encode(&mut buffer);
        let body = round_trip::body(Sender::Backend, tag::CLOSE_COMPLETE, &buffer);
        assert_eq!(CloseComplete::decode(body), Ok(CloseComplete));
        round_trip::only_the_whole_is_accepted(body, |body| CloseComplete::decode(body).is_ok());
    }
}
