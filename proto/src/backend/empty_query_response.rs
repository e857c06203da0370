//! `EmptyQueryResponse`: the query string was empty.

use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::bodyless;

const NAME: &str = "EmptyQueryResponse";

/// Comes in place of `CommandComplete`.
///
/// ```text
/// 'I'  length
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmptyQueryResponse;

impl EmptyQueryResponse {
    /// The whole message.
    pub const BYTES: [u8; 5] = bodyless(tag::EMPTY_QUERY_RESPONSE);

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
    fn an_empty_query_response_comes_back_as_it_was_written() {
        let mut buffer = Vec::new();
        EmptyQueryResponse.encode(&mut buffer);
        let body = round_trip::body(Sender::Backend, tag::EMPTY_QUERY_RESPONSE, &buffer);
        assert_eq!(EmptyQueryResponse::decode(body), Ok(EmptyQueryResponse));
        round_trip::only_the_whole_is_accepted(body, |body| {
            EmptyQueryResponse::decode(body).is_ok()
        });
    }
}
