//! The ledger: one first-in-first-out queue, per server, of the replies it still owes.
//!
//! Every message sent to a server is entered with [`Ledger::sent`], every message received is
//! looked up with [`Ledger::received`] or [`Ledger::ready`], which say whether it goes to the
//! client or was meant for the pooler. The ledger must never guess: where the protocol leaves two
//! readings (a `Sync` that may or may not have fallen into a failed COPY), it becomes *doubtful*
//! and the server is never clean again.
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

use crate::backend::TransactionStatus;
use crate::backend::tag as backend;
use crate::error::Sender;
use crate::error::Violation;
use crate::frontend::tag as frontend;

/// Whose message it was, and so whose reply it will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The client's: the reply is forwarded.
    Client,
    /// Injected by the pooler: the reply is swallowed.
    Pooler,
}

/// What to do with a message from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the client as it came.
    Forward,
    /// It answers something the pooler injected: the client never sees it.
    Swallow,
}

/// The message an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    Query,
    FunctionCall,
    Sync,
    /// `CopyDone` or `CopyFail`: owed no reply, but it ends the copy that reaches it.
    CopyEnd,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    awaited: Awaited,
    owner: Owner,
}

/// A COPY that the server is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copy {
    None,
    /// COPY FROM STDIN: the server reads messages until `CopyDone` or `CopyFail` and ignores
    /// `Flush` and `Sync`. `syncs_absorbed`: at least one `Sync` was sent into it.
    In {
        syncs_absorbed: bool,
    },
    /// The end of the copy was sent, or a message that makes it fail: what was sent after it will
    /// be answered as usual.
    Closing {
        syncs_absorbed: bool,
    },
    /// Replication: both sides send `CopyData`.
    Both,
}

/// The replies that one server still owes.
#[derive(Debug)]
pub struct Ledger {
    owed: VecDeque<Entry>,
    status: TransactionStatus,
    copy: Copy,
    /// An extended-protocol message was sent after the last `Sync` or `Query`.
    open: bool,
    /// The server discards every message until the next `Sync`.
    skipping: bool,
    /// It can no longer be told how many replies are owed.
    doubtful: bool,
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
            status: TransactionStatus::Idle,
            copy: Copy::None,
            open: false,
            skipping: false,
            doubtful: false,
        }
    }

    /// Enters a message that is about to be sent to the server, by its tag.
    ///
    /// # Errors
    ///
    /// [`Violation`], the client's fault, if no frontend message has this tag once a session is
    /// under way. The message must then not be sent.
    #[inline]
    pub fn sent(&mut self, tag: u8, owner: Owner) -> Result<(), Violation> {
        match tag {
            frontend::QUERY => {
                self.enter(Awaited::Query, owner);
                self.open = false;
            },
            frontend::PARSE => self.enter_extended(Awaited::Parse, owner),
            frontend::BIND => self.enter_extended(Awaited::Bind, owner),
            frontend::DESCRIBE => self.enter_extended(Awaited::Describe, owner),
            frontend::EXECUTE => self.enter_extended(Awaited::Execute, owner),
            frontend::CLOSE => self.enter_extended(Awaited::Close, owner),
            frontend::SYNC => self.enter_sync(owner),
            frontend::FUNCTION_CALL => {
                self.enter(Awaited::FunctionCall, owner);
                self.open = false;
            },
            frontend::COPY_DONE | frontend::COPY_FAIL => self.enter_copy_end(owner),
            frontend::FLUSH | frontend::COPY_DATA | frontend::TERMINATE => {},
            unknown => return Err(Violation::out_of_place(Sender::Frontend, unknown)),
        }
        Ok(())
    }

    /// Looks up a message received from the server, by its tag; not for `ReadyForQuery`.
    ///
    /// # Errors
    ///
    /// [`Violation`], the server's fault, if nothing that was sent can have caused it. The server
    /// is out of step and must be closed.
    #[inline]
    pub fn received(&mut self, tag: u8) -> Result<Verdict, Violation> {
        match tag {
            backend::DATA_ROW | backend::COPY_DATA | backend::COPY_DONE => {
                self.continues(tag, &[Awaited::Query, Awaited::Execute])
            },
            backend::COPY_OUT_RESPONSE => self.continues(tag, &[Awaited::Query, Awaited::Execute]),
            backend::COMMAND_COMPLETE | backend::EMPTY_QUERY_RESPONSE => self.ends_command(tag),
            backend::ROW_DESCRIPTION => self.ends_unless_query(tag),
            backend::PARSE_COMPLETE => self.ends(tag, Awaited::Parse),
            backend::BIND_COMPLETE => self.ends(tag, Awaited::Bind),
            backend::CLOSE_COMPLETE => self.ends(tag, Awaited::Close),
            backend::NO_DATA => self.ends(tag, Awaited::Describe),
            backend::PORTAL_SUSPENDED => self.ends(tag, Awaited::Execute),
            backend::PARAMETER_DESCRIPTION => self.continues(tag, &[Awaited::Describe]),
            backend::FUNCTION_CALL_RESPONSE => self.continues(tag, &[Awaited::FunctionCall]),
            backend::COPY_IN_RESPONSE => self.copy_in_begins(tag),
            backend::COPY_BOTH_RESPONSE => {
                let verdict = self.continues(tag, &[Awaited::Query, Awaited::Execute])?;
                self.copy = Copy::Both;
                Ok(verdict)
            },
            backend::ERROR_RESPONSE => Ok(self.failed()),
            backend::NOTICE_RESPONSE
            | backend::PARAMETER_STATUS
            | backend::NOTIFICATION_RESPONSE => Ok(self.aside()),
            unexpected => Err(Violation::out_of_place(Sender::Backend, unexpected)),
        }
    }

    /// Looks up a `ReadyForQuery` with its status.
    ///
    /// # Errors
    ///
    /// [`Violation`], the server's fault, if no message that it could answer is owed.
    #[inline]
    pub fn ready(&mut self, status: TransactionStatus) -> Result<Verdict, Violation> {
        let owner = match self.owed.front() {
            Some(Entry {
                awaited: Awaited::Query | Awaited::FunctionCall | Awaited::Sync,
                owner,
            }) => *owner,
            // The reading in which an earlier Sync was not absorbed by the failed COPY.
            _ if self.doubtful => {
                self.skipping = false;
                self.status = status;
                return Ok(Verdict::Forward);
            },
            _ => {
                return Err(Violation::out_of_place(
                    Sender::Backend,
                    backend::READY_FOR_QUERY,
                ));
            },
        };
        self.status = status;
        self.copy = Copy::None;
        self.pop();
        Ok(verdict_for(owner))
    }

    /// Whether the server owes nothing, is outside any transaction, and nobody doubts it.
    #[inline]
    pub fn is_clean(&self) -> bool {
        self.owed.is_empty()
            && self.status == TransactionStatus::Idle
            && self.copy == Copy::None
            && !self.open
            && !self.skipping
            && !self.doubtful
    }

    /// Whether it can no longer be told what the server owes: close it, whatever it says next.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful
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

    /// Whether a statement is being worked on: a cancel would find something to cancel.
    pub fn is_busy(&self) -> bool {
        !self.owed.is_empty()
    }

    fn enter_extended(&mut self, awaited: Awaited, owner: Owner) {
        self.enter(awaited, owner);
        self.open = true;
    }

    fn enter(&mut self, awaited: Awaited, owner: Owner) {
        if self.skipping {
            return;
        }
        if let Copy::In { .. } = self.copy {
            // The COPY reads this message in place of data and fails on it: an ErrorResponse for
            // the COPY follows, and none for this message.
            self.copy_in_closes();
            return;
        }
        self.owed.push_back(Entry { awaited, owner });
    }

    fn enter_sync(&mut self, owner: Owner) {
        if let Copy::In { .. } = self.copy {
            self.copy = Copy::In {
                syncs_absorbed: true,
            };
            return;
        }
        self.skipping = false;
        self.open = false;
        self.owed.push_back(Entry {
            awaited: Awaited::Sync,
            owner,
        });
    }

    fn enter_copy_end(&mut self, owner: Owner) {
        if let Copy::In { .. } = self.copy {
            self.copy_in_closes();
        } else if !self.owed.is_empty() {
            self.owed.push_back(Entry {
                awaited: Awaited::CopyEnd,
                owner,
            });
        }
    }

    fn copy_in_closes(&mut self) {
        if let Copy::In { syncs_absorbed } = self.copy {
            self.copy = Copy::Closing { syncs_absorbed };
        }
    }

    /// The copy failed, at a point of the stream that nobody can name: a `Sync` that was counted
    /// as absorbed may have come after it, and then it will be answered.
    fn copy_in_fails(&mut self) {
        if let Copy::In { syncs_absorbed } | Copy::Closing { syncs_absorbed } = self.copy {
            self.doubtful |= syncs_absorbed;
            self.copy = Copy::None;
        }
    }

    fn continues(&mut self, tag: u8, heads: &[Awaited]) -> Result<Verdict, Violation> {
        match self.owed.front() {
            Some(entry) if heads.contains(&entry.awaited) => Ok(verdict_for(entry.owner)),
            _ => Err(Violation::out_of_place(Sender::Backend, tag)),
        }
    }

    fn ends(&mut self, tag: u8, head: Awaited) -> Result<Verdict, Violation> {
        let verdict = self.continues(tag, &[head])?;
        self.pop();
        Ok(verdict)
    }

    fn ends_command(&mut self, tag: u8) -> Result<Verdict, Violation> {
        let verdict = self.continues(tag, &[Awaited::Query, Awaited::Execute])?;
        self.copy = Copy::None;
        self.pop_if(Awaited::Execute);
        Ok(verdict)
    }

    fn ends_unless_query(&mut self, tag: u8) -> Result<Verdict, Violation> {
        let verdict = self.continues(tag, &[Awaited::Query, Awaited::Describe])?;
        self.pop_if(Awaited::Describe);
        Ok(verdict)
    }

    fn pop_if(&mut self, head: Awaited) {
        if self.owed.front().is_some_and(|entry| entry.awaited == head) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        self.owed.pop_front();
        while self
            .owed
            .front()
            .is_some_and(|entry| entry.awaited == Awaited::CopyEnd)
        {
            self.owed.pop_front();
        }
    }

    /// `CopyInResponse`: from here the server reads what was sent after the command as copy data.
    fn copy_in_begins(&mut self, tag: u8) -> Result<Verdict, Violation> {
        let verdict = self.continues(tag, &[Awaited::Query, Awaited::Execute])?;
        self.copy = Copy::In {
            syncs_absorbed: false,
        };
        while let Some(next) = self.owed.get(1).map(|entry| entry.awaited) {
            self.owed.remove(1);
            match next {
                Awaited::Sync => {
                    self.copy = Copy::In {
                        syncs_absorbed: true,
                    }
                },
                Awaited::CopyEnd => {
                    self.copy_in_closes();
                    break;
                },
                Awaited::Parse
                | Awaited::Bind
                | Awaited::Describe
                | Awaited::Execute
                | Awaited::Close
                | Awaited::Query
                | Awaited::FunctionCall => {
                    self.copy_in_closes();
                    break;
                },
            }
        }
        Ok(verdict)
    }

    fn failed(&mut self) -> Verdict {
        let Some(head) = self.owed.front().copied() else {
            return Verdict::Forward;
        };
        self.copy_in_fails();
        match head.awaited {
            Awaited::Query | Awaited::FunctionCall | Awaited::Sync | Awaited::CopyEnd => {},
            Awaited::Parse
            | Awaited::Bind
            | Awaited::Describe
            | Awaited::Execute
            | Awaited::Close => {
                while self
                    .owed
                    .front()
                    .is_some_and(|entry| entry.awaited != Awaited::Sync)
                {
                    self.owed.pop_front();
                }
                self.skipping = self.owed.is_empty();
            },
        }
        verdict_for(head.owner)
    }

    fn aside(&self) -> Verdict {
        self.owed
            .front()
            .map_or(Verdict::Forward, |entry| verdict_for(entry.owner))
    }
}

fn verdict_for(owner: Owner) -> Verdict {
    match owner {
        Owner::Client => Verdict::Forward,
        Owner::Pooler => Verdict::Swallow,
    }
}
