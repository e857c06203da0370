//! The tenants there are, by name, for every worker.
//!
//! Looking one up takes no lock. A reload replaces the whole map at once and keeps the [`Tenant`]
//! objects of the names that stay, with all they hold. The map is as large as the configuration:
//! names that clients invent never enter it.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use arc_swap::ArcSwap;

use crate::config;
use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// All tenants at one moment, by name.
pub type Tenants = HashMap<Box<str>, Arc<Tenant>>;

/// The directory of a process.
#[derive(Debug)]
pub struct Directory {
    tenants: ArcSwap<Tenants>,
    /// The number of the next new tenant. The lock also makes reloads follow one another.
    next_slot: Mutex<u32>,
}

/// What a reload changed.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// Tenants that are new.
    pub added: Vec<Arc<Tenant>>,
    /// Tenants whose configuration is another now: their live sessions are to be looked at again.
    pub changed: Vec<Arc<Tenant>>,
    /// Tenants that are no more: their sessions are to be closed.
    pub removed: Vec<Arc<Tenant>>,
}

impl Directory {
    /// The directory of a configuration.
    pub fn new(tenants: &BTreeMap<String, Arc<config::Tenant>>) -> Self {
        let directory = Self {
            tenants: ArcSwap::default(),
            next_slot: Mutex::new(0),
        };
        directory.reload(tenants);
        directory
    }

    /// The tenant of this name.
    pub fn find(&self, name: &str) -> Option<Arc<Tenant>> {
        self.tenants.load().get(name).map(Arc::clone)
    }

    /// All tenants now.
    pub fn tenants(&self) -> Arc<Tenants> {
        self.tenants.load_full()
    }

    /// Takes the tenants of another configuration. A name that comes back after it was removed is a
    /// new tenant: sessions of the old one do not count for it.
    pub fn reload(&self, configs: &BTreeMap<String, Arc<config::Tenant>>) -> Reloaded {
        let mut next_slot = self
            .next_slot
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = self.tenants.load_full();
        let mut reloaded = Reloaded::default();
        let mut after = Tenants::with_capacity(configs.len());
        for (name, config) in configs {
            let tenant = if let Some(tenant) = before.get(name.as_str()) {
                if *tenant.config() != **config {
                    tenant.replace_config(Arc::clone(config));
                    reloaded.changed.push(Arc::clone(tenant));
                }
                Arc::clone(tenant)
            } else {
                let slot = TenantSlot::new(*next_slot);
                // At a thousand new tenants a second it would take fifty days to come round.
                *next_slot = next_slot.wrapping_add(1);
                let tenant = Arc::new(Tenant::new(slot, Arc::clone(config)));
                reloaded.added.push(Arc::clone(&tenant));
                tenant
            };
            after.insert(name.as_str().into(), tenant);
        }
        for (name, tenant) in before.iter() {
            if !after.contains_key(name) {
                tenant.mark_gone();
                reloaded.removed.push(Arc::clone(tenant));
            }
        }
        self.tenants.store(Arc::new(after));
        reloaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::ClientPermit;
    use crate::tenancy::NodeCounts;

    fn configs(tenants: &[(&str, u32)]) -> BTreeMap<String, Arc<config::Tenant>> {
        tenants
            .iter()
            .map(|(name, max_client_conn)| {
                let config = config::Tenant {
                    name: (*name).to_owned(),
                    max_client_conn: *max_client_conn,
                    ..config::Tenant::default()
                };
                ((*name).to_owned(), Arc::new(config))
            })
            .collect()
    }

    fn names(tenants: &[Arc<Tenant>]) -> Vec<&str> {
        tenants.iter().map(|tenant| tenant.name()).collect()
    }

    #[test]
    fn a_reload_says_what_it_added_changed_and_removed() {
        let directory = Directory::new(&configs(&[("acme", 1), ("globex", 1), ("initech", 1)]));
        let reloaded = directory.reload(&configs(&[("acme", 1), ("globex", 2), ("umbrella", 1)]));
        assert_eq!(names(&reloaded.added), ["umbrella"]);
        assert_eq!(names(&reloaded.changed), ["globex"]);
        assert_eq!(names(&reloaded.removed), ["initech"]);
        assert!(directory.find("initech").is_none());
        assert_eq!(directory.tenants().len(), 3);
    }

    #[test]
    fn a_tenant_that_stays_keeps_what_it_holds_and_takes_the_new_configuration() {
        let directory = Directory::new(&configs(&[("acme", 1)]));
        let node = Arc::new(NodeCounts::default());
        let tenant = directory.find("acme").unwrap();
        let _held = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
        directory.reload(&configs(&[("acme", 2)]));

        let again = directory.find("acme").unwrap();
        assert!(Arc::ptr_eq(&tenant, &again));
        assert_eq!(again.clients(), 1);
        let _second = ClientPermit::try_acquire(&node, &again, "app").unwrap();
        assert!(ClientPermit::try_acquire(&node, &again, "app").is_err());
    }

    #[test]
    fn a_removed_tenant_is_gone_and_its_name_may_come_back_as_another() {
        let directory = Directory::new(&configs(&[("acme", 1)]));
        let old = directory.find("acme").unwrap();
        directory.reload(&configs(&[]));
        assert!(old.is_gone());
        directory.reload(&configs(&[("acme", 1)]));
        let new = directory.find("acme").unwrap();
        assert!(!new.is_gone());
        assert_ne!(old.slot(), new.slot());
    }
}
