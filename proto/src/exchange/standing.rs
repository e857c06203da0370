//! Whose the replies are that a ledger waits for.

use super::entry::Owner;
use super::entry::Verdict;
use super::ledger::Ledger;

impl Ledger {
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
