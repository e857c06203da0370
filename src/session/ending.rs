//! Why a session ends before its client wants it to, and what the client is told.

use tidegate_proto::sqlstate::SqlState;

/// Why a session is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Tidegate is shutting down.
    ShuttingDown,
    /// An operator ended it.
    Killed,
    /// The tenant's network restrictions changed, and no longer admit this client.
    NotAllowed,
    /// The tenant is no longer configured.
    TenantGone,
    /// The user is no longer configured.
    UserGone,
    /// `client_idle_timeout`.
    IdleTimeout,
    /// `idle_transaction_timeout`.
    IdleTransactionTimeout,
    /// `query_timeout`.
    QueryTimeout,
    /// `transaction_timeout`.
    TransactionTimeout,
    /// `client_lifetime`.
    LifetimeOver,
    /// It took too long to take its last messages.
    Unresponsive,
    /// Its server is no primary any more.
    PrimaryMoved,
}

impl Ending {
    /// The SQLSTATE that the client is told.
    pub const fn sqlstate(self) -> SqlState {
        match self {
            Self::ShuttingDown | Self::Killed | Self::LifetimeOver | Self::Unresponsive => {
                SqlState::ADMIN_SHUTDOWN
            },
            Self::NotAllowed | Self::TenantGone | Self::UserGone => {
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            },
            Self::IdleTimeout => SqlState::IDLE_SESSION_TIMEOUT,
            Self::IdleTransactionTimeout => SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            Self::QueryTimeout | Self::TransactionTimeout => SqlState::QUERY_CANCELED,
            Self::PrimaryMoved => SqlState::CONNECTION_FAILURE,
        }
    }

    /// The message that the client is told.
    pub const fn message(self) -> &'static str {
        match self {
            Self::ShuttingDown => "terminating connection because the pooler is shutting down",
            Self::Killed => "terminating connection due to administrator command",
            Self::NotAllowed => "connections from this address are no longer allowed",
            Self::TenantGone => "this tenant is no longer served here",
            Self::UserGone => "this user is no longer served here",
            Self::IdleTimeout => "terminating connection due to client_idle_timeout",
            Self::IdleTransactionTimeout => {
                "terminating connection due to idle_transaction_timeout"
            },
            Self::QueryTimeout => "terminating connection due to query_timeout",
            Self::TransactionTimeout => "terminating connection due to transaction_timeout",
            Self::LifetimeOver => "terminating connection due to client_lifetime",
            Self::Unresponsive => "terminating connection because it does not read",
            Self::PrimaryMoved => {
                "terminating connection because its server is not the primary any more"
            },
        }
    }

    /// What the client's developer can do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::ShuttingDown | Self::Killed | Self::LifetimeOver | Self::PrimaryMoved => {
                "Connect again."
            },
            Self::NotAllowed => "Ask the tenant's administrator about its network restrictions.",
            Self::TenantGone => "Check the tenant's name with its administrator.",
            Self::UserGone => "Check the user's name with the tenant's administrator.",
            Self::IdleTimeout | Self::IdleTransactionTimeout => {
                "Close what is not used, or ask the administrator for a longer timeout."
            },
            Self::QueryTimeout | Self::TransactionTimeout => {
                "Split the work into shorter pieces, or ask the administrator for a longer timeout."
            },
            Self::Unresponsive => "Read what the server sends.",
        }
    }

    /// Whether the session may first finish the transaction it is in.
    pub(super) const fn waits_for_the_transaction(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::LifetimeOver)
    }

    /// The word for it in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ShuttingDown => "shutting_down",
            Self::Killed => "killed",
            Self::NotAllowed => "not_allowed",
            Self::TenantGone => "tenant_gone",
            Self::UserGone => "user_gone",
            Self::IdleTimeout => "client_idle_timeout",
            Self::IdleTransactionTimeout => "idle_transaction_timeout",
            Self::QueryTimeout => "query_timeout",
            Self::TransactionTimeout => "transaction_timeout",
            Self::LifetimeOver => "client_lifetime",
            Self::Unresponsive => "unresponsive",
            Self::PrimaryMoved => "primary_moved",
        }
    }
}
