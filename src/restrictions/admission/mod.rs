//! The decision about one client before its password is asked for: network, TLS, limits, rate.
//!
//! The order is fixed. The network comes first, so that a blocked client learns nothing else; the
//! limits come before the rate, so that a client that finds no place uses up no attempt.

use std::sync::Arc;
use std::time::Instant;

use crate::config;
use crate::restrictions::Denial;
use crate::restrictions::Seen;
use crate::restrictions::Verdict;
use crate::restrictions::gate::Gates;
use crate::tenancy::ClientPermit;
use crate::tenancy::Directory;
use crate::tenancy::NodeCounts;
use crate::tenancy::Origin;
use crate::tenancy::Reloaded;
use crate::tenancy::Tenant;

/// Admits clients to tenants; one per process, shared by its workers.
#[derive(Debug)]
pub struct Admission {
    directory: Arc<Directory>,
    node: Arc<NodeCounts>,
    gates: Gates,
}

/// A client that has said what it wants.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// The tenant it names, existing or not.
    pub tenant: &'a str,
    /// The user it names, without the tenant.
    pub user: &'a str,
    /// From where it comes.
    pub origin: &'a Origin,
    /// Whether it speaks TLS with us. TLS up to a balancer does not count: what follows is plain.
    pub is_encrypted: bool,
}

/// A client that may be asked for its password.
#[derive(Debug)]
#[must_use = "dropping it gives the place of the client back"]
pub struct Admitted {
    /// The tenant's configuration under which it was admitted.
    pub config: Arc<config::Tenant>,
    /// Its place. It names the tenant.
    pub permit: ClientPermit,
}

/// A client that may not.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub denial: Denial,
    /// The tenant, if it exists, for its counters and its log.
    pub tenant: Option<Arc<Tenant>>,
}

impl Admission {
    /// Admits to the tenants of a directory, below the limits of a node.
    pub fn new(directory: Arc<Directory>, node: Arc<NodeCounts>) -> Self {
        Self {
            directory,
            node,
            gates: Gates::default(),
        }
    }

    /// The tenants.
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// What the node holds.
    pub const fn node(&self) -> &Arc<NodeCounts> {
        &self.node
    }

    /// Decides about one client.
    ///
    /// # Errors
    /// [`Refused`], after which the client holds nothing.
    pub fn admit(&self, applicant: &Applicant<'_>, now: Instant) -> Result<Admitted, Box<Refused>> {
        let Some(tenant) = self.directory.find(applicant.tenant) else {
            let denial = Denial::UnknownTenant {
                tenant: applicant.tenant.into(),
                seen: Seen::from(applicant.origin),
            };
            return Err(Box::new(Refused {
                denial,
                tenant: None,
            }));
        };
        self.admit_to(&tenant, applicant, now).map_err(|denial| {
            Box::new(Refused {
                denial,
                tenant: Some(tenant),
            })
        })
    }

    fn admit_to(
        &self,
        tenant: &Arc<Tenant>,
        applicant: &Applicant<'_>,
        now: Instant,
    ) -> Result<Admitted, Denial> {
        let gate = self.gates.of(tenant);
        let origin = applicant.origin;
        if let Verdict::Refused(refusal) = gate
            .network
            .admits(origin.client(), origin.private_endpoint())
        {
            return Err(Denial::Network {
                tenant: tenant.name().into(),
                seen: Seen::from(origin),
                refusal,
            });
        }
        if gate.config.tls_required && !applicant.is_encrypted {
            return Err(Denial::TlsRequired);
        }
        let permit = ClientPermit::try_acquire(&self.node, tenant, applicant.user)?;
        gate.attempt(applicant.user, now)?;
        Ok(Admitted {
            config: Arc::clone(&gate.config),
            permit,
        })
    }

    /// Decides about an address only: for a cancel request, and for a live session after a reload.
    /// A tenant that is gone admits nobody.
    ///
    /// # Errors
    /// [`Denial::UnknownTenant`] or [`Denial::Network`], which are told with the same words.
    pub fn check_network(&self, tenant: &Tenant, origin: &Origin) -> Result<(), Denial> {
        let name = || tenant.name().into();
        if tenant.is_gone() {
            return Err(Denial::UnknownTenant {
                tenant: name(),
                seen: Seen::from(origin),
            });
        }
        let gate = self.gates.of(tenant);
        match gate
            .network
            .admits(origin.client(), origin.private_endpoint())
        {
            Verdict::Admitted => Ok(()),
            Verdict::Refused(refusal) => Err(Denial::Network {
                tenant: name(),
                seen: Seen::from(origin),
                refusal,
            }),
        }
    }

    /// Takes the node and the tenants of a new configuration. The sessions of the tenants that
    /// changed are to be checked again ([`Admission::check_network`]), those of the removed ones to
    /// be closed.
    pub fn reload(&self, config: &config::Config) -> Reloaded {
        self.node.reload(&config.node);
        let reloaded = self.directory.reload(&config.tenants);
        for tenant in &reloaded.removed {
            self.gates.retire(tenant.slot());
        }
        reloaded
    }
}

#[cfg(test)]
mod tests;
