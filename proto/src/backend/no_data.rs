//! `NoData`: no rows will be returned.

use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::bodyless;

const NAME: &str = "NoData";

/// Answers `Describe` in place of `RowDescription`.
///
/// ```text
/// 'n'  length
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoData;

impl NoData {
    /// The whole message.
    pub const BYTES: [u8; 5] = bodyless(tag::NO_DATA);

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
    fn a_no_data_comes_back_as_it_was_written() {
        let mut buffer = Vec::new();
        NoData.encode(&mut buffer);
        let body = round_trip::body(Sender::Backend, tag::NO_DATA, &buffer);
        assert_eq!(NoData::decode(body), Ok(NoData));
        round_trip::only_the_whole_is_accepted(body, |body| NoData::decode(body).is_ok());
    }
}
