//! `Query`: one string of SQL commands by the simple protocol.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "Query";

/// Runs every command of a string and ends with `ReadyForQuery`.
///
/// ```text
/// 'Q'  length  query (String)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The commands, in the client's encoding.
    pub query: &'a [u8],
}

impl<'a> Query<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the string has no terminator, or bytes follow it: the client's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, body);
        let query = cursor.cstr("query")?;
        cursor.finish()?;
        Ok(Self { query })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If the query contains a zero byte or is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Frontend, NAME, tag::QUERY)
            .cstr("query", self.query)
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
        fn a_query_comes_back_as_it_was_written(query in round_trip::string()) {
            let message = Query { query: &query };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Frontend, tag::QUERY, &buffer);
            prop_assert_eq!(Query::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| Query::decode(body).is_ok());
        }
    }

    #[test]
    fn bytes_after_the_terminator_are_refused() {
        Query::decode(b"select 1\0drop table a\0").unwrap_err();
    }
}
