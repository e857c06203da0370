//! What a refused client is told, in the fields of an `ErrorResponse`.

use tidegate_proto::sqlstate::SqlState;

/// A refusal in words. Its severity is FATAL: the connection closes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The code.
    pub sqlstate: SqlState,
    /// One line: what happened.
    pub message: String,
    /// What Tidegate saw that led to it.
    pub detail: String,
    /// What an application developer can do.
    pub hint: String,
}
