//! The ledger: one first-in-first-out queue, per server, of the replies it still owes.
//!
//! Every message sent to a server is entered with [`Ledger::sent`], every message received is
//! looked up with [`Ledger::received`] or [`Ledger::ready`], which say whether it goes to the
//! client or was meant for the pooler. The ledger must never guess: where the protocol leaves two
//! readings (a `Sync` that may or may not have fallen into a failed COPY), it is in doubt, and a
//! server in doubt is never clean.
//!
//! ```text
//!            Parse, Bind, …           ErrorResponse            Sync
//!   synced ────────────────▶ open ────────────────▶ skipping ───────▶ owed
//!      ▲                      │ Sync, Query                             │
//!      └──────────────────────┴────────── ReadyForQuery ◀──────────────┘
//! ```
//!
//! See "Extended Query" and "COPY Operations",
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY>.

use std::collections::VecDeque;

use super::copy::Copy;
use super::entry::Awaited;
use super::entry::Entry;
use super::entry::Outcome;
use super::entry::Owner;
use super::entry::Verdict;
use crate::backend::TransactionStatus;
use crate::backend::tag as backend;
use crate::error::Sender;
use crate::error::Violation;

/// What cannot be told of the replies that are owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    None,
    /// How many `ReadyForQuery` there will be: a COPY failed, and a `Sync` that was sent into it
    /// may have been read before or after that. All that may come unexpectedly is
    /// `ReadyForQuery`, before the replies to what was sent later; the first of these ends the
    /// doubt.
    Syncs,
    /// Whether it answers anything more: it was sent something into a COPY that is no part of one.
    /// A server of today says why it closes the connection, once more. If it says anything else,
    /// nobody can tell to whom.
    Parting,
    /// Anything.
    Lost,
}

/// The replies that one server still owes.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(super) owed: VecDeque<Entry>,
    /// What came of marked messages, in their order, until somebody asks.
    pub(super) settled: VecDeque<Outcome>,
    status: TransactionStatus,
    pub(super) copy: Copy,
    pub(super) doubt: Doubt,
    /// Something of the reply to the first entry has come.
    is_answered: bool,
    /// An error was part of it.
    has_failed: bool,
    /// An extended-protocol message was sent after the last `Sync` or `Query`.
    pub(super) open: bool,
    /// The server discards every message until the next `Sync`.
    pub(super) skipping: bool,
    /// A `Query` or a `FunctionCall` was sent into a pipeline without a `Sync`: servers of version 18
    /// are not what they say they are after that.
    pub(super) is_spoiled: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger {
    /// The ledger of a server that has just sent its first `ReadyForQuery`, status idle.
    pub fn new() -> Self {
        Self {
            owed: VecDeque::new(),
            settled: VecDeque::new(),
            status: TransactionStatus::Idle,
            copy: Copy::None,
            doubt: Doubt::None,
            is_answered: false,
            has_failed: false,
            open: false,
            skipping: false,
            is_spoiled: false,
        }
    }

    /// Looks up a message received from the server, by its tag; not for `ReadyForQuery`.
    ///
    /// # Errors
    ///
    /// [`Violation`], the server's fault, if nothing that was sent can have caused it. The server
    /// is out of step and must be closed.
    #[inline]
    pub fn received(&mut self, tag: u8) -> Result<Verdict, Violation> {
        if self.doubt == Doubt::Parting {
            return Ok(self.parting_words(tag));
        }
        match tag {
            backend::DATA_ROW
            | backend::COPY_DATA
            | backend::COPY_DONE
            | backend::COPY_OUT_RESPONSE => Ok(self.head(tag, Awaited::is_command)?.verdict()),
            backend::COMMAND_COMPLETE | backend::EMPTY_QUERY_RESPONSE => self.ends_command(tag),
            backend::ROW_DESCRIPTION => self.ends_unless_query(tag),
            backend::PARSE_COMPLETE => self.ends(tag, Awaited::Parse),
            backend::BIND_COMPLETE => self.ends(tag, Awaited::Bind),
            backend::CLOSE_COMPLETE => self.ends(tag, Awaited::Close),
            backend::NO_DATA => self.ends(tag, Awaited::Describe),
            backend::PORTAL_SUSPENDED => self.ends(tag, Awaited::Execute),
            backend::PARAMETER_DESCRIPTION => {
                let is_it = |awaited| awaited == Awaited::Describe;
                Ok(self.head(tag, is_it)?.verdict())
            },
            backend::FUNCTION_CALL_RESPONSE => {
                let is_it = |awaited| awaited == Awaited::FunctionCall;
                Ok(self.head(tag, is_it)?.verdict())
            },
            backend::COPY_IN_RESPONSE => self.copy_in_begins(tag),
            backend::COPY_BOTH_RESPONSE => {
                let head = self.head(tag, |awaited| awaited == Awaited::Query)?;
                self.copy = Copy::Both;
                Ok(head.verdict())
            },
            backend::ERROR_RESPONSE => Ok(self.failed()),
            backend::NOTICE_RESPONSE
            | backend::PARAMETER_STATUS
            | backend::NOTIFICATION_RESPONSE => Ok(self.aside()),
            unexpected => Err(out_of_place(unexpected)),
        }
    }

    /// Looks up a `DataRow` as [`Ledger::received`] does, if nothing about it is out of the ordinary:
    /// most of what servers say are rows for clients. If not, nothing has happened yet.
    #[inline]
    pub fn forwards_row(&mut self) -> bool {
        let is_of_client = |head: &Entry| head.owner == Owner::Client && head.awaited.is_command();
        let forwards = self.doubt == Doubt::None && self.owed.front().is_some_and(is_of_client);
        self.is_answered |= forwards;
        forwards
    }

    /// Looks up a `ReadyForQuery` with its status.
    ///
    /// # Errors
    ///
    /// [`Violation`], the server's fault, if no message that it could answer is owed.
    #[inline]
    pub fn ready(&mut self, status: TransactionStatus) -> Result<Verdict, Violation> {
        if self.doubt == Doubt::Parting {
            return Ok(self.parting_words(backend::READY_FOR_QUERY));
        }
        let verdict = match self.owed.front() {
            // A `Query` and a `FunctionCall` are always answered by more than this.
            Some(entry) if self.doubt == Doubt::Syncs && !self.can_be_ready(*entry) => None,
            Some(entry) if entry.awaited.is_ended_by_ready() && self.copy == Copy::None => {
                Some(entry.verdict())
            },
            None if self.doubt == Doubt::Syncs => None,
            _ => return Err(out_of_place(backend::READY_FOR_QUERY)),
        };
        self.status = status;
        let Some(verdict) = verdict else {
            return Ok(self.ready_after_all());
        };
        self.pop();
        Ok(verdict)
    }

    /// What came of the first marked message that this was not asked of yet; `None` while that is
    /// open.
    #[inline]
    pub fn settled(&mut self) -> Option<Outcome> {
        self.settled.pop_front()
    }

    /// Whether the server owes nothing, is outside any transaction, and nothing is in doubt.
    #[inline]
    pub fn is_clean(&self) -> bool {
        self.doubt == Doubt::None && self.is_settled() && !self.is_spoiled
    }

    /// Whether it would be clean, but for what is the pooler's own: nothing that the client sends now
    /// comes behind anything else of the client's.
    #[inline]
    pub fn is_clean_for_client(&self) -> bool {
        let mut owners = self.owed.iter().map(|entry| entry.owner);
        let is_own = owners.all(|owner| owner == Owner::Pooler);
        is_own && self.doubt == Doubt::None && self.is_at_rest() && !self.is_spoiled
    }

    /// The error that has just been received is not for the client, which hears nothing of this round:
    /// what ends it is the pooler's.
    pub fn take_back(&mut self) {
        if let Some(end) = self.owed.front_mut() {
            end.owner = Owner::Pooler;
        }
    }

    /// Whether it would be clean, but for `ReadyForQuery` that may still come, or for what a server
    /// cannot be trusted to have got right: the client has heard all that it can rely on, and the
    /// server cannot be lent again.
    #[inline]
    pub fn is_spent(&self) -> bool {
        let is_doubtful = self.doubt == Doubt::Syncs;
        let is_spoiled = self.doubt == Doubt::None && self.is_spoiled;
        (is_doubtful || is_spoiled) && self.is_settled()
    }

    /// Whether it cannot be told how many `ReadyForQuery` will come, or could not if the COPY under way
    /// fails, or whether any will: nothing may be injected.
    #[inline]
    pub fn is_doubtful(&self) -> bool {
        matches!(self.doubt, Doubt::Syncs | Doubt::Parting) || self.copy.has_absorbed_sync()
    }

    /// Whether it can no longer be told what the server says to whom: whatever comes next is for
    /// nobody, and may even look like a violation. Close it.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.doubt == Doubt::Lost
    }

    /// Whether the server is expected to end: what it says until then is why.
    #[inline]
    pub fn is_parting(&self) -> bool {
        self.doubt == Doubt::Parting
    }

    /// The transaction status of the last `ReadyForQuery`.
    #[inline]
    pub fn status(&self) -> TransactionStatus {
        self.status
    }

    /// How many entries are owed, in messages.
    #[inline]
    pub fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Whether the server discards what it is sent, until the next `Sync`.
    #[inline]
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Whether what is sent now is read by a COPY, as far as the server's replies have told.
    #[inline]
    pub fn is_in_copy(&self) -> bool {
        self.copy.is_in()
    }

    /// Whether the client's messages of the extended protocol still want their `Sync`.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open
    }

    fn is_settled(&self) -> bool {
        self.owed.is_empty() && self.is_at_rest()
    }

    /// Nothing that came before is under way, but for what is owed.
    fn is_at_rest(&self) -> bool {
        self.status == TransactionStatus::Idle
            && self.copy == Copy::None
            && !self.open
            && !self.skipping
    }

    /// The first entry, of whose reply this is a part, if it can be.
    #[inline]
    fn head(&mut self, tag: u8, can_be: impl Fn(Awaited) -> bool) -> Result<Entry, Violation> {
        match self.owed.front().copied() {
            Some(head) if can_be(head.awaited) => {
                self.answers(head);
                Ok(head)
            },
            _ => Err(out_of_place(tag)),
        }
    }

    /// Something of the reply to the first entry has come. Whatever was in doubt came before it.
    #[inline]
    fn answers(&mut self, head: Entry) {
        let is_first = !self.is_answered && head.awaited != Awaited::Sync;
        if is_first && self.doubt == Doubt::Syncs {
            self.doubt = Doubt::None;
        }
        self.is_answered = true;
    }

    fn ends(&mut self, tag: u8, awaited: Awaited) -> Result<Verdict, Violation> {
        let head = self.head(tag, |head| head == awaited)?;
        self.pop();
        Ok(head.verdict())
    }

    #[inline]
    fn ends_command(&mut self, tag: u8) -> Result<Verdict, Violation> {
        if !self.copy.can_complete() {
            return Err(out_of_place(tag));
        }
        let head = self.head(tag, Awaited::is_command)?;
        self.copy = Copy::None;
        if head.awaited == Awaited::Execute {
            self.pop();
        }
        Ok(head.verdict())
    }

    #[inline]
    fn ends_unless_query(&mut self, tag: u8) -> Result<Verdict, Violation> {
        let can_be = |awaited| matches!(awaited, Awaited::Query | Awaited::Describe);
        let head = self.head(tag, can_be)?;
        if head.awaited == Awaited::Describe {
            self.pop();
        }
        Ok(head.verdict())
    }

    #[inline]
    fn pop(&mut self) {
        self.is_answered = false;
        let has_failed = std::mem::take(&mut self.has_failed);
        if let Some(entry) = self.owed.pop_front() {
            let outcome = if has_failed {
                Outcome::Failed
            } else {
                Outcome::Done
            };
            self.settle(entry, outcome);
        }
        while self
            .owed
            .front()
            .is_some_and(|entry| entry.awaited == Awaited::CopyEnd)
        {
            self.owed.pop_front();
        }
    }

    #[inline]
    fn settle(&mut self, entry: Entry, outcome: Outcome) {
        if entry.is_marked {
            self.settled.push_back(outcome);
        }
    }

    /// `CopyInResponse`: from here the server reads what was sent after the command as copy data.
    fn copy_in_begins(&mut self, tag: u8) -> Result<Verdict, Violation> {
        let head = self.head(tag, Awaited::is_command)?;
        self.copy = Copy::BEGUN;
        let mut has_absorbed = false;
        while self.copy.is_in()
            && let Some(next) = self.owed.remove(1)
        {
            self.settle(next, Outcome::Skipped);
            if next.awaited == Awaited::Sync {
                self.absorb_sync(next.owner);
                has_absorbed = true;
            } else if next.awaited == Awaited::CopyEnd {
                self.copy.closes();
            } else {
                self.intrude(next.owner);
            }
        }
        // The Sync that was to end the pipeline ended nothing.
        self.open |= has_absorbed && self.is_pipeline_open();
        Ok(head.verdict())
    }

    /// Whether the first entry is of a pipeline whose end is not among the others.
    fn is_pipeline_open(&self) -> bool {
        let mut entries = self.owed.iter().map(|entry| entry.awaited);
        entries.next() == Some(Awaited::Execute) && !entries.any(Awaited::is_ended_by_ready)
    }

    fn failed(&mut self) -> Verdict {
        let Some(head) = self.owed.front().copied() else {
            // Unasked: a server that is about to end, or one that is out of step.
            if !self.skipping {
                self.doubt = Doubt::Lost;
            }
            return Verdict::Forward;
        };
        self.answers(head);
        self.has_failed = true;
        let failed_copy = std::mem::replace(&mut self.copy, Copy::None);
        let skipped = if head.awaited.is_extended() {
            self.skip_to_sync()
        } else {
            0
        };
        self.doubt_failed_copy(failed_copy, head, skipped);
        head.verdict_aside()
    }

    /// Takes out what the server discards, and says how many of the messages that it did not owe
    /// yet would have been answered.
    fn skip_to_sync(&mut self) -> usize {
        self.pop();
        let mut skipped = 0;
        while let Some(entry) = self.owed.front()
            && entry.awaited != Awaited::Sync
        {
            let entry = *entry;
            skipped += usize::from(entry.awaited != Awaited::CopyEnd);
            self.owed.pop_front();
            self.settle(entry, Outcome::Skipped);
        }
        self.skipping = self.owed.is_empty();
        skipped
    }

    /// A COPY failed at a point of the stream that nobody can name: what was counted as read by it
    /// may have come after that, and then it is answered.
    fn doubt_failed_copy(&mut self, copy: Copy, head: Entry, skipped: usize) {
        let (syncs, by_intruder) = match copy {
            Copy::None | Copy::Both => return,
            Copy::In { syncs } => (syncs, false),
            Copy::Closing { syncs, by_intruder } => (syncs, by_intruder),
        };
        let is_skipping = head.awaited == Awaited::Execute;
        // In the extended protocol only a Sync ends what the failure began.
        let is_intruder_answered = by_intruder && (syncs || !is_skipping);
        let is_anything_answered = is_intruder_answered || (syncs && skipped > 0);
        let may_be_parting = is_intruder_answered && !self.has_injected();
        if may_be_parting && self.doubt != Doubt::Lost {
            self.doubt = Doubt::Parting;
        } else if is_anything_answered || (syncs && self.has_injected()) {
            self.doubt = Doubt::Lost;
        } else if syncs && self.doubt == Doubt::None {
            self.doubt = Doubt::Syncs;
        }
    }

    /// A server that may be about to end says something: why it does, or something that nobody can
    /// tell to whom.
    fn parting_words(&mut self, tag: u8) -> Verdict {
        let is_report = matches!(tag, backend::ERROR_RESPONSE | backend::NOTICE_RESPONSE);
        if is_report
            || matches!(
                tag,
                backend::PARAMETER_STATUS | backend::NOTIFICATION_RESPONSE
            )
        {
            return Verdict::Forward;
        }
        self.doubt = Doubt::Lost;
        Verdict::Swallow
    }

    fn has_injected(&self) -> bool {
        let mut owners = self.owed.iter().map(|entry| entry.owner);
        owners.any(|owner| owner != Owner::Client)
    }

    fn can_be_ready(&self, head: Entry) -> bool {
        head.awaited.is_ended_by_ready() && (self.is_answered || head.awaited == Awaited::Sync)
    }

    /// A `Sync` that was counted as read by a failed COPY is answered: it came after the failure.
    fn ready_after_all(&mut self) -> Verdict {
        self.skipping = false;
        if self.owed.is_empty() {
            self.open = false;
        }
        Verdict::Forward
    }

    pub(super) fn aside(&self) -> Verdict {
        self.owed
            .front()
            .map_or(Verdict::Forward, |entry| entry.verdict_aside())
    }
}

#[cold]
fn out_of_place(tag: u8) -> Violation {
    Violation::out_of_place(Sender::Backend, tag)
}
