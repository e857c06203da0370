//! `CopyDone`: the end of the data of a COPY.

use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::bodyless;

const NAME: &str = "CopyDone";

/// Ends a copy from the server; `CommandComplete` follows. A frontend sends the same bytes.
///
/// ```text
/// 'c'  length
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyDone;

impl CopyDone {
    /// The whole message.
    pub const BYTES: [u8; 5] = bodyless(tag::COPY_DONE);

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
    fn a_copy_done_comes_back_as_it_was_written() {
        let mut buffer = Vec::new();
        CopyDone.encode(&mut buffer);
        let body = round_trip::body(Sender::Backend, tag::COPY_DONE, &buffer);
        assert_eq!(CopyDone::decode(body), Ok(CopyDone));
        round_trip::only_the_whole_is_accepted(body, |body| CopyDone::decode(body).is_ok());
    }
}
