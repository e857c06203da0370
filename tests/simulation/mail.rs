//! What one worker of a world sends to another, and how long that takes.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::rc::Weak;

use tidegate::pool::Home;
use tidegate::pool::Parcel;
use tidegate::pool::Post;
use tokio::time::Instant;

use crate::nature::Nature;

/// The way from one worker to another. The clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    nature: Rc<Nature>,
    homes: Rc<RefCell<Vec<Weak<Home>>>>,
    /// Servers on their way.
    servers: Rc<Cell<u32>>,
}

impl Mail {
    pub(crate) fn new(nature: &Rc<Nature>) -> Self {
        Self {
            nature: Rc::clone(nature),
            homes: Rc::default(),
            servers: Rc::default(),
        }
    }

    /// Another worker can be written to.
    pub(crate) fn join(&self, home: &Rc<Home>) {
        self.homes.borrow_mut().push(Rc::downgrade(home));
    }

    /// How many servers are on their way.
    pub(crate) fn servers(&self) -> u32 {
        self.servers.get()
    }

    async fn deliver(self, to: Rc<Home>, parcel: Parcel) {
        self.nature.dawdle().await;
        let is_server = matches!(parcel, Parcel::Server(_));
        self.servers.set(self.servers.get() - u32::from(is_server));
        let what = if is_server { "a server" } else { "an ask" };
        self.nature
            .note(format_args!("worker {} gets {what}", to.worker));
        to.receive(parcel, Instant::now());
    }
}

impl Post for Mail {
    fn send(&self, worker: usize, parcel: Parcel) -> Result<(), Parcel> {
        let home = self.homes.borrow().get(worker).and_then(Weak::upgrade);
        // A mailbox may be full.
        let Some(home) = home.filter(|_| !self.nature.chance(self.nature.weather.full_mailboxes))
        else {
            return Err(parcel);
        };
        let is_server = matches!(parcel, Parcel::Server(_));
        self.servers.set(self.servers.get() + u32::from(is_server));
        tokio::task::spawn_local(self.clone().deliver(home, parcel));
        Ok(())
    }
}
