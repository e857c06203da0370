//! A client's place in the queue for a server, and what it gets there.
//!
//! A client has a seat while it waits, and the queue holds it meanwhile; then it is the next one's.
//! Whoever has a server for the seat puts it in and wakes the client; a client that is gone leaves the
//! server to its pool.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use tokio::time::Instant;

use crate::pool::Lease;
use crate::pool::PoolError;
use crate::pool::queue::Queue;

/// A client's place in the queue.
pub struct Seat {
    outcome: RefCell<Option<Result<Lease, Rc<PoolError>>>>,
    waker: RefCell<Option<Waker>>,
    since: Cell<Instant>,
    /// Somebody waits in it. The queue skips a seat that nobody waits in any more.
    is_taken: Cell<bool>,
    /// The queue holds it.
    pub(super) is_queued: Cell<bool>,
    /// Whose seat it is, while somebody waits in it.
    queue: Cell<Option<Rc<Queue>>>,
}

/// A client that waits. Dropping it gives up the place, and gives back what was already granted.
#[derive(Debug)]
#[must_use = "dropping it gives up the place in the queue"]
pub struct Waiting(Rc<Seat>);

impl fmt::Debug for Seat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seat = formatter.debug_struct("Seat");
        seat.field("is_taken", &self.is_taken)
            .finish_non_exhaustive()
    }
}

impl Seat {
    /// A seat that nobody waits in.
    pub(super) fn new(now: Instant) -> Rc<Self> {
        Rc::new(Self {
            outcome: RefCell::new(None),
            waker: RefCell::new(None),
            since: Cell::new(now),
            is_taken: Cell::new(false),
            is_queued: Cell::new(false),
            queue: Cell::default(),
        })
    }

    pub(super) fn take(self: &Rc<Self>, queue: &Rc<Queue>, now: Instant) -> Waiting {
        self.since.set(now);
        self.is_taken.set(true);
        self.queue.set(Some(Rc::clone(queue)));
        Waiting(Rc::clone(self))
    }

    pub(super) fn is_taken(&self) -> bool {
        self.is_taken.get()
    }

    pub(super) fn since(&self) -> Instant {
        self.since.get()
    }

    /// Gives the waiting client what it waits for. The seat must be out of the queue by now.
    pub(super) fn grant(&self, outcome: Result<Lease, Rc<PoolError>>) {
        debug_assert!(self.is_taken(), "only a waiting client is granted anything");
        debug_assert!(!self.is_queued.get(), "nobody is granted anything twice");
        *self.outcome.borrow_mut() = Some(outcome);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl Waiting {
    /// What the wait came to, once it has.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Lease, Rc<PoolError>>> {
        if let Some(outcome) = self.0.outcome.borrow_mut().take() {
            return Poll::Ready(outcome);
        }
        let mut waker = self.0.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|known| known.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    #[cfg(test)]
    pub(super) fn is_in(&self, seat: &Rc<Seat>) -> bool {
        Rc::ptr_eq(&self.0, seat)
    }

    /// When the wait began.
    pub fn since(&self) -> Instant {
        self.0.since()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let seat = &self.0;
        seat.is_taken.set(false);
        seat.waker.borrow_mut().take();
        let granted = seat.outcome.borrow_mut().take();
        let queue = seat.queue.take();
        if let Some(queue) = &queue {
            queue.given_up(seat);
        }
        if let Some(Ok(lease)) = granted {
            // Nobody has used it: it goes to whoever waits next.
            crate::pool::release(lease, Instant::now());
        }
        if let Some(queue) = queue {
            queue.take_back(seat);
        }
    }
}
