//! `FunctionCall`: calls a function by its object id. Old, but still answered by servers.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::fields::Formats;
use crate::fields::Values;
use crate::writer::Writer;

const NAME: &str = "FunctionCall";

/// Answered by `FunctionCallResponse` or an error, and then `ReadyForQuery`.
///
/// ```text
/// 'F'  length  function (Int32)
///      count (Int16)  count × argument format (Int16)
///      count (Int16)  count × ( length (Int32), -1 for null   argument )
///      result format (Int16)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionCall<'a> {
    /// The function's object id.
    pub function: u32,
    /// None: all text. One: for all. Otherwise one each.
    pub argument_formats: Formats<'a>,
    /// The arguments in order.
    pub arguments: Values<'a>,
    /// The format wanted of the result.
    pub result_format: i16,
}

impl<'a> FunctionCall<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a field is cut off or bytes follow the last one: the client's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, body);
        let function = cursor.u32("function")?;
        let argument_formats = Formats::decode(&mut cursor, "argument formats")?;
        let arguments = Values::decode(&mut cursor, "arguments")?;
        let result_format = cursor.i16("result format")?;
        cursor.finish()?;
        Ok(Self {
            function,
            argument_formats,
            arguments,
            result_format,
        })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If the whole is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let writer = Writer::tagged(buffer, Sender::Frontend, NAME, tag::FUNCTION_CALL);
        let writer = self
            .argument_formats
            .encode(writer.u32(self.function), "argument formats");
        self.arguments
            .encode(writer, "arguments")
            .i16(self.result_format)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round_trip;

    #[test]
    fn a_function_call_comes_back_as_it_was_written() {
        let body = b"\0\0\x04\xd2\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x02ab\0\x01";
        let message = FunctionCall::decode(body).unwrap();
        assert_eq!((message.function, message.result_format), (1234, 1));
        assert_eq!(
            message.arguments.iter().collect::<Vec<_>>(),
            [None, Some(&b"ab"[..])]
        );
        let mut buffer = Vec::new();
        message.encode(&mut buffer).unwrap();
        assert_eq!(
            round_trip::body(Sender::Frontend, tag::FUNCTION_CALL, &buffer),
            body
        );
        round_trip::only_the_whole_is_accepted(body, |body| FunctionCall::decode(body).is_ok());
    }
}
