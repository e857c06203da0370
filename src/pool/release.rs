//! The only way back to a pool: a lease whose server is provably clean.
//!
//! See ARCHITECTURE.md: a server is lent again only from here.

use std::rc::Rc;

use tokio::time::Instant;

use crate::pool::Lease;
use crate::pool::Pool;
use crate::pool::Server;
use crate::pool::ServerState;
use crate::pool::checkout::lend;

/// Gives a server back. It goes to the client that waits longest, else to the idle list; one that
/// is not clean is closed.
pub fn release(lease: Lease, now: Instant) {
    if !lease.is_clean() {
        return;
    }
    if let Some(server) = lease.into_server() {
        let pool = Rc::clone(&server.pool);
        pool.take_back(server, now);
    }
}

/// Closes a server that runs nothing worth canceling.
pub fn abandon(lease: Lease) {
    if let Some(server) = lease.into_server() {
        let pool = Rc::clone(&server.pool);
        server.card.own_rounds.forget();
        pool.abandon(server);
    }
}

/// Gives back a server that was asked something of the pooler's own: that was no use of it, however
/// short its life may be.
pub fn release_unused(lease: Lease, now: Instant) {
    if !lease.is_clean() {
        return;
    }
    if let Some(server) = lease.into_server() {
        let pool = Rc::clone(&server.pool);
        pool.put(server, now);
    }
}

impl Pool {
    /// A server comes back from its use.
    pub(super) fn take_back(self: &Rc<Self>, server: Box<Server>, now: Instant) {
        if self.is_over_age(&server, now) || self.pays_with_one() {
            self.close(server);
        } else {
            self.put(server, now);
        }
    }

    /// A server is there: for the client that waits longest, else for whoever comes.
    pub(super) fn put(self: &Rc<Self>, mut server: Box<Server>, now: Instant) {
        debug_assert!(server.is_clean(), "only a clean server comes back");
        server.card.client.set(None);
        server.card.used_at.set(now);
        let is_unwanted = server.card.close_needed.get() || self.tenant.is_gone();
        // What it says now belongs to nobody. Of one that nobody takes now that is asked when
        // somebody does, and at every tick.
        let is_taken = !self.queue.is_empty() || self.asks.are_any();
        if is_unwanted || is_taken && !server.is_quiet() {
            self.close(server);
            return;
        }
        if server.card.cancels.get() > 0 {
            server.card.state.set(ServerState::BeingCanceled);
            self.canceled.borrow_mut().push_back(server);
            return;
        }
        if !is_taken {
            self.lay_down(server);
            return;
        }
        if server.is_doubted && !self.queue.is_empty() {
            self.check(server, now);
            return;
        }
        let is_spare = self.queue.is_empty();
        let Some(server) = self.share(server, is_spare, now) else {
            // It may have been on its way to a client of this worker.
            self.refill(now);
            return;
        };
        if let Some(seat) = self.next_waiting() {
            seat.grant(Ok(lend(server, now)));
        } else {
            self.lay_down(server);
        }
    }

    /// A server is for whoever comes next.
    fn lay_down(&self, server: Box<Server>) {
        server.card.state.set(ServerState::Idle);
        self.idle.borrow_mut().push_back(server);
    }

    /// Whether a server is owed to others.
    fn pays_with_one(&self) -> bool {
        let owed = self.owed.get();
        self.owed.set(owed.saturating_sub(1));
        owed > 0
    }

    /// A cancel request that was on its way to a server has arrived or failed.
    pub(super) fn cancel_ended(self: &Rc<Self>, server_id: u64, now: Instant) {
        let freed = {
            let mut canceled = self.canceled.borrow_mut();
            let at = canceled
                .iter()
                .position(|server| server.card.id == server_id && server.card.cancels.get() == 0);
            at.and_then(|at| canceled.remove(at))
        };
        if let Some(server) = freed {
            self.take_back(server, now);
        }
    }

    fn is_over_age(&self, server: &Server, now: Instant) -> bool {
        let lifetime = self.user.borrow().pool.server_lifetime;
        let connected_at = server.card.connected_at;
        self.lifetime.is_reached(connected_at, now, lifetime)
    }
}
