//! How far a load has come: what its clients wait for, and look at between transactions.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

/// The stages, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The first clients connect.
    Connecting,
    /// The idle crowd connects.
    Crowding,
    /// Transactions run and are not counted.
    Warming,
    /// Transactions are counted.
    Measuring,
    /// No more transactions.
    Stopping,
}

/// What the threads of a load share.
#[derive(Debug)]
pub(super) struct Stages {
    current: watch::Sender<Stage>,
    connected: AtomicU32,
    finished: AtomicU32,
    is_measured: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Stages {
    /// At the beginning.
    pub(super) fn new() -> Self {
        Self {
            current: watch::Sender::new(Stage::Connecting),
            connected: AtomicU32::new(0),
            finished: AtomicU32::new(0),
            is_measured: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    /// The stage now.
    pub(super) fn current(&self) -> Stage {
        *self.current.borrow()
    }

    /// The next stage begins.
    pub(super) fn enter(&self, stage: Stage) {
        self.current.send_replace(stage);
    }

    /// Waits for a stage, or a later one.
    pub(super) async fn until(&self, stage: Stage) {
        let mut changes = self.current.subscribe();
        // It ends only with the sender, which is ours.
        drop(changes.wait_for(|current| *current >= stage).await);
    }

    /// One more client is connected.
    pub(super) fn count_connected(&self) {
        self.connected.fetch_add(1, Ordering::Relaxed);
    }

    /// How many are.
    pub(super) fn connected(&self) -> u32 {
        self.connected.load(Ordering::Relaxed)
    }

    /// One more client has done all it had to do.
    pub(super) fn count_finished(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have.
    pub(super) fn finished(&self) -> u32 {
        self.finished.load(Ordering::Relaxed)
    }

    /// A transaction was measured.
    pub(super) fn note_measured(&self) {
        // Most of the time it is known, and looking costs less than telling.
        if !self.is_measured() {
            self.is_measured.store(true, Ordering::Relaxed);
        }
    }

    /// Whether one was.
    pub(super) fn is_measured(&self) -> bool {
        self.is_measured.load(Ordering::Relaxed)
    }

    /// Something went wrong; the first one counts.
    pub(super) fn fail(&self, why: String) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(why);
    }

    /// What went wrong first.
    pub(super) fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone()
    }
}
