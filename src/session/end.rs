//! How a session ended, what its client is told about it, and what the log says.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Violation;
use tidegate_proto::fault::Fault;
use tidegate_proto::sqlstate::SqlState;

use crate::pool::PoolError;
use crate::pool::TooManySettings;
use crate::restrictions::Report;
use crate::session::Ending;

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The client said `Terminate`.
    #[error("the client terminated")]
    Terminated,
    /// The client closed the connection without a word.
    #[error("the client went away")]
    ClientGone,
    /// The connection to the client broke.
    #[error("the connection to the client broke")]
    ClientBroke(#[source] io::Error),
    /// The client broke the protocol.
    #[error("the client broke the protocol")]
    ClientViolation(#[source] Violation),
    /// The client set more parameters than are carried.
    #[error("the client set too many parameters")]
    TooManySettings(#[from] TooManySettings),
    /// A transaction block in statement mode.
    #[error("the client began a transaction block in statement mode")]
    TransactionInStatementMode,
    /// No server could be had.
    #[error("no server could be had")]
    NoServer(#[source] Rc<PoolError>),
    /// The server closed the connection; `has_said_why` if its own words reached the client.
    #[error("the server went away")]
    ServerGone {
        /// An `ErrorResponse` was the last thing it said.
        has_said_why: bool,
    },
    /// The server broke the protocol.
    #[error("the server broke the protocol")]
    ServerViolation(#[source] Violation),
    /// The server refused the client's settings, in its own words.
    #[error("the server refused the client's settings")]
    SettingsRefused(#[source] PoolError),
    /// The primary refused to begin the client's transaction block, which was at a replica before, in its
    /// own words.
    #[error("the primary refused to begin the client's transaction block")]
    BlockRefused(#[source] PoolError),
    /// A message could not be written.
    #[error("a message could not be written")]
    Unwritable(#[from] EncodeError),
    /// It was ended from outside.
    #[error("it was ended: {}", .0.label())]
    Ended(Ending),
}

impl End {
    /// Who caused it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Terminated
            | Self::ClientGone
            | Self::ClientBroke(_)
            | Self::ClientViolation(_)
            | Self::TooManySettings(_)
            | Self::TransactionInStatementMode => Fault::Client,
            Self::ServerGone { .. } | Self::ServerViolation(_) => Fault::Server,
            Self::NoServer(error) => error.fault(),
            Self::SettingsRefused(error) | Self::BlockRefused(error) => error.fault(),
            Self::Unwritable(_) | Self::Ended(_) => Fault::Pooler,
        }
    }

    /// The word for it in logs and metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Terminated => "terminated",
            Self::ClientGone => "client_gone",
            Self::ClientBroke(_) => "client_broke",
            Self::ClientViolation(_) => "client_violation",
            Self::TooManySettings(_) => "too_many_settings",
            Self::TransactionInStatementMode => "transaction_in_statement_mode",
            Self::NoServer(_) => "no_server",
            Self::ServerGone { .. } => "server_gone",
            Self::ServerViolation(_) => "server_violation",
            Self::SettingsRefused(_) => "settings_refused",
            Self::BlockRefused(_) => "block_refused",
            Self::Unwritable(_) => "unwritable",
            Self::Ended(ending) => ending.label(),
        }
    }

    /// What the client is told; `None` where it cannot hear, or has heard it from the server.
    pub(super) fn report(&self) -> Option<Report> {
        Some(match self {
            Self::Terminated
            | Self::ClientGone
            | Self::ClientBroke(_)
            | Self::ServerGone { has_said_why: true } => return None,
            Self::NoServer(error) => error.report(),
            Self::SettingsRefused(error) | Self::BlockRefused(error) => error.report(),
            Self::Ended(ending) => report(ending.sqlstate(), ending.message(), "", ending.hint()),
            Self::ClientViolation(violation) => report(
                SqlState::PROTOCOL_VIOLATION,
                "the client broke the protocol",
                &violation.to_string(),
                "This is a defect of the client's driver, or of something between it and the pooler.",
            ),
            Self::TooManySettings(error) => report(
                SqlState::TOO_MANY_CONNECTIONS,
                &error.to_string(),
                "",
                "Set fewer parameters, or set them for the role in the database.",
            ),
            Self::TransactionInStatementMode => report(
                SqlState::FEATURE_NOT_SUPPORTED,
                "transaction blocks are not possible in statement mode",
                "In this mode a server goes back to its pool after each statement.",
                "Use pool_mode = transaction.",
            ),
            Self::ServerGone {
                has_said_why: false,
            } => report(
                SqlState::CONNECTION_FAILURE,
                "the server closed the connection unexpectedly",
                "",
                "Connect again. The server's log says why it ended.",
            ),
            Self::ServerViolation(violation) => report(
                SqlState::CONNECTION_FAILURE,
                "the server broke the protocol",
                &violation.to_string(),
                "Connect again. What speaks at the tenant's endpoint is no PostgreSQL server, or a broken one.",
            ),
            Self::Unwritable(error) => report(
                SqlState::INTERNAL_ERROR,
                "the pooler could not write a message",
                &error.to_string(),
                "This is a defect of the pooler.",
            ),
        })
    }
}

fn report(sqlstate: SqlState, message: &str, detail: &str, hint: &str) -> Report {
    Report {
        sqlstate,
        message: message.to_owned(),
        detail: detail.to_owned(),
        hint: hint.to_owned(),
    }
}

/// How long the client was there, for the log.
pub(super) fn seconds(age: Duration) -> f64 {
    (age.as_secs_f64() * 1000.0).round() / 1000.0
}
