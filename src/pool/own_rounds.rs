//! Rounds of the pooler's own that a server has not answered yet. A cancel request waits for their
//! end: it is meant for what the client has asked for.

use std::cell::Cell;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::limits::CANCEL_AFTER_OWN_ROUND;

/// How many rounds of the pooler's own a server has not answered, and who waits for that.
#[derive(Debug, Default)]
pub struct OwnRounds {
    count: Cell<u32>,
    over: Notify,
}

impl OwnRounds {
    /// One more was sent.
    pub fn begin(&self) {
        self.count.set(self.count.get() + 1);
    }

    /// One is answered.
    pub fn end(&self) {
        self.count.set(self.count.get().saturating_sub(1));
        if self.count.get() == 0 {
            self.over.notify_waiters();
        }
    }

    /// The server is given up: nothing it does is anybody's.
    pub fn forget(&self) {
        self.count.set(0);
        self.over.notify_waiters();
    }

    /// Waits until there are none, and then until the server has turned to what comes next: a
    /// cancel request that finds a server between two rounds is forgotten.
    pub(super) async fn over(&self) {
        while self.count.get() > 0 {
            self.over.notified().await;
            sleep(CANCEL_AFTER_OWN_ROUND).await;
        }
    }
}
