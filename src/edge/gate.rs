//! What all workers share at the edge.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tidegate_proto::scram::MockKey;

use crate::config::Config;
use crate::edge::cancel_request::CancelSink;
use crate::edge::secret_store::SecretLookups;
use crate::edge::secret_store::SecretStore;
use crate::restrictions::Admission;
use crate::restrictions::Backlog;
use crate::restrictions::Throttle;
use crate::tenancy::Reloaded;

/// Fills a buffer with random bytes from a generator fit for keys.
pub type Randomness = fn(&mut [u8]);

/// The gate that every connection passes. Cloning is cheap: every part is shared.
#[derive(Clone)]
pub struct Gate {
    /// The configuration of the moment; a reload replaces it.
    pub config: Arc<ArcSwap<Config>>,
    /// Who may enter which tenant.
    pub admission: Arc<Admission>,
    /// Who stands unauthenticated.
    pub backlog: Arc<Backlog>,
    /// Whose logins failed.
    pub throttle: Arc<Throttle>,
    /// What is remembered of secrets.
    pub secrets: Arc<SecretStore>,
    /// Who asks tenants' databases for secrets; `None`: users of an `auth_query` cannot log in.
    pub lookups: Option<Arc<dyn SecretLookups>>,
    /// What unknown users are challenged with.
    pub mock_key: MockKey,
    /// Where cancel requests go.
    pub cancels: Arc<dyn CancelSink>,
    /// Where nonces and salts come from.
    pub random: Randomness,
}

impl Gate {
    /// Takes the limits and the tenants of a new configuration, which is not stored here. The
    /// sessions of tenants that changed are to be checked again, those of removed ones to be closed.
    pub fn reload(&self, config: &Config) -> Reloaded {
        self.backlog.reload(&config.node);
        self.throttle.reload(&config.node);
        let reloaded = self.admission.reload(config);
        for tenant in reloaded.changed.iter().chain(&reloaded.removed) {
            self.secrets.forget_tenant(tenant.slot());
        }
        reloaded
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gate").finish_non_exhaustive()
    }
}
