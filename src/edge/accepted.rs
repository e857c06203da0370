//! The states of a login, each consumed by the step that makes the next.
//!
//! ```text
//! Accepted ──PROXY──▶ Introduced ──TLS──▶ Secured ──startup──▶ Started ──▶ CancelRequest
//!                                                                 │
//!                                                               tenant
//!                                                                 ▼
//!   Outcome ◀──welcome── Proven ◀──authenticate── Candidate ◀──restrictions── Named
//! ```
//!
//! None can be made from one that comes later, or used twice; so no step happens out of order.

use std::sync::Arc;

use tidegate_proto::startup::Replication;

use crate::admin::access::Role;
use crate::auth::ClientKeys;
use crate::config;
use crate::edge::deadline::Deadline;
use crate::edge::line::Line;
use crate::edge::tls::TlsFacts;
use crate::net::Transport;
use crate::restrictions::Denial;
use crate::tenancy::ClientPermit;
use crate::tenancy::Origin;

/// It is known who is calling (or that it is the peer).
#[derive(Debug)]
pub(super) struct Introduced {
    /// The client's own bytes come next.
    pub(super) transport: Transport,
    pub(super) origin: Origin,
    pub(super) deadline: Deadline,
}

/// It is settled whether there is TLS.
#[derive(Debug)]
pub(super) struct Secured {
    pub(super) line: Line,
    pub(super) tls: Option<Box<TlsFacts>>,
}

/// The client has said what it wants.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) line: Line,
    pub(super) tls: Option<Box<TlsFacts>>,
    pub(super) wish: Wish,
}

/// What a `StartupMessage` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wish {
    /// As the client wrote it, the tenant included.
    pub(super) user: String,
    /// `None`: named like the user.
    pub(super) database: Option<String>,
    /// The parameter as it came.
    pub(super) options: Option<Vec<u8>>,
    pub(super) replication: Replication,
    /// All others, in order.
    pub(super) parameters: Vec<(String, String)>,
    /// 0, or 2.
    pub(super) protocol_minor: u16,
}

/// The client has named a user, and a tenant (which may not exist) or the console.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) line: Line,
    pub(super) tls: Option<Box<TlsFacts>>,
    pub(super) claim: Claim,
    pub(super) place: Place,
}

/// Where a client wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// To a tenant of this name.
    Tenant(Box<str>),
    /// To the SQL console.
    Console,
}

/// Who a client says it is, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// Without the tenant.
    pub(super) user: String,
    /// As the client wrote it.
    pub(super) name_sent: String,
    pub(super) database: String,
    pub(super) replication: Replication,
    /// With those of `options` in front, and without those that are Tidegate's own.
    pub(super) parameters: Vec<(String, String)>,
    /// 0, or 2.
    pub(super) protocol_minor: u16,
}

/// The client may be asked who it is.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) line: Line,
    pub(super) tls: Option<Box<TlsFacts>>,
    pub(super) claim: Claim,
    pub(super) standing: Standing,
}

/// What a proof will be worth.
#[derive(Debug)]
pub(super) enum Standing {
    /// A place in a tenant.
    Admitted(TenantPlace),
    /// A place at the console.
    Operator(Role),
    /// Nothing: the client was denied, and must not learn that before its password is refused.
    Doomed {
        /// The name that it gave; empty at the console.
        tenant: Box<str>,
        denial: Box<Denial>,
    },
}

impl Standing {
    /// The tenant that the client named; empty at the console, as no tenant's name is.
    pub(super) fn tenant_name(&self) -> &str {
        match self {
            Self::Admitted(place) => place.permit.tenant().name(),
            Self::Operator(_) => "",
            Self::Doomed { tenant, .. } => tenant,
        }
    }
}

/// A place in a tenant, under the configuration that gave it.
#[derive(Debug)]
pub(super) struct TenantPlace {
    pub(super) config: Arc<config::Tenant>,
    pub(super) permit: ClientPermit,
}

/// The client has proven who it is, and does not know yet.
#[derive(Debug)]
pub(super) struct Proven {
    pub(super) line: Line,
    pub(super) claim: Claim,
    pub(super) seat: Seat,
    /// What is due before `AuthenticationOk`; may be empty.
    pub(super) message: Vec<u8>,
}

/// Where a client that has proven who it is will be.
#[derive(Debug)]
pub(super) enum Seat {
    /// In a tenant, with what its proof revealed.
    Tenant(TenantPlace, Option<ClientKeys>),
    /// At the console.
    Console(Role),
}
