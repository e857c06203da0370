//! One life of a server, in which what it has replayed never goes back.
//!
//! A standby that is restarted begins again at its last restartpoint, and lets clients in before it is
//! where it was. So it does after a crash of one of its processes, which its postmaster survives: what
//! tells the two lives apart is that no connection outlives the first.

use tokio::time::Instant;

/// One life of a server: two that are equal are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Life {
    /// When its postmaster started, by its own clock, in microseconds.
    started: i64,
    /// When the connection was opened over which it has been asked since.
    since: Instant,
}

impl Life {
    /// The life of a server that has been asked over one connection since this moment.
    pub fn new(started: i64, since: Instant) -> Self {
        Self { started, since }
    }

    /// When its postmaster started, by its own clock, in microseconds.
    pub fn started(self) -> i64 {
        self.started
    }
}
