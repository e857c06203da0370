//! Who waits for a server of one pool: first come, first served.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::time::Instant;

use crate::limits::ABANDONED_SEATS_COUNT_MAX;
use crate::pool::Seat;
use crate::pool::Waiting;

/// Who waits for a server.
///
/// A client that gives up leaves its seat where it is, to be skipped; how many still wait is
/// counted, since it is asked for at every wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    seats: RefCell<VecDeque<Rc<Seat>>>,
    waiting: Cell<usize>,
}

impl Queue {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.get()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Since when the longest wait lasts.
    pub(super) fn first_since(&self) -> Option<Instant> {
        let seats = self.seats.borrow();
        let first = seats.iter().find(|seat| seat.is_taken());
        first.map(|seat| seat.since())
    }

    /// Another client waits, in a seat of its own.
    pub(super) fn join(self: &Rc<Self>, seat: &mut Option<Rc<Seat>>, now: Instant) -> Waiting {
        // A seat that was given up may still stand in the queue, where others have left theirs
        // before it: taken again, it would be in two places.
        if seat.as_ref().is_some_and(|seat| seat.is_queued.get()) {
            *seat = None;
        }
        let seat = seat.get_or_insert_with(|| Seat::new(now));
        let waiting = seat.take(self, now);
        seat.is_queued.set(true);
        self.waiting.set(self.len() + 1);
        self.seats.borrow_mut().push_back(Rc::clone(seat));
        waiting
    }

    /// The client that waits longest, if `is_meant` says that it is the one. It waits no more.
    pub(super) fn pop_if(&self, is_meant: impl FnOnce(&Seat) -> bool) -> Option<Rc<Seat>> {
        let mut seats = self.seats.borrow_mut();
        while let Some(abandoned) = seats.pop_front_if(|seat| !seat.is_taken()) {
            abandoned.is_queued.set(false);
        }
        let seat = seats.pop_front_if(|seat| is_meant(seat))?;
        seat.is_queued.set(false);
        self.waiting.set(self.len().saturating_sub(1));
        Some(seat)
    }

    /// A client waits no more in a seat.
    pub(super) fn given_up(&self, seat: &Seat) {
        if !seat.is_queued.get() {
            return;
        }
        self.waiting.set(self.len().saturating_sub(1));
        let mut seats = self.seats.borrow_mut();
        if seats.len() > self.len() * 2 + ABANDONED_SEATS_COUNT_MAX {
            seats.retain(|seat| {
                seat.is_queued.set(seat.is_taken());
                seat.is_taken()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pop(queue: &Queue) -> Option<Rc<Seat>> {
        queue.pop_if(|_| true)
    }

    #[test]
    fn first_come_first_served() {
        let (queue, now) = (Rc::new(Queue::default()), Instant::now());
        let mut seats = [None, None, None];
        let mut waiting: Vec<_> = seats.iter_mut().map(|seat| queue.join(seat, now)).collect();
        assert_eq!(queue.len(), 3);
        drop(waiting.remove(0));
        assert_eq!(queue.len(), 2);
        assert!(queue.pop_if(|_| false).is_none());
        assert!(Rc::ptr_eq(
            &pop(&queue).unwrap(),
            seats[1].as_ref().unwrap()
        ));
        assert!(Rc::ptr_eq(
            &pop(&queue).unwrap(),
            seats[2].as_ref().unwrap()
        ));
        assert!(pop(&queue).is_none() && queue.is_empty());
    }

    #[test]
    fn a_client_that_gave_up_and_waits_again_has_one_place() {
        let (queue, now) = (Rc::new(Queue::default()), Instant::now());
        let mut seat = None;
        let first = queue.join(&mut seat, now);
        let mut other = None;
        let _other = queue.join(&mut other, now);
        drop(first);
        let _again = queue.join(&mut seat, now);
        assert_eq!(queue.len(), 2);
        assert!(Rc::ptr_eq(&pop(&queue).unwrap(), other.as_ref().unwrap()));
        assert!(Rc::ptr_eq(&pop(&queue).unwrap(), seat.as_ref().unwrap()));
        assert!(pop(&queue).is_none());
    }

    #[test]
    fn seats_that_were_given_up_do_not_pile_up() {
        let (queue, now) = (Rc::new(Queue::default()), Instant::now());
        let _first = queue.join(&mut None, now);
        for _ in 0..10 * ABANDONED_SEATS_COUNT_MAX {
            drop(queue.join(&mut None, now));
        }
        assert_eq!(queue.len(), 1);
        assert!(queue.seats.borrow().len() <= ABANDONED_SEATS_COUNT_MAX + 3);
    }
}
