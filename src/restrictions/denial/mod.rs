//! Why a client was refused, and what it is told.
//!
//! A tenant that does not exist and one whose networks are closed to the client are told with the
//! very same words; the true reason goes to the tenant's own log and counters. With
//! `refusals = "opaque"` not even these words are said: the client is let run into an authentication
//! that cannot succeed, and looks like one with a wrong password.
//!
//! TLS, limits and rates are told in both ways, for the developer could not find out otherwise; only
//! a client whose network is admitted hears them. A name that a client typed is never printed
//! unless it has the form of a tenant's, or is its own user.

mod wording;

use std::time::Duration;

use tidegate_proto::fault::Fault;
use tidegate_proto::proxy::PrivateEndpoint;
use tidegate_proto::sqlstate::SqlState;

use crate::config::Refusals;
use crate::restrictions::BacklogFull;
use crate::restrictions::NetworkRefusal;
use crate::restrictions::RateReached;
use crate::restrictions::Report;
use crate::restrictions::Throttled;
use crate::telemetry::RefusalReason;
use crate::tenancy::ClientAddress;
use crate::tenancy::LimitReached;
use crate::tenancy::Origin;
use crate::tenancy::ResolveError;

/// Why a client may not enter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// It names no tenant, or not one.
    #[error("the connection does not name one tenant")]
    Unresolved(#[source] ResolveError),
    /// The tenant does not exist.
    #[error("the tenant {tenant} does not exist")]
    UnknownTenant {
        /// The name, which has the form of one.
        tenant: Box<str>,
        /// From where.
        seen: Seen,
    },
    /// The tenant's network restrictions do not admit the client.
    #[error("the network of the client is not admitted by tenant {tenant}")]
    Network {
        /// The tenant.
        tenant: Box<str>,
        /// From where.
        seen: Seen,
        /// Which list refused it.
        #[source]
        refusal: NetworkRefusal,
    },
    /// The connection is not encrypted, and must be.
    #[error("TLS is required")]
    TlsRequired,
    /// A limit on clients is reached.
    #[error("the client is one too many")]
    ClientLimit(#[source] LimitReached),
    /// Connections are attempted too fast.
    #[error("the connection came too early")]
    Rate(#[source] RateReached),
    /// Too many logins failed.
    #[error("the client must wait after failed logins")]
    Throttled {
        /// From where.
        seen: Seen,
        /// For how long.
        #[source]
        throttled: Throttled,
    },
    /// The user or its secret is wrong, or the authentication was doomed.
    #[error("authentication failed")]
    Authentication {
        /// The user, as the client gave it.
        user: Box<str>,
        /// From where.
        seen: Seen,
    },
    /// Too many connections stand unauthenticated.
    #[error("the connection is one too many before authentication")]
    Backlog(#[source] BacklogFull),
}

/// What Tidegate saw of the client, which the client is told: it may not know what its address
/// looks like from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The address.
    pub client: ClientAddress,
    /// The private endpoint, if any.
    pub private_endpoint: Option<PrivateEndpoint>,
}

/// What to do with a refused client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Tell it and close.
    Tell(Report),
    /// Run an authentication as for an unknown user, with the throttle, and then tell it
    /// [`Denial::Authentication`].
    DoomedAuthentication,
}

impl From<&Origin> for Seen {
    fn from(origin: &Origin) -> Self {
        Self {
            client: origin.client(),
            private_endpoint: origin.private_endpoint().cloned(),
        }
    }
}

impl From<ResolveError> for Denial {
    fn from(error: ResolveError) -> Self {
        Self::Unresolved(error)
    }
}

impl From<LimitReached> for Denial {
    fn from(reached: LimitReached) -> Self {
        Self::ClientLimit(reached)
    }
}

impl From<RateReached> for Denial {
    fn from(reached: RateReached) -> Self {
        Self::Rate(reached)
    }
}

impl From<BacklogFull> for Denial {
    fn from(full: BacklogFull) -> Self {
        Self::Backlog(full)
    }
}

impl Denial {
    /// What to do with the client.
    pub fn disposition(&self, refusals: Refusals) -> Disposition {
        match (self, refusals) {
            (Self::UnknownTenant { .. } | Self::Network { .. }, Refusals::Opaque) => {
                Disposition::DoomedAuthentication
            },
            (_, Refusals::Named | Refusals::Opaque) => Disposition::Tell(self.report(refusals)),
        }
    }

    /// The label of the counter, and of the log: the true reason.
    pub const fn reason(&self) -> RefusalReason {
        match self {
            Self::Unresolved(_) => RefusalReason::TenantUnnamed,
            Self::UnknownTenant { .. } => RefusalReason::TenantUnknown,
            Self::Network {
                refusal: NetworkRefusal::EndpointNotListed,
                ..
            } => RefusalReason::PrivateEndpoint,
            Self::Network { .. } => RefusalReason::Network,
            Self::TlsRequired => RefusalReason::TlsRequired,
            Self::ClientLimit(_) => RefusalReason::ClientLimit,
            Self::Rate(_) => RefusalReason::Rate,
            Self::Throttled { .. } => RefusalReason::Throttle,
            Self::Authentication { .. } => RefusalReason::Authentication,
            Self::Backlog(BacklogFull::InAll) => RefusalReason::Backlog,
            Self::Backlog(BacklogFull::ByAddress) => RefusalReason::BacklogByAddress,
        }
    }

    /// Who caused it. A limit is the pooler's: the client did nothing that another may not.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unresolved(_)
            | Self::UnknownTenant { .. }
            | Self::Network { .. }
            | Self::TlsRequired
            | Self::Throttled { .. }
            | Self::Authentication { .. } => Fault::Client,
            Self::ClientLimit(_) | Self::Rate(_) | Self::Backlog(_) => Fault::Pooler,
        }
    }

    /// The code that a client is told.
    pub const fn sqlstate(&self) -> SqlState {
        match self {
            Self::Unresolved(_)
            | Self::UnknownTenant { .. }
            | Self::Network { .. }
            | Self::TlsRequired => SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            Self::Authentication { .. } => SqlState::INVALID_PASSWORD,
            Self::ClientLimit(_) | Self::Rate(_) | Self::Throttled { .. } | Self::Backlog(_) => {
                SqlState::TOO_MANY_CONNECTIONS
            },
        }
    }

    /// After how long it makes sense to try again, where that is known.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rate(reached) => Some(reached.retry_after),
            Self::Throttled { throttled, .. } => Some(throttled.retry_after),
            Self::Unresolved(_)
            | Self::UnknownTenant { .. }
            | Self::Network { .. }
            | Self::TlsRequired
            | Self::ClientLimit(_)
            | Self::Authentication { .. }
            | Self::Backlog(_) => None,
        }
    }

    /// The refusal in words; the disposition decides whether they are said.
    pub fn report(&self, refusals: Refusals) -> Report {
        let words = wording::of(self, refusals);
        Report {
            sqlstate: self.sqlstate(),
            message: words.message,
            detail: words.detail,
            hint: words.hint,
        }
    }
}

#[cfg(test)]
mod tests;
