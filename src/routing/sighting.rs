//! What an endpoint says of itself at one moment.

use std::time::Duration;

use crate::routing::Life;
use crate::routing::Look;
use crate::routing::Lsn;

/// Whether an endpoint takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does.
    Writable {
        /// The timeline that it writes.
        timeline: u32,
    },
    /// It could, but its configuration makes every transaction read-only.
    ReadOnly {
        /// The timeline that it would write.
        timeline: u32,
    },
    /// It is in recovery: a standby.
    Standby,
}

/// What an endpoint says of itself at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Whether it takes writes.
    pub state: State,
    /// When its postmaster started, in microseconds: two endpoints with the same are one server under
    /// two names.
    pub started: i64,
    /// The system identifier: that of a standby is its primary's.
    pub system: Option<u64>,
    /// The newest timeline that a standby is known to have reached.
    pub followed: Option<u32>,
    /// Up to where it has written, or as a standby replayed, the write-ahead log. Written is also what
    /// is not flushed yet: a commit may be acknowledged before that.
    pub lsn: Lsn,
    /// What a standby has received of it.
    pub received: Option<Lsn>,
    /// How old the last transaction is that a standby has replayed; zero if it has replayed all it
    /// has received.
    pub lag: Option<Duration>,
    /// How old the last transaction is that a standby has replayed, by the clocks of the two, whether
    /// or not it has more to replay.
    pub replay_age: Option<Duration>,
}

impl Sighting {
    /// The newest timeline that it is known to have reached.
    pub fn timeline(&self) -> Option<u32> {
        self.state.timeline().or(self.followed)
    }

    /// The life in which it said this when it was looked at.
    pub fn life(&self, look: Look) -> Life {
        Life::new(self.started, look.connected_at)
    }
}

impl State {
    /// The timeline of one that is out of recovery.
    pub const fn timeline(self) -> Option<u32> {
        match self {
            Self::Writable { timeline } | Self::ReadOnly { timeline } => Some(timeline),
            Self::Standby => None,
        }
    }

    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Writable { .. } => "writable",
            Self::ReadOnly { .. } => "read-only",
            Self::Standby => "standby",
        }
    }
}
