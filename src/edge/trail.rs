//! What is known of a connection so far, for the one line that is logged when it ends here.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

use tidegate_proto::fault::Fault;

use crate::edge::EdgeError;
use crate::edge::accepted::Named;
use crate::edge::accepted::Place;
use crate::edge::cancel_request::Canceled;
use crate::edge::gate::Gate;
use crate::edge::listener::Accepted;
use crate::edge::outcome::Closed;
use crate::edge::outcome::ClosedReason;
use crate::edge::outcome::Outcome;
use crate::telemetry::RefusalReason;
use crate::telemetry::Untrusted;
use crate::tenancy::Origin;
use crate::tenancy::PeerAddress;
use crate::tenancy::Tenant;

/// What is known of a connection so far.
#[derive(Debug)]
pub(super) struct Trail {
    peer: PeerAddress,
    origin: Option<Origin>,
    tenant: Option<Box<str>>,
    user: Option<Box<str>>,
}

impl Trail {
    /// Of a connection that was just accepted.
    pub(super) const fn new(accepted: &Accepted) -> Self {
        Self {
            peer: accepted.peer,
            origin: None,
            tenant: None,
            user: None,
        }
    }

    /// The client's address is known.
    pub(super) fn comes_from(&mut self, origin: &Origin) {
        self.origin = Some(origin.clone());
    }

    /// The client has said where it wants to go.
    pub(super) fn is_for(&mut self, named: &Named) {
        self.tenant = match &named.place {
            Place::Tenant(tenant) => Some(tenant.clone()),
            Place::Console => None,
        };
        self.user = Some(named.claim.user.as_str().into());
    }

    /// The connection is closed: logs it.
    pub(super) fn end(&self, reason: ClosedReason, gate: &Gate) -> Outcome {
        let tenant = match &reason {
            ClosedReason::Cancel(Canceled::HandedOn(tenant) | Canceled::Denied(tenant, _)) => {
                Some(Arc::clone(tenant))
            },
            ClosedReason::Cancel(Canceled::NoSession) | ClosedReason::Failed(_) => self
                .tenant
                .as_deref()
                .and_then(|name| gate.admission.directory().find(name)),
        };
        self.log(&reason, tenant.as_deref());
        Outcome::Closed(Box::new(Closed { tenant, reason }))
    }
}

impl Trail {
    fn log(&self, reason: &ClosedReason, tenant: Option<&Tenant>) {
        let peer = self.peer;
        let origin = self.origin.as_ref();
        let client = origin.map(|origin| tracing::field::display(origin.client()));
        let unique_id = origin.and_then(Origin::unique_id).map(Untrusted::new);
        let unique_id = unique_id.as_ref().map(tracing::field::display);
        // A name that a client made up is not a tenant.
        let tenant = tenant.map(Tenant::name);
        let user = self.user.as_deref().map(Untrusted::new);
        let user = user.as_ref().map(tracing::field::display);
        match reason {
            ClosedReason::Failed(error) => {
                let label = error.reason().map(RefusalReason::label);
                let chain = Chain(error);
                match (label, error.fault()) {
                    (None, _) if matches!(error, EdgeError::Io(_)) => tracing::info!(
                        target: TARGET, %peer, client, unique_id, tenant, user, reason = "left", error = %chain,
                        "connection closed before it was authenticated"
                    ),
                    (None, _) => tracing::debug!(
                        target: TARGET, %peer, client, unique_id, reason = %chain, "connection closed"
                    ),
                    (Some(label), Fault::Client | Fault::Server) => tracing::info!(
                        target: TARGET, %peer, client, unique_id, tenant, user, reason = label, error = %chain,
                        "connection refused"
                    ),
                    (Some(label), Fault::Pooler) => tracing::warn!(
                        target: TARGET, %peer, client, unique_id, tenant, user, reason = label, error = %chain,
                        "connection refused"
                    ),
                }
            },
            ClosedReason::Cancel(canceled) => tracing::info!(
                target: TARGET, %peer, client, unique_id, tenant, reason = canceled.label(),
                "cancel request"
            ),
        }
    }
}

/// The target of the line that every connection ends with.
const TARGET: &str = "tidegate::connection";

/// An error and what caused it, outermost first.
struct Chain<'a>(&'a EdgeError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(formatter, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
