//! A ledger held against the model: messages are entered and sent, read whenever the backend gets
//! to them, and answered; replies are looked up as late as one likes.
//!
//! The rules, each checked after every step: a conforming server is never called out of step;
//! every reply is said to be whose message caused it; the ledger is clean only when the backend is,
//! and nothing is on its way; and once all is read and answered, it is clean if the backend is,
//! unless a COPY that failed left a doubt.

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::exchange::Verdict;
use tidegate_proto::frontend::tag as frontend;

use crate::backend::Backend;
use crate::settings::Settings;

mod messages;

/// One step of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The client sends one of `MESSAGES`.
    Send(u8),
    /// The pooler sends one of `MESSAGES`, at any moment.
    Inject(u8),
    /// The pooler sends one of `MESSAGES`, if the ledger is clean: the beginning of a lease.
    InjectWhenClean(u8),
    /// The backend reads a message.
    Work,
    /// The next reply is looked up.
    Receive,
    /// All that is there is read, answered and looked up.
    Settle,
    /// Somebody cancels what runs.
    Cancel,
    /// The backend says something unasked.
    Notice,
}

impl Op {
    /// An operation from two bytes of a fuzzer.
    pub fn from_bytes([kind, message]: [u8; 2]) -> Self {
        match kind % 16 {
            0..6 => Self::Send(message),
            6 => Self::Inject(message),
            7 => Self::InjectWhenClean(message),
            8..11 => Self::Work,
            11..13 => Self::Receive,
            13 => Self::Settle,
            14 => Self::Cancel,
            _ => Self::Notice,
        }
    }
}

/// A ledger and the backend that it keeps the books of.
#[derive(Debug, Clone)]
pub struct Exchange {
    ledger: Ledger,
    backend: Backend,
    owners: Vec<Owner>,
    has_failed_copy: bool,
}

impl Exchange {
    /// Nothing was said yet.
    pub fn new(survives_intruders: bool) -> Self {
        Self {
            ledger: Ledger::new(),
            backend: Backend::new(Settings::new(&[]), survives_intruders),
            owners: Vec::new(),
            has_failed_copy: false,
        }
    }

    /// Takes every step in turn, then lets everything settle.
    ///
    /// # Panics
    ///
    /// If a rule is broken.
    pub fn run(mut self, ops: &[Op]) {
        for op in ops {
            // The session ends with either.
            if self.ledger.is_lost() || self.backend.is_ended() {
                break;
            }
            self.apply(*op);
            self.check();
        }
        self.settle();
        self.check();
        self.check_settled();
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Send(message) => self.send(message, Owner::Client),
            Op::Inject(message) => self.send(message, Owner::Pooler),
            Op::InjectWhenClean(message) => {
                if self.ledger.is_clean() {
                    self.send(message, Owner::Pooler);
                }
            },
            Op::Work => drop(self.backend.work()),
            Op::Receive => drop(self.receive()),
            Op::Settle => self.settle(),
            Op::Cancel => self.backend.cancel(),
            Op::Notice => {
                self.owners.push(Owner::Client);
                self.backend.notice(self.owners.len() - 1);
            },
        }
    }

    fn send(&mut self, message: u8, owner: Owner) {
        let (tag, body) = messages::message(message);
        let entered = self.ledger.sent(tag, owner);
        assert_eq!(entered, Ok(()), "a legal message was refused");
        self.backend.enqueue(self.owners.len(), tag, body);
        self.owners.push(owner);
    }

    fn settle(&mut self) {
        while !self.ledger.is_lost() && (self.backend.work() || self.receive()) {}
    }

    fn receive(&mut self) -> bool {
        let Some(reply) = self.backend.reply() else {
            return false;
        };
        let was_sure = !self.is_doubtful() && !self.ledger.is_parting();
        let verdict = if reply.tag() == backend::READY_FOR_QUERY {
            let status = reply.body().first().copied();
            let status = status.and_then(TransactionStatus::from_byte);
            self.ledger
                .ready(status.unwrap_or(TransactionStatus::Failed))
        } else {
            self.ledger.received(reply.tag())
        };
        self.has_failed_copy |= self.is_doubtful();
        let expected = match self.owners.get(reply.cause) {
            Some(Owner::Client) => Verdict::Forward,
            Some(Owner::Pooler | Owner::Behalf) | None => Verdict::Swallow,
        };
        assert!(verdict.is_ok(), "a conforming server is called out of step");
        // What is said unasked may come when it looks like part of another reply; and the last
        // words of a session concern everybody.
        let is_unasked = reply.tag() == backend::NOTICE_RESPONSE;
        let is_last = self.backend.is_ended() && !self.backend.has_replies();
        if is_unasked || is_last {
            return true;
        }
        if was_sure || !self.ledger.is_lost() {
            let tag = char::from(reply.tag());
            assert_eq!(verdict, Ok(expected), "of {tag}");
        }
        true
    }

    fn is_doubtful(&self) -> bool {
        self.ledger.is_lost() || self.ledger.is_spent()
    }

    /// What must hold at any moment.
    fn check(&self) {
        if self.ledger.is_clean() {
            let is_silent = |tag: u8| {
                let silent = [
                    frontend::COPY_DATA,
                    frontend::COPY_DONE,
                    frontend::COPY_FAIL,
                ];
                silent.contains(&tag) || tag == frontend::FLUSH
            };
            assert!(self.backend.is_idle(), "clean, but the backend is not");
            assert!(self.backend.unread().all(is_silent), "clean, but not read");
            assert!(self.rest().is_empty(), "clean, but not told everything");
        }
        if self.ledger.is_spent() {
            let rest = self.rest();
            assert!(
                rest.iter().all(|tag| *tag == backend::READY_FOR_QUERY),
                "spent, but the client is owed {rest:?}"
            );
        }
    }

    /// The tags of all that is still to come, but for what may come at any time.
    fn rest(&self) -> Vec<u8> {
        let mut backend = self.backend.clone();
        while backend.work() {}
        let replies = std::iter::from_fn(|| backend.reply());
        let aside = [backend::NOTICE_RESPONSE, backend::PARAMETER_STATUS];
        replies
            .map(|reply| reply.tag())
            .filter(|tag| !aside.contains(tag))
            .collect()
    }

    /// What must hold when all was read and answered.
    fn check_settled(&self) {
        let is_given_up = self.ledger.is_lost() || self.ledger.is_parting();
        if is_given_up || self.backend.is_ended() {
            return;
        }
        let is_known = self.ledger.is_clean() || self.ledger.is_spent() || self.has_failed_copy;
        assert!(
            is_known || !self.backend.is_idle(),
            "the backend is idle, but {:?} is not clean",
            self.ledger
        );
    }
}
