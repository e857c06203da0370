//! What is kept ready of each tenant to decide about its clients: the compiled networks, and the
//! buckets of its connection rates.
//!
//! It follows the tenant's configuration by itself: a gate that was compiled from another
//! configuration than the tenant's present one is compiled anew when it is next asked for, and the
//! buckets stay. It holds gates for living tenants only, and buckets for configured users only.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use dashmap::DashMap;
use dashmap::Entry;

use crate::config;
use crate::restrictions::NetworkRestriction;
use crate::restrictions::rate::RateBucket;
use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// The gates of all tenants.
#[derive(Debug, Default)]
pub(super) struct Gates {
    gates: DashMap<TenantSlot, Arc<Gate>>,
}

/// One tenant's gate, compiled from one configuration.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) config: Arc<config::Tenant>,
    pub(super) network: NetworkRestriction,
    buckets: Arc<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    tenant: Mutex<RateBucket>,
    users: Mutex<HashMap<Box<str>, RateBucket>>,
}

/// Whose rate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateScope {
    /// The user's.
    User,
    /// The tenant's.
    Tenant,
}

/// Connections are attempted too fast: nobody's fault, and it will pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("connections are attempted faster than allowed")]
pub struct RateReached {
    /// Whose rate.
    pub scope: RateScope,
    /// After how long the next attempt is allowed, if nobody else makes it.
    pub retry_after: Duration,
}

impl Gates {
    /// The gate of a tenant as it is configured now.
    pub(super) fn of(&self, tenant: &Tenant) -> Arc<Gate> {
        if let Some(gate) = self.gates.get(&tenant.slot())
            && Arc::ptr_eq(&gate.config, &tenant.config())
        {
            return Arc::clone(&gate);
        }
        match self.gates.entry(tenant.slot()) {
            Entry::Occupied(mut entry) => {
                // Read again under the lock, so that an old configuration never replaces a new one.
                let config = tenant.config();
                if !Arc::ptr_eq(&entry.get().config, &config) {
                    let gate = Gate::compile(config, Arc::clone(&entry.get().buckets));
                    entry.insert(Arc::new(gate));
                }
                Arc::clone(entry.get())
            },
            Entry::Vacant(entry) => {
                let gate = Arc::new(Gate::compile(tenant.config(), Arc::default()));
                // Under the lock of the entry: a tenant that goes now is retired afterwards.
                if !tenant.is_gone() {
                    entry.insert(Arc::clone(&gate));
                }
                gate
            },
        }
    }

    /// Forgets a tenant that was removed.
    pub(super) fn retire(&self, slot: TenantSlot) {
        self.gates.remove(&slot);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.gates.len()
    }
}

impl Gate {
    fn compile(config: Arc<config::Tenant>, buckets: Arc<Buckets>) -> Self {
        let network = NetworkRestriction::from(&config.network);
        buckets.lock_users().retain(|user, _| {
            let row = config.users.get(&**user);
            row.is_some_and(|row| !row.connection_rate.is_unlimited())
        });
        Self {
            config,
            network,
            buckets,
        }
    }

    /// Counts one connection attempt of `user` against the user's rate, then the tenant's: a user
    /// above its own rate takes nothing from the others.
    ///
    /// # Errors
    /// [`RateReached`] names the first rate that is reached.
    pub(super) fn attempt(&self, user: &str, now: Instant) -> Result<(), RateReached> {
        let reached = |scope| move |retry_after| RateReached { scope, retry_after };
        let row = self.config.users.get(user);
        if let Some(row) = row.filter(|row| !row.connection_rate.is_unlimited()) {
            let mut users = self.buckets.lock_users();
            users
                .entry(user.into())
                .or_default()
                .take(row.connection_rate, now)
                .map_err(reached(RateScope::User))?;
        }
        self.buckets
            .tenant
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(self.config.connection_rate, now)
            .map_err(reached(RateScope::Tenant))
    }
}

impl Buckets {
    fn lock_users(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, RateBucket>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
