//! The counters of one worker, by tenant slot and database, and their sums over workers.
//!
//! A reader asks each worker for its [`WorkerTotals`] by message and merges them. A pool keeps the
//! `Rc` of its database's counters, so that nothing is looked up per transaction.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::telemetry::CounterTotals;
use crate::telemetry::Counters;
use crate::telemetry::TenantSlot;

/// What tells one database from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseKey {
    /// Whose it is.
    pub tenant: TenantSlot,
    /// Its name on the server.
    pub database: Arc<str>,
}

/// All counters of one worker. It belongs to its thread; [`WorkerTotals`] travel.
#[derive(Debug, Default)]
pub struct WorkerCounters {
    /// Connections that never named a tenant that exists.
    nameless: Counters,
    /// What belongs to a tenant and to none of its databases.
    tenants: RefCell<HashMap<TenantSlot, Rc<Counters>>>,
    databases: RefCell<HashMap<DatabaseKey, Rc<Counters>>>,
    /// What removed tenants had counted, so that the node's sums never shrink.
    retired: RefCell<CounterTotals>,
}

impl WorkerCounters {
    /// Counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counters of connections that belong to no tenant (yet).
    pub fn nameless(&self) -> &Counters {
        &self.nameless
    }

    /// A tenant's counters; a session asks once and keeps them.
    pub fn tenant(&self, slot: TenantSlot) -> Rc<Counters> {
        Rc::clone(self.tenants.borrow_mut().entry(slot).or_default())
    }

    /// The counters of a tenant's database; a pool asks once and keeps them.
    pub fn database(&self, tenant: TenantSlot, database: &str) -> Rc<Counters> {
        let database = database.into();
        let mut databases = self.databases.borrow_mut();
        let counters = databases.entry(DatabaseKey { tenant, database });
        Rc::clone(counters.or_default())
    }

    /// Forgets a database that no pool uses any more, since clients may invent names of databases;
    /// its values stay in the sums of its tenant.
    pub fn retire_database(&self, tenant: TenantSlot, database: &str) {
        let database = database.into();
        let key = DatabaseKey { tenant, database };
        let mut databases = self.databases.borrow_mut();
        if databases
            .get(&key)
            .is_some_and(|counters| Rc::strong_count(counters) == 1)
            && let Some(counters) = databases.remove(&key)
        {
            self.tenant(tenant).merge(&counters.totals());
        }
    }

    /// Forgets a tenant that was removed and whose sessions here are gone; its values stay in the
    /// sums of the node. While a session still counts, nothing is forgotten and `false` comes back.
    pub fn retire(&self, slot: TenantSlot) -> bool {
        if self.databases.borrow().keys().any(|key| key.tenant == slot) {
            return false;
        }
        let mut tenants = self.tenants.borrow_mut();
        let Some(counters) = tenants.get(&slot) else {
            return true;
        };
        if Rc::strong_count(counters) > 1 {
            return false;
        }
        self.retired.borrow_mut().merge(&counters.totals());
        tenants.remove(&slot);
        true
    }

    /// What has been counted so far, to be sent to whoever asks.
    pub fn totals(&self) -> WorkerTotals {
        let tenants = self.tenants.borrow();
        let tenants = tenants
            .iter()
            .map(|(slot, counters)| (*slot, counters.totals()));
        let databases = self.databases.borrow();
        let databases = databases
            .iter()
            .map(|(key, counters)| (key.clone(), counters.totals()));
        let mut totals = WorkerTotals {
            nameless: self.nameless.totals(),
            retired: *self.retired.borrow(),
            tenants: tenants.collect(),
            databases: databases.collect(),
        };
        for (key, counted) in &totals.databases {
            totals.tenants.entry(key.tenant).or_default().merge(counted);
        }
        totals
    }
}

/// The values of one worker, or of several merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerTotals {
    /// Connections that never named a tenant that exists.
    pub nameless: CounterTotals,
    /// Tenants that were removed.
    pub retired: CounterTotals,
    /// The tenants there are, each with all its databases.
    pub tenants: BTreeMap<TenantSlot, CounterTotals>,
    /// The databases that have pools.
    pub databases: BTreeMap<DatabaseKey, CounterTotals>,
}

impl WorkerTotals {
    /// Adds another worker's values.
    pub fn merge(&mut self, other: &Self) {
        self.nameless.merge(&other.nameless);
        self.retired.merge(&other.retired);
        for (slot, totals) in &other.tenants {
            self.tenants.entry(*slot).or_default().merge(totals);
        }
        for (key, totals) in &other.databases {
            self.databases.entry(key.clone()).or_default().merge(totals);
        }
    }

    /// The sum over everything, which never shrinks.
    pub fn node(&self) -> CounterTotals {
        let mut sum = self.nameless;
        sum.merge(&self.retired);
        for totals in self.tenants.values() {
            sum.merge(totals);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Count;
    use crate::telemetry::RefusalReason;

    const ACME: TenantSlot = TenantSlot::new(1);
    const GLOBEX: TenantSlot = TenantSlot::new(2);

    #[test]
    fn the_values_of_two_workers_add_up_by_tenant() {
        let first = WorkerCounters::new();
        let second = WorkerCounters::new();
        first.tenant(ACME).add(Count::Queries, 3);
        second.tenant(ACME).add(Count::Queries, 4);
        second.tenant(GLOBEX).refuse(RefusalReason::Network);
        second.nameless().refuse(RefusalReason::TenantUnknown);

        let mut merged = first.totals();
        merged.merge(&second.totals());

        assert_eq!(merged.tenants[&ACME].count(Count::Queries), 7);
        assert_eq!(merged.tenants[&GLOBEX].refused(RefusalReason::Network), 1);
        assert_eq!(merged.tenants[&GLOBEX].count(Count::Queries), 0);
        assert_eq!(merged.node().refused_in_all(), 2);
    }

    #[test]
    fn a_retired_tenant_stays_in_the_sum_of_the_node() {
        let worker = WorkerCounters::new();
        worker.tenant(ACME).add(Count::Transactions, 5);
        assert!(worker.retire(ACME));
        let totals = worker.totals();
        assert!(!totals.tenants.contains_key(&ACME));
        assert_eq!(totals.node().count(Count::Transactions), 5);
    }

    #[test]
    fn a_tenant_with_a_live_session_is_not_retired() {
        let worker = WorkerCounters::new();
        let session = worker.tenant(ACME);
        assert!(!worker.retire(ACME));
        session.add(Count::Queries, 1);
        assert_eq!(worker.totals().tenants[&ACME].count(Count::Queries), 1);
        drop(session);
        assert!(worker.retire(ACME));
        assert!(worker.retire(GLOBEX));
    }

    #[test]
    fn a_tenant_sums_its_databases_those_that_were_forgotten_too() {
        let worker = WorkerCounters::new();
        let shop = worker.database(ACME, "shop");
        shop.add(Count::Queries, 3);
        worker.database(ACME, "blog").add(Count::Queries, 4);
        worker.tenant(ACME).refuse(RefusalReason::Network);
        worker.retire_database(ACME, "blog");
        worker.retire_database(ACME, "shop");

        let totals = worker.totals();
        let databases: Vec<_> = totals.databases.keys().map(|key| &*key.database).collect();
        assert_eq!(databases, ["shop"], "a pool still counts there");
        assert_eq!(totals.tenants[&ACME].count(Count::Queries), 7);
        assert_eq!(totals.node().count(Count::Queries), 7);
        assert_eq!(totals.node().refused_in_all(), 1);
        assert!(!worker.retire(ACME));
        drop(shop);
        worker.retire_database(ACME, "shop");
        assert!(worker.retire(ACME));
        assert_eq!(worker.totals().node().count(Count::Queries), 7);
    }
}
