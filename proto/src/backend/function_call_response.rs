//! `FunctionCallResponse`: the result of a `FunctionCall`.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::fields::value;
use crate::writer::Writer;

const NAME: &str = "FunctionCallResponse";

/// Answers `FunctionCall`; `ReadyForQuery` follows.
///
/// ```text
/// 'V'  length  length (Int32), -1 for null   value
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionCallResponse<'a> {
    /// The result; `None` is a null.
    pub value: Option<&'a [u8]>,
}

impl<'a> FunctionCallResponse<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the value is not as long as its length says: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let value = value(&mut cursor, "value")?;
        cursor.finish()?;
        Ok(Self { value })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If it is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Backend, NAME, tag::FUNCTION_CALL_RESPONSE)
            .value("value", self.value)
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
        fn a_result_comes_back_as_it_was_written(
            value in proptest::option::of(round_trip::data()),
        ) {
            let message = FunctionCallResponse { value: value.as_deref() };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::FUNCTION_CALL_RESPONSE, &buffer);
            prop_assert_eq!(FunctionCallResponse::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| {
                FunctionCallResponse::decode(body).is_ok()
            });
        }
    }
}
