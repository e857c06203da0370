//! `ParameterDescription`: the types of a statement's parameters.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::fields::ObjectIds;
use crate::writer::Writer;

const NAME: &str = "ParameterDescription";

/// Answers `Describe` of a statement; `RowDescription` or `NoData` follows.
///
/// ```text
/// 't'  length  count (Int16)  count × parameter type (Int32)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterDescription<'a> {
    /// The types in order.
    pub parameter_types: ObjectIds<'a>,
}

impl<'a> ParameterDescription<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a type is cut off or bytes follow the last one: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let parameter_types = ObjectIds::decode(&mut cursor, "parameter types")?;
        cursor.finish()?;
        Ok(Self { parameter_types })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// None for a list of types that was decoded.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let writer = Writer::tagged(buffer, Sender::Backend, NAME, tag::PARAMETER_DESCRIPTION);
        self.parameter_types
            .encode(writer, "parameter types")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round_trip;

    #[test]
    fn types_come_back_as_they_were_written() {
        for types in [&b"\0\0"[..], b"\0\x02\0\0\0\x17\0\0\0\x19"] {
            let message = ParameterDescription::decode(types).unwrap();
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::PARAMETER_DESCRIPTION, &buffer);
            assert_eq!(body, types);
            round_trip::only_the_whole_is_accepted(body, |body| {
                ParameterDescription::decode(body).is_ok()
            });
        }
    }
}
