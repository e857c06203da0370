//! The tag bytes of the messages that a frontend sends. A tag means something else in the other
//! direction (`D` is `Describe` here and `DataRow` there), so the two lists never mix.
//!
//! See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use crate::limits::FRONTEND_MESSAGE_BYTES_MAX;
use crate::limits::SMALL_MESSAGE_BYTES_MAX;

/// `Bind`: portal, statement, parameters.
pub const BIND: u8 = b'B';
/// `Close` of a statement or a portal.
pub const CLOSE: u8 = b'C';
/// `CopyData`, in both directions.
pub const COPY_DATA: u8 = b'd';
/// `CopyDone`, in both directions.
pub const COPY_DONE: u8 = b'c';
/// `CopyFail`.
pub const COPY_FAIL: u8 = b'f';
/// `Describe` of a statement or a portal.
pub const DESCRIBE: u8 = b'D';
/// `Execute` of a portal.
pub const EXECUTE: u8 = b'E';
/// `Flush`.
pub const FLUSH: u8 = b'H';
/// `FunctionCall`.
pub const FUNCTION_CALL: u8 = b'F';
/// `Parse`: statement, query, parameter types.
pub const PARSE: u8 = b'P';
/// `PasswordMessage`, `SASLInitialResponse`, `SASLResponse` or `GSSResponse`: which, is known only
/// from what the backend asked.
pub const PASSWORD: u8 = b'p';
/// `Query`: the simple protocol.
pub const QUERY: u8 = b'Q';
/// `Sync`: the end of an extended query.
pub const SYNC: u8 = b'S';
/// `Terminate`.
pub const TERMINATE: u8 = b'X';

/// The largest length word a server accepts with this tag after authentication, in bytes; `None`
/// for a tag that is not legal there.
///
/// As `SocketBackend` of `PostgreSQL`'s `tcop/postgres.c` has it.
pub const fn message_bytes_max(tag: u8) -> Option<u32> {
    match tag {
        QUERY | PARSE | BIND | FUNCTION_CALL | COPY_DATA => Some(FRONTEND_MESSAGE_BYTES_MAX),
        CLOSE | DESCRIBE | EXECUTE | FLUSH | SYNC | TERMINATE | COPY_DONE | COPY_FAIL => {
            Some(SMALL_MESSAGE_BYTES_MAX)
        },
        _ => None,
    }
}

/// The name of the message as libpq's `PQtrace` writes it; `None` for an unknown tag.
pub const fn name(tag: u8) -> Option<&'static str> {
    Some(match tag {
        BIND => "Bind",
        CLOSE => "Close",
        COPY_DATA => "CopyData",
        COPY_DONE => "CopyDone",
        COPY_FAIL => "CopyFail",
        DESCRIBE => "Describe",
        EXECUTE => "Execute",
        FLUSH => "Flush",
        FUNCTION_CALL => "FunctionCall",
        PARSE => "Parse",
        PASSWORD => "PasswordMessage",
        QUERY => "Query",
        SYNC => "Sync",
        TERMINATE => "Terminate",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_with_data_may_be_large() {
        let large = (0..=u8::MAX).filter(|&tag| message_bytes_max(tag) > Some(10_000));
        assert!(large.eq(*b"BFPQd"));
        let small = (0..=u8::MAX).filter(|&tag| message_bytes_max(tag) == Some(10_000));
        assert!(small.eq(*b"CDEHSXcf"));
    }

    #[test]
    fn every_message_after_authentication_has_a_name() {
        for tag in 0..=u8::MAX {
            let is_known = message_bytes_max(tag).is_some() || tag == PASSWORD;
            assert_eq!(name(tag).is_some(), is_known, "{tag}");
        }
    }
}
