//! The task of one session: from the first query to the last, as one hand-written future.
//!
//! It polls both sockets at each wake-up, in this order: what waits for the client, what the server
//! said, the queue, what the client says. It holds no buffer while nothing is half-said, takes no
//! lock and registers no timer; what ends by time is ended by the worker's tick.
//!
//! ```text
//!   idle ── client speaks ──▶ waiting ── granted ──▶ active ── clean ReadyForQuery ──▶ idle
//!     │                          │                     │
//!     └──────────────────────────┴──── any End ────────┴──▶ closing ──▶ done
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use tidegate_proto::backend::TransactionStatus;

use crate::config::PoolMode;
use crate::limits::HELD_BYTES_MAX;
use crate::limits::LEDGER_ENTRIES_MAX;
use crate::limits::SESSION_STEPS_MAX;
use crate::limits::SPLICE_TURN_BYTES;
use crate::net::Outgoing;
use crate::net::Socket;
use crate::pool::Healed;
use crate::pool::Held;
use crate::pool::Lease;
use crate::pool::Waiting;
use crate::session::End;
use crate::session::carrying::drop_what_is_unnamed;
use crate::session::conversation::Conversation;
use crate::session::reads;
use crate::session::reads::Reading;
use crate::session::registry::Registered;
use crate::session::routed::Routed;
use crate::session::statements::Statements;

/// One session, from the first query on.
pub(super) struct Session {
    pub(super) socket: Socket,
    pub(super) lease: Option<Lease>,
    pub(super) waiting: Option<Waiting>,
    pub(super) to_client: Option<Box<Outgoing>>,
    /// Bytes of the client that cannot go on yet: half a header, or all it said while it waits.
    pub(super) held: Held,
    pub(super) conversation: Conversation,
    pub(super) statements: Option<Box<Statements>>,
    /// What is known of its reads, if these may go to replicas.
    pub(super) reading: Option<Box<Reading>>,
    pub(super) end: Option<Box<End>>,
    /// Bytes that the kernel has moved in this turn.
    pub(super) moved: u32,
    is_listening: bool,
    /// The client's socket was read until nothing was left: when more comes, this task is woken.
    pub(super) is_client_watched: bool,
    /// The same of the server's, by this task and not by one that had the server before.
    pub(super) is_server_watched: bool,
    /// Behind all else: what it has of a pool goes first.
    pub(super) client: Registered,
}

impl Session {
    pub(super) fn new(socket: Socket, client: Registered) -> Self {
        Self {
            socket,
            lease: None,
            waiting: None,
            to_client: None,
            held: Held::default(),
            conversation: Conversation::default(),
            statements: None,
            reading: None,
            end: None,
            moved: 0,
            is_listening: false,
            is_client_watched: false,
            is_server_watched: false,
            client,
        }
    }

    /// Where its transactions went, if that depended on what they did.
    pub(super) fn routed(&self) -> Option<Routed> {
        let routed = || self.reading.as_ref().map(|reading| reading.routed);
        let is_routed = self.client.is_routed();
        is_routed.then(|| routed().unwrap_or_default())
    }

    /// Its server if it has one already, the first words to the client, and what it said early.
    ///
    /// # Errors
    ///
    /// [`End`], at its first step: its server cannot be told what it should forget.
    pub(super) fn begin_with(
        &mut self,
        lease: Option<Lease>,
        words: Option<Box<Outgoing>>,
        early: Vec<u8>,
    ) {
        self.to_client = words;
        self.conversation.restarts = !early.is_empty();
        self.held = early.into();
        self.lease = lease;
        if let Some(lease) = &mut self.lease {
            let mut injected = Vec::new();
            let told = drop_what_is_unnamed(lease, &mut injected);
            self.end = told.err().map(Box::new);
            if !injected.is_empty() {
                Outgoing::append(&mut lease.promised.unsent, &injected);
            }
        }
    }
}

impl Future for Session {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        let session = &mut *self;
        if !session.is_listening {
            session.client.listen(context.waker());
            session.is_listening = true;
        }
        session.client.pool.home.clock.goes_on();
        session.moved = 0;
        for _ in 0..SESSION_STEPS_MAX {
            if session.end.is_some() {
                return session.close(context);
            }
            match session.step(context) {
                Ok(true) if session.moved >= SPLICE_TURN_BYTES => break,
                Ok(true) => {},
                Ok(false) => return Poll::Pending,
                Err(end) => session.finish(end),
            }
        }
        // Others want their turn.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Session {
    /// One round over everything that can move; whether anything did.
    fn step(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        self.check_ending()?;
        let mut has_moved = false;
        let is_client_taking = self.to_client.is_none() || {
            let flushed = Outgoing::flush(&mut self.to_client, &mut self.socket, context);
            flushed.map_err(End::ClientBroke)?.is_ready()
        };
        if let Some(lease) = &mut self.lease {
            let server = &mut **lease;
            if server.promised.unsent.is_some() {
                let unsent = &mut server.promised.unsent;
                let flushed = Outgoing::flush(unsent, &mut server.socket, context);
                self.note_deafness(flushed.is_err());
                has_moved |= self.after_flush(context)?;
            }
            if is_client_taking {
                has_moved |= self.read_server(context)?;
            }
        }
        if self.reading.is_some() && self.has_waited(context) {
            self.conversation.restarts = true;
        }
        if self.conversation.restarts {
            has_moved |= self.restart(context)?;
        }
        if let Some(waiting) = &self.waiting
            && let Poll::Ready(outcome) = waiting.poll(context)
        {
            self.granted(outcome, context)?;
            has_moved = true;
        }
        if self.conversation.is_over {
            return self.end_if_answered().map(|is_told| has_moved || is_told);
        }
        if self.may_read_client() {
            let has_said = self.read_client(context)?;
            has_moved |= has_said;
            if !has_said && self.is_at_rest() {
                // Nothing is left to be looked at once more: whatever comes wakes this task.
                return Ok(false);
            }
        }
        Ok(has_moved)
    }

    /// Whether nothing can move before its client, which was just asked, says more.
    #[inline]
    fn is_at_rest(&self) -> bool {
        self.lease.is_none()
            && self.waiting.is_none()
            && self.to_client.is_none()
            && !self.conversation.restarts
            // Nobody has asked yet whether it is over: a wait that has just begun wakes nobody.
            && !self.awaits_replay()
            // It may have waited for the transaction that is over now.
            && self.client.ending().is_none()
    }

    /// All that waited for the server is sent: if it has answered that already, it may be given back.
    fn after_flush(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let is_sent = |lease: &Lease| lease.promised.unsent.is_none();
        if !self.lease.as_ref().is_some_and(is_sent) {
            return Ok(false);
        }
        self.after_server()?;
        if std::mem::take(&mut self.conversation.resumes) {
            self.resume(context)?;
        }
        Ok(true)
    }

    fn check_ending(&self) -> Result<(), End> {
        match self.client.ending() {
            Some(ending) if ending.waits_for_the_transaction() && self.is_in_transaction() => {
                Ok(())
            },
            Some(ending) => Err(End::Ended(ending)),
            None => Ok(()),
        }
    }

    fn is_in_transaction(&self) -> bool {
        self.waiting.is_some()
            || self.awaits_replay()
            || self.conversation.restarts
            || self
                .lease
                .as_ref()
                .is_some_and(|lease| !lease.ledger.is_clean())
    }

    fn may_read_client(&self) -> bool {
        !self.conversation.is_server_deaf
            && !self.conversation.waits
            && !self.has_gathered()
            && self.held.len() < HELD_BYTES_MAX
            && self.lease.as_ref().is_none_or(|lease| {
                lease.promised.unsent.is_none() && lease.ledger.owed() < LEDGER_ENTRIES_MAX
            })
    }

    /// What a server's words may have led to: a refused setting, the end of a transaction.
    #[inline]
    pub(super) fn after_server(&mut self) -> Result<(), End> {
        match &self.lease {
            Some(lease) if !lease.ledger.is_under_way() || self.conversation.has_news() => {
                self.after_news()
            },
            Some(_) | None => Ok(()),
        }
    }

    fn after_news(&mut self) -> Result<(), End> {
        let Some(lease) = &self.lease else {
            return Ok(());
        };
        if self.conversation.is_plain() && lease.is_clean() {
            self.round_is_over();
            return Ok(());
        }
        if let Some(error) = self.conversation.take_refused() {
            if self.may_move() {
                // Something that only the primary knows, or the replica is about to end.
                self.turn_to_primary(Healed::Settings, self.client.now());
                return Ok(());
            }
            return Err(if self.is_block_moving() {
                End::BlockRefused(error)
            } else {
                End::SettingsRefused(error)
            });
        }
        self.take_reported();
        self.learn()?;
        let may_part = self.may_part();
        let Some(lease) = &mut self.lease else {
            return Ok(());
        };
        if lease.ledger.is_lost() {
            return Err(self.server_gone());
        }
        if !lease.ledger.is_doubtful() {
            self.conversation.is_certain();
        }
        // The client has all that it can rely on; what may still come is for nobody.
        if lease.ledger.is_spent() && lease.promised.is_kept() && may_part {
            self.settle()?;
            self.give_back();
            return Ok(());
        }
        if lease.ledger.is_in_copy() || lease.ledger.is_spent() && lease.ledger.is_doubtful() {
            // Only the client can end that.
            self.conversation.ends_pause();
        }
        let is_in_block = lease.ledger.status() != TransactionStatus::Idle;
        if self.client.mode() == PoolMode::Statement && is_in_block && !lease.ledger.is_busy() {
            return Err(End::TransactionInStatementMode);
        }
        if !lease.can_be_told() {
            return Ok(());
        }
        self.settle()?;
        if self.ask()? {
            return Ok(());
        }
        self.conversation.ends_pause();
        let is_held = self.conversation.resumes && !self.held.is_empty();
        if !is_held && !self.keeps_server() {
            self.give_back();
        } else if !is_held {
            self.client.transaction_since.set(None);
        }
        Ok(())
    }

    /// Nothing is owed, and there is nothing to be told, asked or waited for: as after most
    /// transactions.
    fn round_is_over(&mut self) {
        if let Some(statements) = &mut self.statements {
            statements.rounds_settled();
        }
        self.conversation.settle_plain();
        if self.keeps_server() {
            self.client.transaction_since.set(None);
        } else {
            self.give_back_plain();
        }
    }

    /// Takes over what the server has reported.
    fn take_reported(&mut self) {
        if let Some(lease) = &mut self.lease
            && let Some(settings) = self.conversation.take_changed()
        {
            lease.settings = reads::with_told(&settings, &lease.settings);
            self.client.set(settings);
        }
    }

    /// Whether the client has all that it needs of a server that may not be what it seems.
    fn may_part(&self) -> bool {
        let is_asking = self.conversation.has_touched() || self.conversation.is_asking();
        !self.keeps_server() && !is_asking
    }
}
