//! `Parse`: makes a prepared statement of a query.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::fields::ObjectIds;
use crate::writer::Writer;

const NAME: &str = "Parse";

/// Creates a statement; an empty name is the unnamed statement.
///
/// ```text
/// 'P'  length  statement (String)  query (String)
///      count (Int16)  count × parameter type (Int32)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The name it will have.
    pub statement: &'a [u8],
    /// One command, in the client's encoding.
    pub query: &'a [u8],
    /// The types that the client fixed; the server infers the others.
    pub parameter_types: ObjectIds<'a>,
}

impl<'a> Parse<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a field is cut off or bytes follow the last one: the client's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, body);
        let statement = cursor.cstr("statement")?;
        let query = cursor.cstr("query")?;
        let parameter_types = ObjectIds::decode(&mut cursor, "parameter types")?;
        cursor.finish()?;
        Ok(Self {
            statement,
            query,
            parameter_types,
        })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If a string contains a zero byte or the whole is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let writer = Writer::tagged(buffer, Sender::Frontend, NAME, tag::PARSE)
            .cstr("statement", self.statement)
            .cstr("query", self.query);
        self.parameter_types
            .encode(writer, "parameter types")
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
        fn a_parse_comes_back_as_it_was_written(
            statement in round_trip::string(),
            query in round_trip::string(),
            types in proptest::collection::vec(any::<u32>(), 0..4),
        ) {
            let count = u16::try_from(types.len()).unwrap().to_be_bytes();
            let ids = types.iter().flat_map(|id| id.to_be_bytes());
            let ids: Vec<u8> = count.into_iter().chain(ids).collect();
            let mut cursor = Cursor::new(Sender::Frontend, NAME, &ids);
            let parameter_types = ObjectIds::decode(&mut cursor, "parameter types").unwrap();
            let message = Parse { statement: &statement, query: &query, parameter_types };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Frontend, tag::PARSE, &buffer);
            prop_assert_eq!(Parse::decode(body), Ok(message));
            prop_assert_eq!(message.parameter_types.iter().collect::<Vec<_>>(), types);
            round_trip::only_the_whole_is_accepted(body, |body| Parse::decode(body).is_ok());
        }
    }

    #[test]
    fn a_count_of_types_above_what_follows_is_refused() {
        Parse::decode(b"s\0select $1\0\xff\xff\0\0\0\x17").unwrap_err();
    }
}
