//! A session whose task goes away in the middle.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

/// A session.
pub(crate) type Session = Pin<Box<dyn Future<Output = ()>>>;

/// A session that is gone at one of its polls.
pub(crate) struct DroppedAt {
    session: Option<Session>,
    polls: u32,
    is_done: Rc<Cell<bool>>,
}

impl DroppedAt {
    /// It may be polled so often. `is_done` tells whether that was enough for all of it.
    pub(crate) fn new(session: Session, polls: u32, is_done: &Rc<Cell<bool>>) -> Self {
        Self {
            session: Some(session),
            polls,
            is_done: Rc::clone(is_done),
        }
    }
}

impl Future for DroppedAt {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.polls == 0 {
            self.session = None;
            return Poll::Ready(());
        }
        self.polls -= 1;
        let session = self.session.as_mut().unwrap();
        let polled = session.as_mut().poll(context);
        self.is_done.set(polled.is_ready());
        polled
    }
}
