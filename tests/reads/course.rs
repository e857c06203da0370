//! What everybody in a crowd shares: the clock, the end, and whether the primary moves just now.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use tidegate_harness::wire::WireError;

/// What a client may hear whose server ends under it: 08006 from Tidegate, 57P01 from a Postgres that
/// is shut down. Nothing else, and 57P03 neither: nobody is away for as long as `failover_wait`.
const EXCUSED: [&str; 2] = ["08006", "57P01"];

/// The course of things.
#[derive(Debug)]
pub(crate) struct Course {
    began: Instant,
    is_over: AtomicBool,
    /// Odd while the primary moves.
    upheavals: AtomicU64,
    /// Odd while a standby is ended or cut off.
    harms: AtomicU64,
    sessions: AtomicU32,
    excused: AtomicU64,
}

/// A moment, to be compared with a later one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upheaval {
    upheavals: u64,
    harms: u64,
}

impl Course {
    #[expect(
        clippy::disallowed_methods,
        reason = "what was before what is told by one clock, which is no worker's"
    )]
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            is_over: AtomicBool::new(false),
            upheavals: AtomicU64::new(0),
            harms: AtomicU64::new(0),
            sessions: AtomicU32::new(0),
            excused: AtomicU64::new(0),
        }
    }

    /// How long it has lasted.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Ends it if the thread of what is returned panics.
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch(self)
    }

    /// A number that no other session has.
    pub(crate) fn session(&self) -> u32 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Does something to the primary, for which clients may lose their servers.
    pub(crate) fn upheaval(&self, act: impl FnOnce()) {
        self.upheavals.fetch_add(1, Ordering::SeqCst);
        act();
        self.upheavals.fetch_add(1, Ordering::SeqCst);
    }

    /// Does something to a standby, for which transactions that are open there are lost.
    pub(crate) fn harm(&self, act: impl FnOnce()) {
        self.harms.fetch_add(1, Ordering::SeqCst);
        act();
        self.harms.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn upheavals(&self) -> Upheaval {
        Upheaval {
            upheavals: self.upheavals.load(Ordering::SeqCst),
            harms: self.harms.load(Ordering::SeqCst),
        }
    }

    /// How many errors there were that a single Postgres would have given as well.
    pub(crate) fn excused(&self) -> u64 {
        self.excused.load(Ordering::Relaxed)
    }

    /// An error that came after `before`; in a block, a standby may have been lost with it.
    ///
    /// # Panics
    /// If a single Postgres would not have given it.
    pub(crate) fn excuse(&self, before: Upheaval, error: &WireError, is_in_block: bool) {
        let now = self.upheavals();
        let moved = before.upheavals % 2 == 1 || now.upheavals != before.upheavals;
        let harmed = before.harms % 2 == 1 || now.harms != before.harms;
        let moved = moved || is_in_block && harmed;
        let is_loss = match error {
            WireError::Refused(report) => EXCUSED.contains(&report.sqlstate.as_str()),
            // Who speaks when it was closed already may not hear why.
            WireError::Io(_) | WireError::Closed => true,
            WireError::Late
            | WireError::Violation(_)
            | WireError::Encode(_)
            | WireError::NoKey
            | WireError::Login(_) => false,
        };
        let moment = if moved { "while" } else { "though no" };
        assert!(moved && is_loss, "{error}, {moment} server of it moved");
        self.excused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ends the course if its thread panics.
pub(crate) struct Watch<'a>(&'a Course);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}
