//! What all clients share: the clock, how far things have come, and what each has seen.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use tidegate_harness::polling;
use tidegate_harness::wire::WireError;

use crate::world::LIMIT;

/// What happens, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing.
    Calm = 0,
    /// The primary hands over.
    Switchover = 1,
    /// The primary is lost, and another is elected.
    Loss = 2,
    /// What was lost comes back.
    Return = 3,
}

/// The course of things.
#[derive(Debug)]
pub(crate) struct Course {
    began: Instant,
    is_over: AtomicBool,
    phase: AtomicU32,
    losses: Mutex<Vec<Loss>>,
    steps_back: Mutex<Vec<StepBack>>,
}

/// A client has read something older than before.
#[derive(Debug)]
pub(crate) struct StepBack {
    /// When the read began.
    pub(crate) phase: u32,
    /// How many rows it saw no more.
    pub(crate) rows: u32,
    /// The port of the server that showed it that.
    pub(crate) port: String,
}

/// A client has lost its connection, or was told no.
#[derive(Debug)]
pub(crate) struct Loss {
    pub(crate) client: u32,
    /// When that began which failed.
    pub(crate) phase: u32,
    /// What it was told; empty if the connection ended.
    pub(crate) sqlstate: String,
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
            phase: AtomicU32::new(Phase::Calm as u32),
            losses: Mutex::default(),
            steps_back: Mutex::default(),
        }
    }

    /// How long it has lasted.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Ends it when what is returned is dropped, by a panic as well.
    pub(crate) fn ends(&self) -> End<'_> {
        End(self)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        println!("{:?}: {phase:?}", self.now());
        self.phase.store(phase as u32, Ordering::SeqCst);
    }

    pub(crate) fn phase(&self) -> u32 {
        self.phase.load(Ordering::SeqCst)
    }

    pub(crate) fn lose(&self, client: u32, phase: u32, error: &WireError) {
        let loss = Loss {
            client,
            phase,
            sqlstate: error.sqlstate().to_owned(),
        };
        println!("{:?}: {loss:?}: {error}", self.now());
        self.losses.lock().unwrap().push(loss);
    }

    /// All that was lost.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        std::mem::take(&mut *self.losses.lock().unwrap())
    }

    pub(crate) fn went_back(&self, phase: u32, rows: u32, port: &str) {
        let port = port.to_owned();
        let step = StepBack { phase, rows, port };
        println!("{:?}: {step:?}", self.now());
        self.steps_back.lock().unwrap().push(step);
    }

    /// All that was seen of it.
    pub(crate) fn steps_back(&self) -> Vec<StepBack> {
        std::mem::take(&mut *self.steps_back.lock().unwrap())
    }

    /// Waits until everybody has got so much further than now.
    pub(crate) fn until_all_advance(&self, what: &str, steps: &[AtomicU32], by: u32) {
        let count = |steps: &AtomicU32| steps.load(Ordering::SeqCst);
        let before: Vec<u32> = steps.iter().map(count).collect();
        let have_advanced = || {
            assert!(!self.is_over(), "a client has panicked");
            let mut both = steps.iter().map(count).zip(&before);
            both.all(|(now, before)| now >= before + by)
        };
        polling::until_true(what, LIMIT, have_advanced).unwrap();
    }
}

/// Ends the course.
pub(crate) struct End<'a>(&'a Course);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// Ends the course if its thread panics.
pub(crate) struct Watch<'a>(pub(crate) &'a Course);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.is_over.store(true, Ordering::Relaxed);
        }
    }
}
