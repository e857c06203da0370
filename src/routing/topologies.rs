//! The topologies of all tenants that have one. Asked when a pool is made or reloaded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;

use crate::config::Endpoint;
use crate::routing::Memory;
use crate::routing::Topology;
use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// The topologies of all tenants whose endpoints are looked at. They live as long as a pool needs
/// them.
#[derive(Debug, Default)]
pub struct Topologies(Mutex<HashMap<TenantSlot, Kept>>);

/// What is kept of a tenant's topology when no pool needs it.
#[derive(Debug, Default)]
struct Kept {
    topology: Weak<Topology>,
    memory: Arc<Memory>,
    endpoints: Vec<Arc<Endpoint>>,
}

impl Topologies {
    /// The tenant's, as its configuration is now; none if there is nothing to be found out.
    pub fn of(&self, tenant: &Tenant) -> Option<Arc<Topology>> {
        // Every change of the map is complete before anything can panic.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let config = tenant.config();
        if !Topology::is_needed(&config) {
            known.remove(&tenant.slot());
            return None;
        }
        let kept = known.entry(tenant.slot()).or_default();
        if let Some(topology) = kept.topology.upgrade() {
            topology.reload(&config);
            kept.endpoints.clone_from(&config.endpoints);
            return Some(topology);
        }
        let is_same = |(one, other): (&Arc<Endpoint>, &Arc<Endpoint>)| one.is_same_instance(other);
        let (before, now) = (&kept.endpoints, &config.endpoints);
        if before.len() != now.len() || !before.iter().zip(now).all(is_same) {
            kept.memory = Arc::default();
        }
        kept.endpoints.clone_from(&config.endpoints);
        let topology = Arc::new(Topology::new(&config, Arc::clone(&kept.memory)));
        kept.topology = Arc::downgrade(&topology);
        Some(topology)
    }

    /// A tenant is gone for good.
    pub fn forget(&self, tenant: TenantSlot) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&tenant);
    }

    /// The tenant's, if somebody uses it.
    pub fn in_use(&self, tenant: TenantSlot) -> Option<Arc<Topology>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&tenant)?.topology.upgrade()
    }
}
