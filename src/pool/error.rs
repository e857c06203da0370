//! Why a client gets no server, or a server no login: facts, whose fault they are, and what the
//! client is told.

use std::io;
use std::time::Duration;

use tidegate_proto::backend;
use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Violation;
use tidegate_proto::fault::Fault;
use tidegate_proto::sqlstate::SqlState;

use crate::auth::AuthError;
use crate::auth::SecretError;
use crate::restrictions::Report;
use crate::routing::NoPrimary;

/// Why a client gets no server, or a server no login.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The tenant has no endpoint that may be the primary.
    #[error("the tenant has no primary endpoint")]
    NoEndpoint,
    /// The tenant has no primary at the moment.
    #[error("the tenant has no primary at the moment")]
    NoPrimary(#[source] NoPrimary),
    /// It had none, or none that could be reached, for `failover_wait`.
    #[error("the tenant had no primary for {limit:?}: {cause}")]
    NoPrimaryInTime {
        /// The time that it had.
        limit: Duration,
        /// What was wrong the last time.
        cause: String,
    },
    /// The database was put to sleep.
    #[error("the database sleeps")]
    Asleep,
    /// It was woken `wakes_per_hour` times within an hour, and cannot be reached.
    #[error("the database was woken {per_hour} times within an hour, and cannot be reached")]
    WokenTooOften {
        /// How often it may be.
        per_hour: u32,
    },
    /// The endpoint's name has no address.
    #[error("the host {host} could not be resolved")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        #[source]
        source: Option<io::Error>,
    },
    /// No address of the endpoint took the connection; the error is the last one's.
    #[error("could not connect to {endpoint}")]
    Unreachable {
        /// The endpoint's name.
        endpoint: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The server does not do what its TLS mode demands.
    #[error("TLS with {endpoint} failed")]
    Tls {
        /// The endpoint's name.
        endpoint: String,
        /// What went wrong.
        #[source]
        source: TlsFailure,
    },
    /// The server answered with an error, in its own words.
    #[error("the server refused: {message} (SQLSTATE {sqlstate})")]
    ServerRefused {
        /// Its code; `XX000` if it gave none.
        sqlstate: SqlState,
        /// Its message.
        message: String,
        /// Its detail, if any.
        detail: String,
        /// Its hint, if any.
        hint: String,
    },
    /// The server refused the login that the configuration, and not the client, has words for.
    #[error("the server refused the pooler's own login")]
    OwnLoginRefused(#[source] Box<Self>),
    /// Logging in to the server failed on our side.
    #[error("could not log in to the server")]
    Login(#[source] AuthError),
    /// The stored secret of the user is none.
    #[error("the stored secret for the server cannot be used")]
    Secret(#[source] SecretError),
    /// The server broke the protocol.
    #[error("the server broke the protocol")]
    ServerViolation(#[source] Violation),
    /// The connection to the server broke.
    #[error("the connection to the server broke")]
    Broke(#[source] io::Error),
    /// The server's answer to a query of the pooler is larger than any such answer.
    #[error("the server's answer is too large")]
    ReplyTooLarge,
    /// `auth_query` gave something else than one row of name and secret.
    #[error(
        "auth_query must give one row of two columns: the name that was asked for, and the secret"
    )]
    BadAuthQuery,
    /// An endpoint's answer to its monitor makes no sense.
    #[error("the endpoint does not say what it is as PostgreSQL does")]
    BadMonitorAnswer,
    /// A replica would answer otherwise than the primary.
    #[error("{name} is {replica} at the replica and {primary} at the primary")]
    OtherSettings {
        /// The parameter.
        name: &'static str,
        /// Its value at the replica.
        replica: String,
        /// Its value at the primary.
        primary: String,
    },
    /// A database's answer to which functions it has makes no sense.
    #[error("the database does not say which functions it has as PostgreSQL does")]
    BadCatalogAnswer,
    /// A message for the server could not be written.
    #[error("a message could not be written")]
    Unwritable(#[from] EncodeError),
    /// Connecting, logging in or a query of the pooler took too long.
    #[error("the server did not answer within {limit:?}")]
    Timeout {
        /// The time that it had.
        limit: Duration,
    },
    /// The client waited for `query_wait_timeout`.
    #[error("no server became free within {timeout:?}")]
    QueryWaitTimeout {
        /// The time that it had.
        timeout: Duration,
    },
    /// More clients wait than may.
    #[error("too many clients wait for a server")]
    TooManyWaiting,
}

/// What can go wrong with TLS towards a server.
#[derive(Debug, thiserror::Error)]
pub enum TlsFailure {
    /// The server answered `N`: it has no TLS.
    #[error("the server offers no TLS")]
    NotOffered,
    /// It sent more than its one-byte answer, or something else.
    #[error("the server's answer to the request for TLS is not one S or N")]
    BadAnswer,
    /// The handshake or the certificate failed.
    #[error("the handshake failed")]
    Handshake(#[source] io::Error),
    /// The files of the configuration cannot be used.
    #[error("the configured files cannot be used")]
    Files(#[source] io::Error),
}

impl PoolError {
    /// The server's own words, from the body of its `ErrorResponse`. Every field may be missing.
    pub(crate) fn refused_by_server(body: &[u8]) -> Self {
        let report = ErrorResponse::decode(body).ok().map(|error| error.report);
        let text = |code: u8| {
            let field = report.and_then(|report| report.field(code));
            String::from_utf8_lossy(field.unwrap_or_default()).into_owned()
        };
        Self::ServerRefused {
            sqlstate: report
                .and_then(backend::Report::sqlstate)
                .unwrap_or(SqlState::INTERNAL_ERROR),
            message: text(b'M'),
            detail: text(b'D'),
            hint: text(b'H'),
        }
    }

    /// Who caused it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoEndpoint
            | Self::OwnLoginRefused(_)
            | Self::BadAuthQuery
            | Self::Secret(_)
            | Self::Unwritable(_) => Fault::Pooler,
            Self::NoPrimary(_)
            | Self::NoPrimaryInTime { .. }
            | Self::Asleep
            | Self::WokenTooOften { .. }
            | Self::Unresolved { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::ServerRefused { .. }
            | Self::Login(_)
            | Self::ServerViolation(_)
            | Self::Broke(_)
            | Self::ReplyTooLarge
            | Self::BadMonitorAnswer
            | Self::OtherSettings { .. }
            | Self::BadCatalogAnswer
            | Self::Timeout { .. } => Fault::Server,
            Self::QueryWaitTimeout { .. } | Self::TooManyWaiting => Fault::Client,
        }
    }

    /// Whether it says that no server can be reached, and not what is wrong with the login or with
    /// what was asked: another endpoint, or the same a moment later, may be better.
    pub(super) fn is_of_reach(&self) -> bool {
        match self {
            Self::NoPrimary(reason) => match reason {
                NoPrimary::NotYetKnown | NoPrimary::Nobody => true,
                NoPrimary::Behind(_) | NoPrimary::Split(..) => false,
            },
            // A proxy, or a server that ends, closes what it has accepted.
            Self::Tls {
                source: TlsFailure::Handshake(error),
                ..
            } => matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            ),
            Self::Asleep
            | Self::Unresolved { .. }
            | Self::Unreachable { .. }
            | Self::Broke(_)
            | Self::Timeout { .. } => true,
            Self::ServerRefused { sqlstate, .. } => matches!(
                *sqlstate,
                SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW
            ),
            Self::NoEndpoint
            | Self::NoPrimaryInTime { .. }
            | Self::WokenTooOften { .. }
            | Self::Tls { .. }
            | Self::OwnLoginRefused(_)
            | Self::Login(_)
            | Self::Secret(_)
            | Self::ServerViolation(_)
            | Self::ReplyTooLarge
            | Self::BadMonitorAnswer
            | Self::OtherSettings { .. }
            | Self::BadCatalogAnswer
            | Self::BadAuthQuery
            | Self::Unwritable(_)
            | Self::QueryWaitTimeout { .. }
            | Self::TooManyWaiting => false,
        }
    }

    /// What the client is told.
    pub fn report(&self) -> Report {
        let (sqlstate, hint) = match self {
            Self::ServerRefused {
                sqlstate,
                message,
                detail,
                hint,
            } => {
                return Report {
                    sqlstate: *sqlstate,
                    message: message.clone(),
                    detail: detail.clone(),
                    hint: hint.clone(),
                };
            },
            Self::OwnLoginRefused(_) => return own_login_refused(),
            Self::NoEndpoint => (
                SqlState::CANNOT_CONNECT_NOW,
                "The tenant's administrator must configure an endpoint with role = primary.",
            ),
            Self::NoPrimary(reason) => (SqlState::CANNOT_CONNECT_NOW, hint_without_primary(reason)),
            Self::NoPrimaryInTime { .. }
            | Self::Asleep
            | Self::WokenTooOften { .. }
            | Self::Unresolved { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. } => (
                SqlState::CANNOT_CONNECT_NOW,
                "The database cannot be reached at the moment. Try again later.",
            ),
            Self::Tls { .. }
            | Self::Login(_)
            | Self::Secret(_)
            | Self::BadAuthQuery
            | Self::ServerViolation(_)
            | Self::BadMonitorAnswer
            | Self::OtherSettings { .. }
            | Self::BadCatalogAnswer
            | Self::ReplyTooLarge => (
                SqlState::CONNECTION_FAILURE,
                "The tenant's administrator must look at the endpoint's configuration.",
            ),
            Self::Broke(_) => (SqlState::CONNECTION_FAILURE, "Connect again."),
            Self::Unwritable(_) => (SqlState::INTERNAL_ERROR, "This is a defect of the pooler."),
            Self::QueryWaitTimeout { .. } => (
                SqlState::QUERY_CANCELED,
                "All servers of the pool were busy. Raise pool_size or query_wait_timeout, or hold transactions for a shorter time.",
            ),
            Self::TooManyWaiting => (
                SqlState::TOO_MANY_CONNECTIONS,
                "All servers of the pool are busy and the queue is full. Try again later.",
            ),
        };
        Report {
            sqlstate,
            message: if let Self::QueryWaitTimeout { .. } = self {
                "query_wait_timeout".to_owned()
            } else {
                self.to_string()
            },
            detail: self.causes(),
            hint: hint.to_owned(),
        }
    }

    /// The error with everything that led to it, for the log.
    pub fn chain(&self) -> String {
        match self.causes() {
            causes if causes.is_empty() => self.to_string(),
            causes => format!("{self}: {causes}"),
        }
    }

    fn causes(&self) -> String {
        let mut causes = Vec::new();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes.join(": ")
    }
}

/// The server's words name a user and a password that are not the client's.
fn own_login_refused() -> Report {
    Report {
        sqlstate: SqlState::CONNECTION_FAILURE,
        message: "the pooler could not log in to the server".to_owned(),
        detail: "The client's own login was right. The server refused the user that the pooler is configured to log in as.".to_owned(),
        hint: "The tenant's administrator must check server_user and server_secret. The pooler's log has the server's words.".to_owned(),
    }
}

const fn hint_without_primary(reason: &NoPrimary) -> &'static str {
    match reason {
        NoPrimary::NotYetKnown | NoPrimary::Nobody => {
            "The database cannot be reached at the moment. Try again later."
        },
        NoPrimary::Behind(_) => {
            "It was the primary once. The tenant's administrator must bring the newer primary back, or change the tenant's endpoints."
        },
        NoPrimary::Split(..) => {
            "Nothing is written until one of them is a standby of the other, or is no endpoint of the tenant any more."
        },
    }
}
