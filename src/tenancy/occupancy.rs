//! A count of clients and one of servers, each against a limit, exact between threads.
//!
//! It is touched when a client logs in or leaves and when a server is opened or closed, and never
//! for a transaction.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// Which side of the pooler a connection is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// From an application to Tidegate.
    Client,
    /// From Tidegate to a `PostgreSQL`.
    Server,
}

/// How many connections somebody holds.
///
/// At every instant a count is at most the limit that its last successful [`Occupancy::take`] was
/// given; a limit that is lowered by a reload takes effect as connections leave.
#[derive(Debug, Default)]
pub(super) struct Occupancy {
    clients: AtomicU32,
    servers: AtomicU32,
    /// Somebody waits for a server, and the limit does not allow another.
    is_server_wanted: AtomicBool,
}

impl Occupancy {
    /// Counts one more, unless `limit` are held already. A limit of 0 is none.
    pub(super) fn take(&self, side: Side, limit: u32) -> bool {
        // Compare and swap: a plain addition taken back afterwards would go over the limit for a
        // moment, and refuse somebody else who is within it.
        self.of(side)
            .try_update(Ordering::AcqRel, Ordering::Acquire, |held| {
                let next = held.checked_add(1)?;
                (limit == 0 || next <= limit).then_some(next)
            })
            .is_ok()
    }

    /// Gives back what [`Occupancy::take`] counted.
    pub(super) fn give_back(&self, side: Side) {
        let before = self.of(side).fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before > 0, "given back more often than taken");
    }

    /// Asks whoever has a server that is not used to let it go.
    pub(super) fn want_server(&self) {
        self.is_server_wanted.store(true, Ordering::Release);
    }

    /// Whether somebody asked.
    pub(super) fn is_server_wanted(&self) -> bool {
        self.is_server_wanted.load(Ordering::Acquire)
    }

    /// A server was let go. Who still waits asks again.
    pub(super) fn server_was_let_go(&self) {
        self.is_server_wanted.store(false, Ordering::Release);
    }

    /// How many are held now.
    pub(super) fn held(&self, side: Side) -> u32 {
        self.of(side).load(Ordering::Acquire)
    }

    /// Whether nothing is held on either side.
    pub(super) fn is_empty(&self) -> bool {
        self.held(Side::Client) == 0 && self.held(Side::Server) == 0
    }

    const fn of(&self, side: Side) -> &AtomicU32 {
        match side {
            Side::Client => &self.clients,
            Side::Server => &self.servers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_reached_and_zero_is_none() {
        let occupancy = Occupancy::default();
        assert!(occupancy.take(Side::Client, 2));
        assert!(occupancy.take(Side::Client, 2));
        assert!(!occupancy.take(Side::Client, 2));
        assert!(!occupancy.take(Side::Client, 1));
        assert!(occupancy.take(Side::Client, 0));
        assert_eq!(occupancy.held(Side::Client), 3);
        assert_eq!(occupancy.held(Side::Server), 0);
        occupancy.give_back(Side::Client);
        assert_eq!(occupancy.held(Side::Client), 2);
        assert!(!occupancy.is_empty());
    }
}
