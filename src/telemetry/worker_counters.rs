//! The counters of one worker, by tenant slot, and their sums over workers.
//!
//! A reader asks each worker for its [`WorkerTotals`] by message and merges them. A session keeps the
//! `Rc` of its tenant's counters, so that nothing is looked up per transaction.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::rc::Rc;

use crate::telemetry::CounterTotals;
use crate::telemetry::Counters;
use crate::telemetry::TenantSlot;

/// All counters of one worker. It belongs to its thread; [`WorkerTotals`] travel.
#[derive(Debug, Default)]
pub struct WorkerCounters {
    /// Connections that never named a tenant that exists.
    nameless: Counters,
    tenants: RefCell<HashMap<TenantSlot, Rc<Counters>>>,
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

    /// Forgets a tenant that was removed and whose sessions here are gone; its values stay in the
    /// sums of the node. While a session still counts, nothing is forgotten and `false` comes back.
    pub fn retire(&self, slot: TenantSlot) -> bool {
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
        WorkerTotals {
            nameless: self.nameless.totals(),
            retired: *self.retired.borrow(),
            tenants: self
                .tenants
                .borrow()
                .iter()
                .map(|(slot, counters)| (*slot, counters.totals()))
                .collect(),
        }
    }
}

/// The values of one worker, or of several merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerTotals {
    /// Connections that never named a tenant that exists.
    pub nameless: CounterTotals,
    /// Tenants that were removed.
    pub retired: CounterTotals,
    /// The tenants there are.
    pub tenants: BTreeMap<TenantSlot, CounterTotals>,
}

impl WorkerTotals {
    /// Adds another worker's values.
    pub fn merge(&mut self, other: &Self) {
        self.nameless.merge(&other.nameless);
        self.retired.merge(&other.retired);
        for (slot, totals) in &other.tenants {
            self.tenants.entry(*slot).or_default().merge(totals);
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
}
