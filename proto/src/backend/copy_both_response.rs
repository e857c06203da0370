//! `CopyBothResponse`: data goes both ways, for streaming replication.

use super::CopyFormats;
use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "CopyBothResponse";

/// Ends when both sides have sent `CopyDone`, or with an error.
///
/// ```text
/// 'W'  length  overall format (Int8)  count (Int16)  count × column format (Int16)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyBothResponse<'a> {
    /// The formats of the data.
    pub formats: CopyFormats<'a>,
}

impl<'a> CopyBothResponse<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a field is cut off or bytes follow the last one: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let formats = CopyFormats::decode(Cursor::new(Sender::Backend, NAME, body))?;
        Ok(Self { formats })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// None for formats that were decoded.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.formats.encode(Writer::tagged(
            buffer,
            Sender::Backend,
            NAME,
            tag::COPY_BOTH_RESPONSE,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round_trip;

    #[test]
    fn formats_come_back_as_they_were_written() {
        for formats in [&b"\0\0\0"[..], b"\x01\0\x02\0\x01\0\x01"] {
            let message = CopyBothResponse::decode(formats).unwrap();
            assert_eq!(message.formats.overall, formats[0]);
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::COPY_BOTH_RESPONSE, &buffer);
            assert_eq!(body, formats);
            round_trip::only_the_whole_is_accepted(body, |body| {
                CopyBothResponse::decode(body).is_ok()
            });
        }
    }
}
