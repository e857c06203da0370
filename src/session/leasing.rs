//! Whose server it is: a session asks for one when its client speaks, and gives it back when nothing
//! of its client is on it.

use std::rc::Rc;
use std::task::Context;

use tidegate_proto::error::Sender;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frontend::tag as frontend;
use tokio::time::Instant;

use crate::config::PoolMode;
use crate::pool;
use crate::pool::Checkout;
use crate::pool::Healed;
use crate::pool::Lease;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::session::ClientState;
use crate::session::End;
use crate::session::carrying::carry_settings;
use crate::session::carrying::drop_what_is_unnamed;
use crate::session::reads::Way;
use crate::session::run::Session;
use crate::telemetry::Count;

impl Session {
    /// Gets a server for what the client said; false if it must wait, or has not said enough.
    pub(super) fn obtain(
        &mut self,
        bytes: &[u8],
        injected: &mut Vec<u8>,
        now: Instant,
    ) -> Result<bool, End> {
        let header = FrameHeader::parse(Sender::Frontend, bytes).map_err(End::ClientViolation)?;
        let Some(header) = header else {
            return Ok(false);
        };
        if header.tag() == frontend::TERMINATE {
            return Err(End::Terminated);
        }
        let checkout = if self.client.pool.has_reads() {
            self.check_out_somewhere(bytes, now)
        } else {
            if let Some(reading) = &mut self.reading {
                // Since a reload, reads go nowhere else.
                reading.begin_at_primary();
            }
            Some(self.client.pool.checkout(now))
        };
        let Some(checkout) = checkout else {
            return Ok(false);
        };
        match checkout {
            Checkout::Ready(lease) => {
                self.enter_server(lease, injected, now)?;
                Ok(true)
            },
            Checkout::Wait(waiting) => {
                self.waiting = Some(waiting);
                self.client.enter(ClientState::Waiting, now);
                Ok(false)
            },
            Checkout::Refused(error) => Err(End::NoServer(error)),
        }
    }

    /// Asks for a server where what the client said is to go; `None` if it goes nowhere yet.
    #[inline(never)]
    fn check_out_somewhere(&mut self, bytes: &[u8], now: Instant) -> Option<Checkout> {
        match self.way(bytes, now) {
            Way::Primary => Some(self.client.pool.checkout(now)),
            Way::Replica(pool) => Some(self.check_out_there(&pool, now)),
            Way::Unsaid => None,
            Way::Later => {
                self.client.enter(ClientState::Waiting, now);
                None
            },
        }
    }

    /// Asks for a server of a replica; for one of the primary, if there is none that is of use.
    fn check_out_there(&mut self, pool: &Rc<Pool>, now: Instant) -> Checkout {
        match pool.checkout(now) {
            Checkout::Ready(lease) if !self.may_use(&lease) => {
                pool::release_unused(lease, now);
                self.stay_at_primary(Healed::Unproven);
            },
            Checkout::Refused(_) => self.stay_at_primary(Healed::NoServer),
            checkout @ (Checkout::Ready(_) | Checkout::Wait(_)) => return checkout,
        }
        self.client.pool.checkout(now)
    }

    /// The queue has come to this client: what it said meanwhile goes on.
    pub(super) fn granted(
        &mut self,
        outcome: Result<Lease, Rc<PoolError>>,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        let now = self.client.now();
        let lease = match outcome {
            Ok(lease) if self.may_use(&lease) => lease,
            Ok(lease) => {
                pool::release_unused(lease, now);
                self.turn_to_primary(Healed::Unproven, now);
                return Ok(());
            },
            Err(_) if self.is_bound_for_replica() => {
                self.turn_to_primary(Healed::NoServer, now);
                return Ok(());
            },
            Err(error) => return Err(End::NoServer(error)),
        };
        if let Some(waiting) = self.waiting.take() {
            let waited = now.duration_since(waiting.since());
            let waited = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
            self.client
                .pool
                .counters
                .add(Count::WaitMicroseconds, waited);
        }
        let pool = Rc::clone(&self.client.pool);
        let mut scratch = pool.home.scratch();
        scratch.injected.clear();
        self.enter_server(lease, &mut scratch.injected, now)?;
        let held = std::mem::take(&mut self.held);
        self.forward_held(&mut scratch, held, context)
    }

    /// Makes the server's session the client's own, in the same write as what the client said.
    fn enter_server(
        &mut self,
        mut lease: Lease,
        injected: &mut Vec<u8>,
        now: Instant,
    ) -> Result<(), End> {
        lease.card.client.set(Some(self.client.id()));
        carry_settings(&self.client, &mut lease, injected)?;
        if self.reading.is_some() {
            self.place_position(&mut lease, injected)?;
            self.begin_again(&mut lease, injected)?;
        }
        if self.client.mode() == PoolMode::Session {
            drop_what_is_unnamed(&mut lease, injected)?;
        }
        self.client.has(Some(&lease.card));
        self.client.transaction_since.set(Some(now));
        self.client.enter(ClientState::Active, now);
        self.client.pool.counters.add(Count::ServerAssignments, 1);
        self.lease = Some(lease);
        self.is_server_watched = false;
        Ok(())
    }

    /// What was held for another server goes on.
    pub(super) fn restart(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        if self.waiting.is_some()
            || self.awaits_replay()
            || !std::mem::take(&mut self.conversation.restarts)
        {
            return Ok(false);
        }
        if self.lease.is_some() {
            // It was said before the session began.
            self.resume(context)?;
            return Ok(true);
        }
        let pool = Rc::clone(&self.client.pool);
        let mut scratch = pool.home.scratch();
        let scratch = &mut *scratch;
        scratch.injected.clear();
        let held = std::mem::take(&mut self.held);
        if self.obtain(&held, &mut scratch.injected, self.client.now())? {
            self.forward_held(scratch, held, context)?;
        } else {
            self.held = held;
        }
        Ok(true)
    }

    /// Whether the client must keep the server that it has.
    pub(super) fn keeps_server(&self) -> bool {
        let statements = self.statements.as_ref();
        self.client.mode() == PoolMode::Session
            || self.conversation.keeps_server()
            || statements.is_some_and(|statements| statements.keeps_server())
    }

    pub(super) fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            let now = self.client.now();
            let needs_reset = self.conversation.needs_reset();
            // What is gathered while reads may go elsewhere begins anew.
            let goes_on =
                self.conversation.waits | self.conversation.resumes | self.reading.is_some();
            let restarts = goes_on && !self.held.is_empty();
            self.left_server(now);
            self.conversation.restarts = restarts;
            if needs_reset {
                pool::release_after_reset(lease, now);
            } else {
                pool::release(lease, now);
            }
        }
    }

    /// The same, where nothing is known of the conversation that must be forgotten, or that a server
    /// must be reset for.
    pub(super) fn give_back_plain(&mut self) {
        debug_assert!(self.conversation.is_plain(), "nothing is to be forgotten");
        if let Some(lease) = self.lease.take() {
            let now = self.client.now();
            self.conversation.restarts = self.reading.is_some() && !self.held.is_empty();
            self.parted(now);
            pool::release(lease, now);
        }
    }

    pub(super) fn left_server(&mut self, now: Instant) {
        self.conversation.left_server();
        self.parted(now);
    }

    fn parted(&mut self, now: Instant) {
        if let Some(reading) = &mut self.reading {
            reading.left_server();
        }
        if let Some(statements) = &mut self.statements {
            statements.left_server();
        }
        self.client.has(None);
        self.client.transaction_since.set(None);
        self.client.is_idle_in_transaction.set(false);
        self.client.enter(ClientState::Idle, now);
    }
}
