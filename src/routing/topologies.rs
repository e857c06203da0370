//! The topologies of all tenants that have one. Asked when a pool is made or reloaded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;

use crate::routing::Topology;
use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// The topologies of all tenants whose endpoints are looked at. They live as long as a pool needs
/// them.
#[derive(Debug, Default)]
pub struct Topologies(Mutex<HashMap<TenantSlot, Weak<Topology>>>);

impl Topologies {
    /// The tenant's, as its configuration is now; none if there is nothing to be found out.
    pub fn of(&self, tenant: &Tenant) -> Option<Arc<Topology>> {
        let config = tenant.config();
        if !Topology::is_needed(&config) {
            return None;
        }
        // Every change of the map is complete before anything can panic.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topology) = known.get(&tenant.slot()).and_then(Weak::upgrade) {
            topology.reload(&config);
            return Some(topology);
        }
        // The time to look for those that are gone is when there is a new one.
        known.retain(|_, topology| topology.strong_count() > 0);
        let topology = Arc::new(Topology::new(&config));
        known.insert(tenant.slot(), Arc::downgrade(&topology));
        Some(topology)
    }

    /// The tenant's, if somebody uses it.
    pub fn in_use(&self, tenant: TenantSlot) -> Option<Arc<Topology>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&tenant).and_then(Weak::upgrade)
    }
}
