//! What can be said to a worker from outside: by other workers, by the console, by signals.
//!
//! Letters are read between two polls of the worker's runtime. Nothing in a transaction writes one.

use std::fmt;

use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::limits::LETTERS_COUNT_MAX;
use crate::pool::Parcel;
use crate::pool::Post;
use crate::session::Arrival;
use crate::session::Depth;
use crate::session::Ending;
use crate::session::HomeSeat;
use crate::session::WorkerView;

/// Something said to a worker.
#[derive(Debug)]
pub enum Letter {
    /// A client whose pool lives there. Its socket is parked.
    Arrival(Box<Arrival>, HomeSeat),
    /// A cancel request for a client, by its number; restrictions were checked.
    Cancel(u64, Requester),
    /// The configuration was replaced.
    Reloaded,
    /// What does it look like there?
    View(Depth, oneshot::Sender<WorkerView>),
    /// A client is to be ended, by its number; answered with whether it was there.
    Kill(u64, oneshot::Sender<bool>),
    /// Something for one of its pools, from another worker with a part in it.
    Parcel(Parcel),
    /// All clients are to be ended.
    EndAll(Ending),
    /// No more clients will come: go when the last has gone.
    Drain,
}

/// Whoever asks for a query to be canceled, and hears when it is dropped that this is done.
pub struct Requester(pub Box<dyn Send>);

impl fmt::Debug for Requester {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Requester(…)")
    }
}

/// The way to every worker of the node, by its number.
#[derive(Debug, Clone)]
pub struct Mailboxes(Vec<mpsc::Sender<Letter>>);

impl Mailboxes {
    /// One mailbox per worker, and what each worker reads from.
    pub fn new(workers: usize) -> (Self, Vec<mpsc::Receiver<Letter>>) {
        let (senders, receivers) = (0..workers)
            .map(|_| mpsc::channel(LETTERS_COUNT_MAX))
            .unzip();
        (Self(senders), receivers)
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.0.len()
    }

    /// Says something to a worker; waits while its mailbox is full. False if the worker is gone,
    /// and the letter with it.
    pub async fn send(&self, worker: usize, letter: Letter) -> bool {
        match self.0.get(worker) {
            Some(mailbox) => mailbox.send(letter).await.is_ok(),
            None => false,
        }
    }

    /// Says something to a worker unless its mailbox is full. False if it was not said.
    pub fn try_send(&self, worker: usize, letter: Letter) -> bool {
        self.0
            .get(worker)
            .is_some_and(|mailbox| mailbox.try_send(letter).is_ok())
    }
}

impl Post for Mailboxes {
    fn send(&self, worker: usize, parcel: Parcel) -> Result<(), Parcel> {
        let Some(mailbox) = self.0.get(worker) else {
            return Err(parcel);
        };
        // It may be full, or nobody's any more.
        let Ok(place) = mailbox.try_reserve() else {
            return Err(parcel);
        };
        place.send(Letter::Parcel(parcel));
        Ok(())
    }
}
