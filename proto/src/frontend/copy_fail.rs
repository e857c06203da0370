//! `CopyFail`: a client gives up its COPY.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "CopyFail";

/// The server answers with an error that quotes the reason.
///
/// ```text
/// 'f'  length  reason (String)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyFail<'a> {
    /// Why, in the client's words.
    pub reason: &'a [u8],
}

impl<'a> CopyFail<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the string has no terminator, or bytes follow it: the client's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, body);
        let reason = cursor.cstr("reason")?;
        cursor.finish()?;
        Ok(Self { reason })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If the string contains a zero byte or is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Frontend, NAME, tag::COPY_FAIL)
            .cstr("reason", self.reason)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::round_trip;

    proptest! {
        #[test]
        fn a_copy_fail_comes_back_as_it_was_written(reason in round_trip::string()) {
            let message = CopyFail { reason: &reason };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Frontend, tag::COPY_FAIL, &buffer);
            prop_assert_eq!(CopyFail::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| CopyFail::decode(body).is_ok());
        }
    }
}
