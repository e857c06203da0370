//! A client asks for a server: an idle one, else a place in the fair queue, else the reason why not.

use std::collections::VecDeque;
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
    /// Asks for a server. The seat is the client's own, made here at its first wait.
    pub fn checkout(self: &Rc<Self>, seat: &mut Option<Rc<Seat>>, now: Instant) -> Checkout {
        if self.waiting.borrow().is_empty()
            && let Some(server) = self.pop_idle(now)
        {
            return Checkout::Ready(lend(server, now));
        }
        if let Some(error) = self.outage_now(now) {
            return Checkout::Refused(error);
        }
        if self.waiting.borrow().len() >= WAITING_COUNT_MAX {
            return Checkout::Refused(Rc::new(PoolError::TooManyWaiting));
        }
        let seat = seat.get_or_insert_with(|| Seat::new(now));
        let waiting = seat.take(now);
        self.waiting.borrow_mut().push_back(Rc::clone(seat));
        self.use_idle(now);
        self.refill(now);
        Checkout::Wait(waiting)
    }

    /// The reason why no server can be had, while the endpoint is down and its next try not due.
    fn outage_now(&self, now: Instant) -> Option<Rc<PoolError>> {
        if self.opened.get() > 0 {
            return None;
        }
        let outage = self.outage.borrow();
        let outage = outage.as_ref()?;
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
    fn is_short(&self) -> bool {
        let coming = usize::try_from(self.coming()).unwrap_or(usize::MAX);
        self.waiting().0 > coming
    }

    /// The idle server that was used last and is still alive. If that is long ago, it is asked first
    /// whether it is, and all others would have to be.
    fn pop_idle(self: &Rc<Self>, now: Instant) -> Option<Box<Server>> {
        loop {
            let mut server = self.idle.borrow_mut().pop_back()?;
            if !server.is_quiet() || server.card.close_needed.get() {
                self.close(server);
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
        let mut waiting = self.waiting.borrow_mut();
        pop_taken(&mut waiting)
    }

    /// Ends the waits that `is_over` says are, from the longest on.
    pub(super) fn refuse_waiting(
        &self,
        error: &Rc<PoolError>,
        mut is_over: impl FnMut(&Seat) -> bool,
    ) {
        loop {
            {
                let mut waiting = self.waiting.borrow_mut();
                while waiting.front().is_some_and(|seat| !seat.is_taken()) {
                    waiting.pop_front();
                }
                if !waiting.front().is_some_and(|seat| is_over(seat)) {
                    return;
                }
            }
            if let Some(seat) = self.next_waiting() {
                seat.grant(Err(Rc::clone(error)));
            }
        }
    }
}

fn pop_taken(waiting: &mut VecDeque<Rc<Seat>>) -> Option<Rc<Seat>> {
    loop {
        let seat = waiting.pop_front()?;
        if seat.is_taken() {
            return Some(seat);
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
