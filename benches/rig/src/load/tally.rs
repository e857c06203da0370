//! What the clients of a load have done while it was measured.

use crate::histogram::Histogram;

/// Sums over clients.
#[derive(Debug)]
pub(super) struct Tally {
    /// Queries that were answered.
    pub(super) transactions: u64,
    /// Rows in those answers.
    pub(super) rows: u64,
    /// Bytes of those answers, and bytes of a COPY to the server.
    pub(super) bytes: u64,
    /// Clients that ended with an error.
    pub(super) errors: u64,
    /// From the first byte sent to the last received.
    pub(super) latencies: Histogram,
    /// The same of the writes among reads, which the above leaves out.
    pub(super) latencies_of_writes: Histogram,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            transactions: 0,
            rows: 0,
            bytes: 0,
            errors: 0,
            latencies: Histogram::new(),
            latencies_of_writes: Histogram::new(),
        }
    }

    /// One round trip of so many queries.
    pub(super) fn record(&mut self, queries: u32, rows: u64, bytes: u64) {
        self.transactions += u64::from(queries);
        self.rows += rows;
        self.bytes += bytes;
    }

    /// Adds another's.
    pub(super) fn add(&mut self, other: &Self) {
        self.transactions += other.transactions;
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.latencies.add(&other.latencies);
        self.latencies_of_writes.add(&other.latencies_of_writes);
    }
}
