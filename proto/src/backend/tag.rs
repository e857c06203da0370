//! The tag bytes of the messages that a backend sends. A tag means something else in the other
//! direction (`D` is `DataRow` here and `Describe` there), so the two lists never mix.
//!
//! See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

/// `AuthenticationOk` and every request for authentication.
pub const AUTHENTICATION: u8 = b'R';
/// `BackendKeyData`: what a `CancelRequest` must show.
pub const BACKEND_KEY_DATA: u8 = b'K';
/// `BindComplete`.
pub const BIND_COMPLETE: u8 = b'2';
/// `CloseComplete`.
pub const CLOSE_COMPLETE: u8 = b'3';
/// `CommandComplete`: the end of one SQL command.
pub const COMMAND_COMPLETE: u8 = b'C';
/// `CopyBothResponse`: streaming replication begins.
pub const COPY_BOTH_RESPONSE: u8 = b'W';
/// `CopyData`, in both directions.
pub const COPY_DATA: u8 = b'd';
/// `CopyDone`, in both directions.
pub const COPY_DONE: u8 = b'c';
/// `CopyInResponse`: the frontend must send data.
pub const COPY_IN_RESPONSE: u8 = b'G';
/// `CopyOutResponse`: data follows.
pub const COPY_OUT_RESPONSE: u8 = b'H';
/// `DataRow`.
pub const DATA_ROW: u8 = b'D';
/// `EmptyQueryResponse`: in place of a `CommandComplete`.
pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
/// `ErrorResponse`.
pub const ERROR_RESPONSE: u8 = b'E';
/// `FunctionCallResponse`.
pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
/// `NegotiateProtocolVersion`.
pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
/// `NoData`: in place of a `RowDescription`.
pub const NO_DATA: u8 = b'n';
/// `NoticeResponse`: may come at any time.
pub const NOTICE_RESPONSE: u8 = b'N';
/// `NotificationResponse`: may come at any time outside a transaction.
pub const NOTIFICATION_RESPONSE: u8 = b'A';
/// `ParameterDescription`.
pub const PARAMETER_DESCRIPTION: u8 = b't';
/// `ParameterStatus`: may come at any time.
pub const PARAMETER_STATUS: u8 = b'S';
/// `ParseComplete`.
pub const PARSE_COMPLETE: u8 = b'1';
/// `PortalSuspended`: the row limit of an `Execute` was reached.
pub const PORTAL_SUSPENDED: u8 = b's';
/// `ReadyForQuery`, with the transaction status.
pub const READY_FOR_QUERY: u8 = b'Z';
/// `RowDescription`.
pub const ROW_DESCRIPTION: u8 = b'T';

/// The name of the message as libpq's `PQtrace` writes it; `None` for an unknown tag.
pub const fn name(tag: u8) -> Option<&'static str> {
    Some(match tag {
        AUTHENTICATION => "Authentication",
        BACKEND_KEY_DATA => "BackendKeyData",
        BIND_COMPLETE => "BindComplete",
        CLOSE_COMPLETE => "CloseComplete",
        COMMAND_COMPLETE => "CommandComplete",
        COPY_BOTH_RESPONSE => "CopyBothResponse",
        COPY_DATA => "CopyData",
        COPY_DONE => "CopyDone",
        COPY_IN_RESPONSE => "CopyInResponse",
        COPY_OUT_RESPONSE => "CopyOutResponse",
        DATA_ROW => "DataRow",
        EMPTY_QUERY_RESPONSE => "EmptyQueryResponse",
        ERROR_RESPONSE => "ErrorResponse",
        FUNCTION_CALL_RESPONSE => "FunctionCallResponse",
        NEGOTIATE_PROTOCOL_VERSION => "NegotiateProtocolVersion",
        NO_DATA => "NoData",
        NOTICE_RESPONSE => "NoticeResponse",
        NOTIFICATION_RESPONSE => "NotificationResponse",
        PARAMETER_DESCRIPTION => "ParameterDescription",
        PARAMETER_STATUS => "ParameterStatus",
        PARSE_COMPLETE => "ParseComplete",
        PORTAL_SUSPENDED => "PortalSuspended",
        READY_FOR_QUERY => "ReadyForQuery",
        ROW_DESCRIPTION => "RowDescription",
        _ => return None,
    })
}
