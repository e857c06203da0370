//! What an endpoint says of itself at one moment.

use std::time::Duration;

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
    /// What it has flushed, or as a standby replayed, of the write-ahead log.
    pub lsn: Lsn,
    /// What a standby has received of it.
    pub received: Option<Lsn>,
    /// How old the last transaction is that a standby has replayed; zero if it has replayed all it
    /// has received.
    pub lag: Option<Duration>,
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
