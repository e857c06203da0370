//! Signals, with the meanings that PgBouncer gives them: SIGHUP reloads, SIGTERM and SIGINT drain,
//! a second one and SIGQUIT leave at once.

use std::io;

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Load the configuration again.
    Reload,
    /// Take no more clients, and go when the last has gone.
    Drain,
    /// Go at once.
    Leave,
}

/// The signals that are listened for.
#[derive(Debug)]
pub(super) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.terminate.recv() => Wish::Drain,
            _ = self.interrupt.recv() => Wish::Drain,
            _ = self.quit.recv() => Wish::Leave,
        }
    }

    /// The next signal that means to leave, once draining has begun.
    pub(super) async fn leave(&mut self) {
        while self.next().await == Wish::Reload {}
    }
}
