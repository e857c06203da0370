//! Whose the replies are that a ledger waits for.

use super::copy::Copy;
use super::entry::Entry;
use super::entry::Owner;
use super::entry::Verdict;
use super::ledger::Doubt;
use super::ledger::Ledger;

impl Ledger {
    /// Whether a statement is being worked on: a cancel would find something to cancel.
    #[inline]
    pub fn is_busy(&self) -> bool {
        !self.owed.is_empty()
    }

    /// How many rounds are owed whose end was sent: an error in one does not keep the server from the
    /// next.
    pub fn rounds_owed(&self) -> usize {
        let is_end = |entry: &&Entry| entry.awaited.is_ended_by_ready();
        self.owed.iter().filter(is_end).count()
    }

    /// Whether something is owed, and nothing about it is out of the ordinary: no COPY, no doubt.
    #[inline]
    pub fn is_under_way(&self) -> bool {
        !self.owed.is_empty() && self.copy == Copy::None && self.doubt == Doubt::None
    }

    /// Whether nothing more need come of what is owed unless the client says more: a COPY waits
    /// for data, or a pipeline for its `Sync`.
    pub fn awaits_client(&self) -> bool {
        self.copy.is_in() || self.copy == Copy::Both || self.open || self.skipping
    }

    /// Whether what comes next answers something of the pooler's.
    #[inline]
    pub fn is_swallowing(&self) -> bool {
        let first = self.owed.front();
        first.is_some_and(|entry| entry.verdict() == Verdict::Swallow)
    }

    /// Whether an error, or what else a server says while it works on what comes next, is the client's.
    pub fn is_heard_aside(&self) -> bool {
        self.aside() == Verdict::Forward
    }

    /// Whether the client waits for the reply to something of its own.
    pub fn owes_client(&self) -> bool {
        self.owed.iter().any(|entry| entry.owner == Owner::Client)
    }

    /// Whether what comes next answers a marked message.
    pub fn is_marked(&self) -> bool {
        self.owed.front().is_some_and(|entry| entry.is_marked)
    }
}
