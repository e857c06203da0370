//! What happens to a pool by time: one round of it, run by the worker several times a second.

use std::collections::VecDeque;
use std::rc::Rc;

use tokio::time::Instant;

use crate::limits::REPLICA_WAIT_MAX;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Server;

impl Pool {
    /// One round: ends waits that are over, closes servers that are too old, idle for too long or
    /// no longer silent, and opens what is missing.
    pub(super) fn tick(self: &Rc<Self>, now: Instant) {
        self.attend(now);
        self.let_sleep(now);
        self.follow(now);
        self.tell_of_use(now);
        self.age_functions(now);
        self.end_waits(now);
        self.end_rides(now);
        self.is_full.set(false);
        self.leave_former_addresses(now);
        for server in self.take_expired(now) {
            self.close(server);
        }
        self.use_idle(now);
        self.pay_claims();
        self.keep_minimum(now);
        self.keep_replicas_ready(now);
        self.refill(now);
    }

    /// Gives up servers to pools that have a better claim to them: idle ones at once, others as they
    /// come back.
    fn pay_claims(self: &Rc<Self>) {
        let idle = u32::try_from(self.idle.borrow().len()).unwrap_or(u32::MAX);
        // What was owed and has not come back since the last tick may not come for hours: nobody is
        // promised it again.
        let live = if self.owed.get() > 0 {
            idle
        } else {
            self.live()
        };
        let mut owed = self.account.promise(idle, live);
        while owed > 0 && self.evict_idle() {
            owed -= 1;
        }
        // What was owed before and has not come back is claimed anew.
        self.owed.set(owed);
    }

    fn end_waits(&self, now: Instant) {
        let timeout = match self.key.endpoint() {
            // The primary serves them. Who has its server for a whole session has nowhere else to go.
            Some(_) if self.clients.get() == 0 => REPLICA_WAIT_MAX,
            _ => self.user.borrow().pool.query_wait_timeout,
        };
        if timeout.is_zero() || self.queue.is_empty() {
            return;
        }
        let error = Rc::new(PoolError::QueryWaitTimeout { timeout });
        self.refuse_waiting(&error, |seat| now.duration_since(seat.since()) >= timeout);
    }

    /// Takes the idle servers out that must go. Those used last stay longest.
    fn take_expired(&self, now: Instant) -> VecDeque<Box<Server>> {
        let (idle_timeout, lifetime) = {
            let user = self.user.borrow();
            (user.pool.server_idle_timeout, user.pool.server_lifetime)
        };
        let mut spare = self.shard.counts().servers().saturating_sub(self.minimum());
        // Nobody will ever come for what a client left that had them for itself.
        let is_abandoned = self.key.is_dedicated() && self.clients.get() == 0;
        let mut expired = VecDeque::new();
        let mut idle = self.idle.borrow_mut();
        let mut kept = std::mem::take(&mut *idle);
        while let Some(mut server) = kept.pop_front() {
            let is_quiet = server.is_quiet();
            let card = &server.card;
            let is_idle_too_long = !idle_timeout.is_zero()
                && spare > 0
                && now.duration_since(card.used_at.get()) >= idle_timeout;
            // With no lifetime at all it goes after its use, and has not had it yet.
            let is_over = !lifetime.is_zero() && now.duration_since(card.connected_at) >= lifetime;
            if is_abandoned || is_idle_too_long || is_over || card.close_needed.get() || !is_quiet {
                spare = spare.saturating_sub(1);
                expired.push_back(server);
            } else {
                idle.push_back(server);
            }
        }
        expired
    }

    /// Closes the idle server that was unused longest, if there is one.
    pub(super) fn evict_idle(self: &Rc<Self>) -> bool {
        let oldest = self.idle.borrow_mut().pop_front();
        let is_found = oldest.is_some();
        if let Some(server) = oldest {
            self.close(server);
        }
        is_found
    }

    /// Closes every idle server.
    pub(super) fn close_idle(self: &Rc<Self>) {
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        for server in idle {
            self.close(server);
        }
    }

    /// Closes every server that nobody uses, one that a cancel request is on its way to as well.
    pub(super) fn close_unused(self: &Rc<Self>) {
        self.close_idle();
        let canceled = std::mem::take(&mut *self.canceled.borrow_mut());
        for server in canceled {
            self.close(server);
        }
    }
}
