//! `ParameterStatus`: the value of a setting that clients want to know of.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "ParameterStatus";

/// Comes during the start of a session and whenever such a setting changes, also unasked.
///
/// ```text
/// 'S'  length  name (String)  value (String)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// The setting, such as `client_encoding`.
    pub name: &'a [u8],
    /// Its value now.
    pub value: &'a [u8],
}

impl<'a> ParameterStatus<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a field is cut off or bytes follow the last one: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let name = cursor.cstr("name")?;
        let value = cursor.cstr("value")?;
        cursor.finish()?;
        Ok(Self { name, value })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If a string contains a zero byte or the whole is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Backend, NAME, tag::PARAMETER_STATUS)
            .cstr("name", self.name)
            .cstr("value", self.value)
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
        fn a_status_comes_back_as_it_was_written(
            name in round_trip::string(),
            value in round_trip::string(),
        ) {
            let message = ParameterStatus { name: &name, value: &value };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::PARAMETER_STATUS, &buffer);
            prop_assert_eq!(ParameterStatus::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| {
                ParameterStatus::decode(body).is_ok()
            });
        }
    }
}
