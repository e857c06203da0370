//! Why a command of an operator is refused, in PgBouncer's words where it has them.
//!
//! PgBouncer gives all of them the SQLSTATE 08P01, and tools that look at it expect that. What only
//! the extended protocol can get wrong has the SQLSTATE that a server gives.

use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::sqlstate::SqlState;

use crate::admin::OrdersClosed;
use crate::admin::ReloadRefused;

/// Why a command is refused. The operator's fault, always; the session goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConsoleError {
    /// It is no command, or none that there is.
    #[error("invalid command '{0}', use SHOW HELP;")]
    InvalidCommand(String),
    /// A word of it is too long.
    #[error("bad arguments")]
    BadArguments,
    /// It takes an admin.
    #[error("admin access needed")]
    NoAdmin,
    /// What was given is not the number of a client.
    #[error("invalid client pointer supplied")]
    NoClientId,
    /// No client has this number.
    #[error("client not found")]
    NoClient,
    /// No tenant has this name.
    #[error("tenant \"{0}\" does not exist")]
    NoTenant(String),
    /// The tenant has no database of this name.
    #[error("database \"{0}\" does not exist")]
    NoDatabase(String),
    /// Settings are not set from here.
    #[error("SET failed")]
    SetFailed,
    /// The configuration has mistakes.
    #[error("RELOAD failed, see logs for additional details")]
    ReloadRefused(#[source] ReloadRefused),
    /// Nothing is loaded any more.
    #[error("pooler is shutting down")]
    ShuttingDown(#[source] OrdersClosed),
    /// `Bind`, `Describe` of a statement that was not parsed.
    #[error("prepared statement \"{0}\" does not exist")]
    NoStatement(String),
    /// `Parse` of a name that is taken.
    #[error("prepared statement \"{0}\" already exists")]
    StatementExists(String),
    /// `Execute`, `Describe` of a portal that was not bound.
    #[error("portal \"{0}\" does not exist")]
    NoPortal(String),
    /// `Bind` of a name that is taken.
    #[error("cursor \"{0}\" already exists")]
    PortalExists(String),
    /// `Execute` of a command without rows, for the second time.
    #[error("portal \"{0}\" cannot be run")]
    PortalDone(String),
    /// More statements or portals than one operator may hold.
    #[error("too many prepared statements or portals")]
    TooMany,
    /// No command has parameters.
    #[error("bind message supplies {0} parameters, but prepared statement \"\" requires 0")]
    HasParameters(usize),
    /// Formats for other columns than there are.
    #[error("bind message has {given} result formats but query has {columns} columns")]
    FormatCount {
        /// How many formats were given.
        given: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// A format that is neither text nor binary.
    #[error("unsupported format code: {0}")]
    Format(i16),
    /// There are no functions here.
    #[error("function calls are not supported by the console")]
    FunctionCall,
}

impl ConsoleError {
    /// Appends it as an `ErrorResponse`.
    pub(super) fn encode(&self, buffer: &mut Vec<u8>) {
        let message = self.to_string();
        let detail = match self {
            Self::ReloadRefused(refused) => Some(refused.to_string()),
            Self::SetFailed => {
                Some("Settings are changed in the configuration, and taken with RELOAD.".to_owned())
            },
            Self::InvalidCommand(_)
            | Self::BadArguments
            | Self::NoAdmin
            | Self::NoClientId
            | Self::NoClient
            | Self::NoTenant(_)
            | Self::NoDatabase(_)
            | Self::ShuttingDown(_)
            | Self::NoStatement(_)
            | Self::StatementExists(_)
            | Self::NoPortal(_)
            | Self::PortalExists(_)
            | Self::PortalDone(_)
            | Self::TooMany
            | Self::HasParameters(_)
            | Self::FormatCount { .. }
            | Self::Format(_)
            | Self::FunctionCall => None,
        };
        let report = ReportText {
            detail: detail.as_deref(),
            ..ReportText::new(Severity::Error, self.sqlstate(), &message)
        };
        report.encode_error(buffer);
    }

    fn sqlstate(&self) -> SqlState {
        let code = match self {
            Self::InvalidCommand(_)
            | Self::BadArguments
            | Self::NoAdmin
            | Self::NoClientId
            | Self::NoClient
            | Self::NoTenant(_)
            | Self::NoDatabase(_)
            | Self::SetFailed
            | Self::ShuttingDown(_)
            | Self::HasParameters(_)
            | Self::FormatCount { .. } => return SqlState::PROTOCOL_VIOLATION,
            Self::Format(_) => return SqlState::INVALID_PARAMETER_VALUE,
            Self::FunctionCall => return SqlState::FEATURE_NOT_SUPPORTED,
            Self::ReloadRefused(_) => b"F0000",
            Self::NoStatement(_) => b"26000",
            Self::StatementExists(_) => b"42P05",
            Self::NoPortal(_) => b"34000",
            Self::PortalExists(_) => b"42P03",
            Self::PortalDone(_) => b"55000",
            Self::TooMany => b"54000",
        };
        SqlState::from_bytes(code).unwrap_or(SqlState::PROTOCOL_VIOLATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_proto::backend::ErrorResponse;

    #[test]
    fn mistakes_of_a_configuration_come_one_a_line_in_the_detail() {
        let mistakes = vec!["a.toml:1:1: x".to_owned(), "a.toml:2:1: y".to_owned()];
        let error = ConsoleError::ReloadRefused(ReloadRefused { mistakes });
        let mut buffer = Vec::new();
        error.encode(&mut buffer);
        let report = ErrorResponse::decode(&buffer[5..]).unwrap().report;
        assert_eq!(report.detail(), Some(&b"a.toml:1:1: x\na.toml:2:1: y"[..]));
        assert_eq!(report.sqlstate().unwrap().as_str(), "F0000");
        assert_eq!(report.severity(), Some(&b"ERROR"[..]));
    }
}
