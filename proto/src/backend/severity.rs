//! How bad a report is.

/// The severities that Tidegate gives.
///
/// See `S` and `V` in <https://www.postgresql.org/docs/current/protocol-error-fields.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// A statement failed; the session goes on.
    Error,
    /// The session ends.
    Fatal,
    /// Something is likely wrong.
    Warning,
    /// Something worth knowing.
    Notice,
    /// An answer to what was asked for.
    Info,
}

impl Severity {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
            Self::Info => "INFO",
        }
    }
}
