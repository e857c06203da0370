//! The counters of one worker, by tenant slot, and their sums.
//!
//! A counter is a `Cell` that only its own worker touches: no atomic, no lock, no cache line that
//! another core writes. A reader asks each worker for its [`WorkerTotals`] by message and merges
//! them. A session keeps the `Rc` of its tenant's counters, so that nothing is looked up per
//! transaction.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::rc::Rc;

use crate::telemetry::RefusalReason;
use crate::telemetry::TenantSlot;

/// What is counted. All counts only grow; times are in microseconds, as PgBouncer's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Count {
    /// Clients that became sessions.
    Logins,
    /// Cancel requests that reached a server.
    Cancels,
    /// Times a server was assigned to a client.
    ServerAssignments,
    /// Transactions.
    Transactions,
    /// Queries.
    Queries,
    /// Bytes received from clients.
    ReceivedBytes,
    /// Bytes sent to clients.
    SentBytes,
    /// Microseconds that servers spent in transactions.
    TransactionMicroseconds,
    /// Microseconds that servers spent on queries.
    QueryMicroseconds,
    /// Microseconds that clients waited for a server.
    WaitMicroseconds,
    /// `Parse` messages of clients.
    ClientParses,
    /// `Parse` messages sent to servers.
    ServerParses,
    /// `Bind` messages of clients.
    Binds,
    /// Servers opened.
    ServersOpened,
    /// Servers that could not be opened.
    ServerOpenFailures,
    /// Servers closed because they could not be proven clean.
    ServersDiscarded,
}

impl Count {
    /// Every count, in the order of the counters.
    pub const ALL: [Self; 16] = [
        Self::Logins,
        Self::Cancels,
        Self::ServerAssignments,
        Self::Transactions,
        Self::Queries,
        Self::ReceivedBytes,
        Self::SentBytes,
        Self::TransactionMicroseconds,
        Self::QueryMicroseconds,
        Self::WaitMicroseconds,
        Self::ClientParses,
        Self::ServerParses,
        Self::Binds,
        Self::ServersOpened,
        Self::ServerOpenFailures,
        Self::ServersDiscarded,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name of the metric, without prefix; the words are PgBouncer's where it has them.
    pub const fn metric(self) -> &'static str {
        match self {
            Self::Logins => "logins_total",
            Self::Cancels => "cancels_total",
            Self::ServerAssignments => "server_assignments_total",
            Self::Transactions => "xacts_total",
            Self::Queries => "queries_total",
            Self::ReceivedBytes => "received_bytes_total",
            Self::SentBytes => "sent_bytes_total",
            Self::TransactionMicroseconds => "xact_time_us_total",
            Self::QueryMicroseconds => "query_time_us_total",
            Self::WaitMicroseconds => "wait_time_us_total",
            Self::ClientParses => "client_parses_total",
            Self::ServerParses => "server_parses_total",
            Self::Binds => "binds_total",
            Self::ServersOpened => "servers_opened_total",
            Self::ServerOpenFailures => "server_open_failures_total",
            Self::ServersDiscarded => "servers_discarded_total",
        }
    }
}

/// One tenant's counters on one worker.
#[derive(Debug, Default)]
pub struct Counters {
    counts: [Cell<u64>; Count::COUNT],
    refusals: [Cell<u64>; RefusalReason::COUNT],
}

impl Counters {
    /// Adds to a count. It wraps after 2^64, as a reader of counters expects.
    pub fn add(&self, count: Count, by: u64) {
        // The enum's discriminants are the array's indices: the compiler drops the check.
        if let Some(cell) = self.counts.get(count as usize) {
            cell.set(cell.get().wrapping_add(by));
        }
    }

    /// Counts one refused connection.
    pub fn refuse(&self, reason: RefusalReason) {
        if let Some(cell) = self.refusals.get(reason.index()) {
            cell.set(cell.get().wrapping_add(1));
        }
    }

    /// What has been counted so far.
    pub fn totals(&self) -> CounterTotals {
        CounterTotals {
            counts: std::array::from_fn(|index| self.counts.get(index).map_or(0, Cell::get)),
            refusals: std::array::from_fn(|index| self.refusals.get(index).map_or(0, Cell::get)),
        }
    }
}

/// Counted values, as a message between threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CounterTotals {
    counts: [u64; Count::COUNT],
    refusals: [u64; RefusalReason::COUNT],
}

impl CounterTotals {
    /// One count.
    pub fn count(&self, count: Count) -> u64 {
        self.counts.get(count as usize).copied().unwrap_or(0)
    }

    /// Connections refused for one reason.
    pub fn refused(&self, reason: RefusalReason) -> u64 {
        self.refusals.get(reason.index()).copied().unwrap_or(0)
    }

    /// Connections refused for any reason.
    pub fn refused_in_all(&self) -> u64 {
        self.refusals
            .iter()
            .fold(0, |sum, refused| sum.wrapping_add(*refused))
    }

    /// Adds another worker's values, or another tenant's.
    pub fn merge(&mut self, other: &Self) {
        for (own, others) in self.counts.iter_mut().zip(other.counts) {
            *own = own.wrapping_add(others);
        }
        for (own, others) in self.refusals.iter_mut().zip(other.refusals) {
            *own = own.wrapping_add(others);
        }
    }
}

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
    use std::collections::HashSet;

    const ACME: TenantSlot = TenantSlot::new(1);
    const GLOBEX: TenantSlot = TenantSlot::new(2);

    #[test]
    fn every_count_has_its_own_place_and_metric() {
        let metrics: HashSet<_> = Count::ALL.iter().map(|count| count.metric()).collect();
        assert_eq!(metrics.len(), Count::COUNT);
        for (index, count) in Count::ALL.iter().enumerate() {
            assert_eq!(*count as usize, index);
        }
    }

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
