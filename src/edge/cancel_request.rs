//! A `CancelRequest` leaves the line after the startup packet: it names a session by its key and gets
//! no answer. Its connection is closed once the server has been told, as by Postgres: a client that
//! waits for that knows that none of its later queries will be canceled.
//!
//! It is held against the tenant's network restrictions like any client; whoever only knows a key
//! cancels nothing from a network that could not have logged in.

use std::fmt;
use std::sync::Arc;

use crate::edge::gate::Gate;
use crate::edge::line::Line;
use crate::edge::outcome::ClosedReason;
use crate::restrictions::Denial;
use crate::tenancy::Tenant;

/// The key of a session, as a client shows it. Never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// The process id of `BackendKeyData`; as opaque as the secret.
    pub process_id: u32,
    /// The secret: 4 bytes, or up to 256 from protocol 3.2 on.
    pub secret: Box<[u8]>,
}

/// Where cancel requests go: the registry of sessions.
pub trait CancelSink: Send + Sync {
    /// The tenant of the session with this key; `None` if there is none here.
    fn tenant_of(&self, key: &SessionKey) -> Option<Arc<Tenant>>;

    /// Cancels what the session with this key is doing. It only hands the request on, and does not
    /// wait; `connection` is dropped when all is done that will be.
    fn cancel(&self, key: &SessionKey, connection: Box<dyn Send>);
}

/// What became of a cancel request; the client is told none of it.
#[derive(Debug)]
pub enum Canceled {
    /// It was handed on.
    HandedOn(Arc<Tenant>),
    /// No session has this key.
    NoSession,
    /// The tenant does not admit the network that it came from.
    Denied(Arc<Tenant>, Box<Denial>),
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionKey(…)")
    }
}

impl Canceled {
    /// What is logged.
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::HandedOn(_) => "handed on",
            Self::NoSession => "no such session",
            Self::Denied(..) => "network not admitted",
        }
    }
}

/// A request that has arrived.
#[derive(Debug)]
pub(super) struct CancelArrival {
    pub(super) line: Line,
    pub(super) key: SessionKey,
}

impl CancelArrival {
    /// Hands the request on if its network may. How long its connection stays open tells only those
    /// that the key is right who have canceled something by it.
    pub(super) fn hand_on(self, gate: &Gate) -> ClosedReason {
        let Self { line, key } = self;
        let origin = line.origin().clone();
        ClosedReason::Cancel(match gate.cancels.tenant_of(&key) {
            None => Canceled::NoSession,
            Some(tenant) => match gate.admission.check_network(&tenant, &origin) {
                Ok(()) => {
                    gate.cancels.cancel(&key, Box::new(line));
                    Canceled::HandedOn(tenant)
                },
                Err(denial) => Canceled::Denied(tenant, Box::new(denial)),
            },
        })
    }
}
