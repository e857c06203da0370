//! `Execute`: runs a portal.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "Execute";

/// Answered by rows and then `CommandComplete`, `EmptyQueryResponse`, `PortalSuspended` or an error.
///
/// ```text
/// 'E'  length  portal (String)  row limit (Int32)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The portal; empty is the unnamed one.
    pub portal: &'a [u8],
    /// The most rows to send; zero or less is no limit.
    pub row_limit: i32,
}

impl<'a> Execute<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a field is cut off or bytes follow the last one: the client's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, body);
        let portal = cursor.cstr("portal")?;
        let row_limit = cursor.i32("row limit")?;
        cursor.finish()?;
        Ok(Self { portal, row_limit })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If the name contains a zero byte or is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Frontend, NAME, tag::EXECUTE)
            .cstr("portal", self.portal)
            .i32(self.row_limit)
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
        fn an_execute_comes_back_as_it_was_written(portal in round_trip::string(), row_limit: i32) {
            let message = Execute { portal: &portal, row_limit };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Frontend, tag::EXECUTE, &buffer);
            prop_assert_eq!(Execute::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| Execute::decode(body).is_ok());
        }
    }
}
