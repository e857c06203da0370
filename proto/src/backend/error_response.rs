//! `ErrorResponse`: a command failed, or the session ends.

use super::Report;
use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "ErrorResponse";

/// Everything up to the next `Sync` is skipped, or the connection closes.
///
/// ```text
/// 'E'  length  any number of ( code (Byte1), not 0   value (String) )   0
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorResponse<'a> {
    /// What it says.
    pub report: Report<'a>,
}

impl<'a> ErrorResponse<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the list of fields has no end or bytes follow it: the server's fault. No field is
    /// required.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let report = Report::decode(Cursor::new(Sender::Backend, NAME, body))?;
        Ok(Self { report })
    }

    /// Appends the message as it was received. For one of our own see [`super::ReportText`].
    ///
    /// # Errors
    ///
    /// If it is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let writer = Writer::tagged(buffer, Sender::Backend, NAME, tag::ERROR_RESPONSE);
        self.report.encode(writer).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::round_trip;

    proptest! {
        #[test]
        fn an_error_comes_back_as_it_was_written(
            fields in proptest::collection::vec((1u8.., round_trip::string()), 0..6),
        ) {
            let mut sent = Vec::new();
            for (code, value) in &fields {
                sent.push(*code);
                sent.extend_from_slice(value);
                sent.push(0);
            }
            sent.push(0);
            let message = ErrorResponse::decode(&sent).unwrap();
            let decoded: Vec<_> = message.report.fields().collect();
            let expected: Vec<_> = fields.iter().map(|(code, value)| (*code, &value[..])).collect();
            prop_assert_eq!(decoded, expected);
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::ERROR_RESPONSE, &buffer);
            prop_assert_eq!(body, &sent[..]);
            round_trip::only_the_whole_is_accepted(body, |body| ErrorResponse::decode(body).is_ok());
        }
    }
}
