//! What one worker of a pool's little world sends to another.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tidegate::pool::Parcel;
use tidegate::pool::Post;

pub(crate) const WORKERS: usize = 2;

/// More than one letter for each worker, so that both happen: it arrives, and there is no room.
const MAIL_MAX: usize = 2;

/// What is on its way to each worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mail(Rc<RefCell<[VecDeque<Parcel>; WORKERS]>>);

impl Post for Mail {
    fn send(&self, worker: usize, parcel: Parcel) -> Result<(), Parcel> {
        let mut mail = self.0.borrow_mut();
        if mail[worker].len() == MAIL_MAX {
            return Err(parcel);
        }
        mail[worker].push_back(parcel);
        Ok(())
    }
}

impl Mail {
    pub(crate) fn take(&self, worker: usize) -> Option<Parcel> {
        self.0.borrow_mut()[worker].pop_front()
    }

    /// How many servers are on their way: all of them are Alice's.
    pub(crate) fn servers(&self) -> u32 {
        let mail = self.0.borrow();
        let servers = mail.iter().flatten();
        let servers = servers.filter(|parcel| matches!(parcel, Parcel::Server(_)));
        u32::try_from(servers.count()).expect("few")
    }
}
