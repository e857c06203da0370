//! Who waits for a server of one pool: first come, first served.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::time::Instant;

use crate::limits::ABANDONED_SEATS_COUNT_MAX;
use crate::limits::SPARE_SEATS_COUNT_MAX;
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
    /// Seats for those who will wait.
    spare: RefCell<Vec<Rc<Seat>>>,
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

    /// Another client waits.
    pub(super) fn join(self: &Rc<Self>, now: Instant) -> Waiting {
        let spare = self.spare.borrow_mut().pop();
        let seat = spare.unwrap_or_else(|| Seat::new(now));
        let waiting = seat.take(self, now);
        seat.is_queued.set(true);
        self.waiting.set(self.len() + 1);
        self.seats.borrow_mut().push_back(seat);
        waiting
    }

    /// Nobody waits in a seat any more. One that was given up still stands in the queue, where others
    /// have left theirs before it: taken again, it would be in two places.
    pub(super) fn take_back(&self, seat: &Rc<Seat>) {
        let mut spare = self.spare.borrow_mut();
        if !seat.is_queued.get() && spare.len() < SPARE_SEATS_COUNT_MAX {
            spare.push(Rc::clone(seat));
        }
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
        let mut waiting: Vec<_> = (0..3).map(|_| queue.join(now)).collect();
        assert_eq!(queue.len(), 3);
        drop(waiting.remove(0));
        assert_eq!(queue.len(), 2);
        assert!(queue.pop_if(|_| false).is_none());
        assert!(waiting[0].is_in(&pop(&queue).unwrap()));
        assert!(waiting[1].is_in(&pop(&queue).unwrap()));
        assert!(pop(&queue).is_none() && queue.is_empty());
    }

    #[test]
    fn a_client_that_gave_up_and_waits_again_has_one_place() {
        let (queue, now) = (Rc::new(Queue::default()), Instant::now());
        let first = queue.join(now);
        let other = queue.join(now);
        drop(first);
        let again = queue.join(now);
        assert_eq!(queue.len(), 2);
        assert!(other.is_in(&pop(&queue).unwrap()));
        assert!(again.is_in(&pop(&queue).unwrap()));
        assert!(pop(&queue).is_none());
    }

    #[test]
    fn a_seat_is_the_next_ones_when_its_wait_is_over() {
        let (queue, now) = (Rc::new(Queue::default()), Instant::now());
        let first = queue.join(now);
        let seat = pop(&queue).unwrap();
        assert!(first.is_in(&seat));
        drop(first);
        let second = queue.join(now);
        assert!(second.is_in(&seat));
        // Nor is there more than one waiting in it.
        assert!(!queue.join(now).is_in(&seat));
    }

    #[test]
    fn a_crowd_that_waited_once_leaves_few_seats_behind() {
        let (queue, now) = (Rc::new(Queue::default()), Instant::now());
        let crowd = 2 * SPARE_SEATS_COUNT_MAX;
        let waiting: Vec<_> = (0..crowd).map(|_| queue.join(now)).collect();
        while pop(&queue).is_some() {}
        drop(waiting);
        assert_eq!(queue.spare.borrow().len(), SPARE_SEATS_COUNT_MAX);
    }

    #[test]
    fn seats_that_were_given_up_do_not_pile_up() {
        let (queue, now) = (Rc::new(Queue::default()), Instant::now());
        let _first = queue.join(now);
        for _ in 0..10 * ABANDONED_SEATS_COUNT_MAX {
            drop(queue.join(now));
        }
        assert_eq!(queue.len(), 1);
        assert!(queue.seats.borrow().len() <= ABANDONED_SEATS_COUNT_MAX + 3);
    }
}
