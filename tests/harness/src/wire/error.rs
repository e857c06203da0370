//! What can go wrong on a connection, with the server's own words where it said some.

use std::fmt;
use std::io;

use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Violation;

/// Why there was no answer, or not the one wanted. `Debug` prints the same text as `Display`.
#[derive(thiserror::Error)]
pub enum WireError {
    /// The server said no.
    #[error("{0}")]
    Refused(Box<ServerReport>),
    /// The other side closed the connection.
    #[error("the other side closed the connection")]
    Closed,
    /// Nothing came in time.
    #[error("no answer came in time")]
    Late,
    /// The connection broke, or there was none.
    #[error("the connection broke: {0}")]
    Io(io::Error),
    /// What came is no message of a server.
    #[error("the server broke the protocol: {0}")]
    Violation(#[from] Violation),
    /// What should be sent is no message.
    #[error("not a message: {0}")]
    Encode(#[from] EncodeError),
    /// The server gave no key to cancel with.
    #[error("there is no key to cancel with")]
    NoKey,
    /// The server wants a proof that the client cannot give.
    #[error("the login failed: {0}")]
    Login(String),
}

impl WireError {
    /// What the server said, if it was the server.
    pub fn report(&self) -> Option<&ServerReport> {
        match self {
            Self::Refused(report) => Some(report),
            Self::Closed
            | Self::Late
            | Self::Io(_)
            | Self::Violation(_)
            | Self::Encode(_)
            | Self::NoKey
            | Self::Login(_) => None,
        }
    }

    /// The SQLSTATE that the server gave; empty if it was something else that went wrong.
    pub fn sqlstate(&self) -> &str {
        self.report().map_or("", |report| &report.sqlstate)
    }
}

impl From<ServerReport> for WireError {
    fn from(report: ServerReport) -> Self {
        Self::Refused(Box::new(report))
    }
}

impl fmt::Debug for WireError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// An `ErrorResponse` or a `NoticeResponse`; a field that was not sent is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerReport {
    /// `ERROR`, `FATAL`, …
    pub severity: String,
    /// The SQLSTATE.
    pub sqlstate: String,
    /// The message.
    pub message: String,
    /// The detail.
    pub detail: String,
    /// The hint.
    pub hint: String,
}

impl ServerReport {
    pub(super) fn decode(body: &[u8]) -> Result<Self, Violation> {
        let report = ErrorResponse::decode(body)?.report;
        let text =
            |field: Option<&[u8]>| String::from_utf8_lossy(field.unwrap_or_default()).into_owned();
        Ok(Self {
            severity: text(report.severity()),
            sqlstate: text(report.field(b'C')),
            message: text(report.message()),
            detail: text(report.detail()),
            hint: text(report.hint()),
        })
    }
}

impl fmt::Display for ServerReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            severity,
            sqlstate,
            message,
            detail,
            hint,
        } = self;
        write!(formatter, "{severity} {sqlstate}: {message}")?;
        if !detail.is_empty() {
            write!(formatter, " (detail: {detail})")?;
        }
        if !hint.is_empty() {
            write!(formatter, " (hint: {hint})")?;
        }
        Ok(())
    }
}
