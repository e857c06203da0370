//! What is counted, and the counters of one tenant on one worker.
//!
//! A counter is a `Cell` that only its own worker touches: no atomic, no lock, no cache line that
//! another core writes. Nothing here knows a tenant's name.

use std::cell::Cell;

use crate::telemetry::RefusalReason;

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

    /// Adds what somebody else had counted.
    pub(super) fn merge(&self, totals: &CounterTotals) {
        for (own, others) in self.counts.iter().zip(totals.counts) {
            own.set(own.get().wrapping_add(others));
        }
        for (own, others) in self.refusals.iter().zip(totals.refusals) {
            own.set(own.get().wrapping_add(others));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_count_has_its_own_place_and_metric() {
        let metrics: HashSet<_> = Count::ALL.iter().map(|count| count.metric()).collect();
        assert_eq!(metrics.len(), Count::COUNT);
        for (index, count) in Count::ALL.iter().enumerate() {
            assert_eq!(*count as usize, index);
        }
    }

    #[test]
    fn a_counter_wraps_instead_of_failing() {
        let counters = Counters::default();
        counters.add(Count::ReceivedBytes, u64::MAX);
        counters.add(Count::ReceivedBytes, 3);
        assert_eq!(counters.totals().count(Count::ReceivedBytes), 2);
    }
}
