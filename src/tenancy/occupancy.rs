//! A count of clients and one of servers, each against a limit, exact between threads.
//!
//! It is touched when a client logs in or leaves and when a server is opened or closed, and never
//! for a transaction.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use crate::tenancy::claims::Claims;

/// Which side of the pooler a connection is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// From an application to Tidegate.
    Client,
    /// From Tidegate to a `PostgreSQL`.
    Server,
}

/// How many connections somebody holds.
#[derive(Debug, Default)]
pub(super) struct Occupancy {
    clients: Count,
    servers: Count,
    /// Who was refused a server by the limit that is counted against here.
    pub(super) claims: Claims,
}

/// A count that is never above its limit.
///
/// At every instant it is at most the limit that its last successful [`Count::take`] was given; a
/// limit that is lowered by a reload takes effect as connections leave.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU32);

impl Count {
    /// Counts one more, unless `limit` are held already, or all but those `reserved`. A limit of 0
    /// is none.
    pub(super) fn take(&self, limit: u32, reserved: u32) -> bool {
        // Compare and swap: a plain addition taken back afterwards would go over the limit for a
        // moment, and refuse somebody else who is within it.
        self.0
            .try_update(Ordering::AcqRel, Ordering::Acquire, |held| {
                let next = held.checked_add(1)?;
                (limit == 0 || next.saturating_add(reserved) <= limit).then_some(next)
            })
            .is_ok()
    }

    /// Gives back what [`Count::take`] counted.
    pub(super) fn give_back(&self) {
        let before = self.0.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before > 0, "given back more often than taken");
    }

    /// How many are held now.
    pub(super) fn held(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

impl Occupancy {
    /// The count of one side.
    pub(super) const fn of(&self, side: Side) -> &Count {
        match side {
            Side::Client => &self.clients,
            Side::Server => &self.servers,
        }
    }

    /// How many are held now.
    pub(super) fn held(&self, side: Side) -> u32 {
        self.of(side).held()
    }

    /// Whether nothing is held on either side.
    pub(super) fn is_empty(&self) -> bool {
        self.held(Side::Client) == 0 && self.held(Side::Server) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_reached_and_zero_is_none() {
        let occupancy = Occupancy::default();
        let clients = occupancy.of(Side::Client);
        assert!(clients.take(2, 0));
        assert!(clients.take(2, 0));
        assert!(!clients.take(2, 0));
        assert!(!clients.take(1, 0));
        assert!(clients.take(0, 0));
        assert_eq!(occupancy.held(Side::Client), 3);
        assert_eq!(occupancy.held(Side::Server), 0);
        clients.give_back();
        assert_eq!(occupancy.held(Side::Client), 2);
        assert!(!occupancy.is_empty());
    }

    #[test]
    fn what_is_reserved_is_not_to_be_had() {
        let count = Count::default();
        assert!(count.take(3, 1));
        assert!(count.take(3, 1));
        assert!(!count.take(3, 1));
        assert!(!count.take(3, u32::MAX));
        assert!(count.take(3, 0));
        assert!(count.take(0, u32::MAX));
    }
}
