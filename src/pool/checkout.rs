//! A client asks for a server: an idle one, else a place in the fair queue, else the reason why not.

use std::rc::Rc;
use std::task::Context;
use std::task::Waker;

use tokio::time::Instant;

use crate::limits::WAITING_COUNT_MAX;
use crate::pool::Lease;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Seat;
use crate::pool::Server;
use crate::pool::ServerState;
use crate::pool::Waiting;

/// What asking for a server came to.
#[derive(Debug)]
pub enum Checkout {
    /// Here it is.
    Ready(Lease),
    /// In the queue: first come, first served.
    Wait(Waiting),
    /// There is none, and none can be opened now.
    Refused(Rc<PoolError>),
}

impl Pool {
    /// Asks for a server.
    pub fn checkout(self: &Rc<Self>, now: Instant) -> Checkout {
        if self.queue.is_empty()
            && let Some(server) = self.pop_idle(now)
        {
            return Checkout::Ready(lend(server, now));
        }
        if let Some(error) = self.outage_now(now) {
            return Checkout::Refused(error);
        }
        if self.queue.len() >= WAITING_COUNT_MAX {
            return Checkout::Refused(Rc::new(PoolError::TooManyWaiting));
        }
        let waiting = self.queue.join(now);
        self.use_idle(now);
        if self.opened.get() == 0 {
            // Nobody may have looked where the primary is since the last of its servers went.
            self.attend(now);
            self.follow(now);
        }
        self.refill(now);
        Checkout::Wait(waiting)
    }

    /// The reason why no server can be had, while the endpoint is down and its next try not due.
    fn outage_now(&self, now: Instant) -> Option<Rc<PoolError>> {
        // On another worker it may have some, which come here if clients wait.
        if self.shard.counts().servers() > 0 {
            return None;
        }
        let outage = self.outage.borrow();
        let outage = outage.as_ref()?;
        if self.rides_out(&outage.error) {
            return None;
        }
        (now < outage.retry_at).then(|| Rc::clone(&outage.error))
    }

    /// Has idle servers asked whether they live, for those who wait and have none on its way.
    pub(super) fn use_idle(self: &Rc<Self>, now: Instant) {
        while !self.idle.borrow().is_empty() && self.is_short() {
            let Some(server) = self.pop_idle(now) else {
                continue;
            };
            match self.next_waiting() {
                Some(seat) => seat.grant(Ok(lend(server, now))),
                None => self.idle.borrow_mut().push_back(server),
            }
        }
    }

    /// Whether more clients wait than servers are on their way to them.
    pub(super) fn is_short(&self) -> bool {
        self.missing() > 0
    }

    /// How many more clients wait than servers are on their way to them.
    pub(super) fn missing(&self) -> u32 {
        let waiting = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        waiting.saturating_sub(self.coming())
    }

    /// The idle server that was used last and is still alive. If that is long ago, it is asked first
    /// whether it is, and all others would have to be.
    pub(super) fn pop_idle(self: &Rc<Self>, now: Instant) -> Option<Box<Server>> {
        loop {
            let mut server = self.idle.borrow_mut().pop_back()?;
            if !server.is_quiet() || server.card.close_needed.get() {
                self.part_from(server);
            } else if self.wants_check(&server, now) {
                self.check(server, now);
                return None;
            } else {
                return Some(server);
            }
        }
    }

    /// The longest-waiting client that is still there.
    pub(super) fn next_waiting(&self) -> Option<Rc<Seat>> {
        self.queue.pop_if(|_| true)
    }

    /// Ends the waits that `is_over` says are, from the longest on.
    pub(super) fn refuse_waiting(&self, error: &Rc<PoolError>, is_over: impl Fn(&Seat) -> bool) {
        while let Some(seat) = self.queue.pop_if(&is_over) {
            seat.grant(Err(Rc::clone(error)));
        }
    }
}

/// Marks a server as lent.
pub(super) fn lend(server: Box<Server>, now: Instant) -> Lease {
    server.card.state.set(ServerState::Active);
    server.card.used_at.set(now);
    Lease::new(server)
}

impl Server {
    /// Whether an idle server has said nothing. One that speaks unasked is out of step or about to
    /// end; told without a system call when nothing has arrived.
    pub(super) fn is_quiet(&mut self) -> bool {
        if !self.socket.may_have_input() {
            return true;
        }
        let mut context = Context::from_waker(Waker::noop());
        self.socket
            .poll_read(&mut context, &mut [0; 1])
            .is_pending()
    }
}
