//! A round at a replica, from its first byte until its client hears the reply, or it is sent to the
//! primary instead.

use tidegate_proto::backend::TransactionStatus;
use tokio::time::Instant;

use crate::config::Consistency;
use crate::pool;
use crate::pool::Healed;
use crate::pool::Lease;
use crate::pool::RouteRule;
use crate::pool::Server;
use crate::pool::SpareBuffers;
use crate::session::End;
use crate::session::reads::Judged;
use crate::session::reads::Reading;
use crate::session::reads::Stage;
use crate::session::reads::Step;
use crate::session::reads::is_past;
use crate::session::reads::judge::has_begun;
use crate::session::reads::judge::judge;
use crate::session::reads::knowledge::Knowledge;
use crate::session::reads::route;
use crate::session::run::Session;

impl Session {
    /// Whether a server has replayed what its client must see. Of one that was opened after the
    /// replica was asked, only its own word says so: it may be of another life.
    pub(in crate::session) fn may_use(&self, lease: &Lease) -> bool {
        let Some(reading) = &self.reading else {
            return true;
        };
        let Stage::Replica { asked_at, .. } = reading.stage else {
            return true;
        };
        if lease.card.connected_at <= asked_at {
            return true;
        }
        match reading.consistency(&self.client) {
            Consistency::Eventual => true,
            Consistency::Session => is_past(&reading.past, lease.card.replayed),
            Consistency::Tenant | Consistency::Bounded => false,
        }
    }

    /// What was to go to a replica goes to the primary.
    #[cold]
    pub(in crate::session) fn stay_at_primary(&mut self, why: Healed) {
        if let Some(reading) = &mut self.reading {
            reading.heal(why);
            reading.stage = Stage::AT_PRIMARY;
        }
        if let Some(reads) = self.client.pool.reads() {
            route::note(
                &self.client,
                &reads.at_primary(&self.client.pool),
                RouteRule::Barred,
            );
        }
    }

    /// Whether the client waits for a server of a replica.
    pub(in crate::session) fn is_bound_for_replica(&self) -> bool {
        let reading = self.reading.as_ref();
        self.lease.is_none() && reading.is_some_and(|reading| reading.is_at_replica())
    }

    /// Whether the client waits for, or has, a server of a replica, and may as well have another.
    pub(in crate::session) fn may_move(&self) -> bool {
        let reading = self.reading.as_ref();
        reading.is_some_and(|reading| reading.may_move())
    }

    /// Whether what the client says is held: until its round at a replica is over, or begins.
    #[inline]
    pub(in crate::session) fn gathers(&self) -> bool {
        let Some(reading) = &self.reading else {
            return false;
        };
        match &self.lease {
            // What it says while its server has only something of the pooler's own to answer may go
            // somewhere else in a moment.
            Some(lease) => {
                reading.gathers()
                    || reading.is_at_primary()
                        && lease.ledger.is_busy()
                        && lease.ledger.is_clean_for_client()
                        && lease.promised.is_kept()
                        && !self.keeps_server()
            },
            None => reading.awaits_replay(),
        }
    }

    /// What of the client's words may be sent now: at a replica one round, of which a copy is kept for as
    /// long as it may have to be sent once more. What stands behind it is held. And whether the primary
    /// is to be asked behind that how far it has come.
    #[inline(never)]
    pub(in crate::session) fn part<'a>(
        &mut self,
        bytes: &'a [u8],
        spare: &mut SpareBuffers,
    ) -> (&'a [u8], &'a [u8], bool) {
        let stage = self.reading.as_ref().map(|reading| reading.stage);
        match stage {
            Some(Stage::Replica { step, .. }) => match step {
                Step::Free => return (bytes, &[], false),
                Step::Block => {
                    if let Some(part) = self.part_of_block(bytes, spare) {
                        return part;
                    }
                },
                Step::Trial | Step::Accepted | Step::Refused(_) => {},
            },
            _ if self.is_block_moving() => return (&[], bytes, false),
            _ => {
                let (bytes, behind) = self.before_wish(bytes);
                return (bytes, behind, self.asks_position(bytes));
            },
        }
        let (Some(lease), Some(reading)) = (&mut self.lease, &mut self.reading) else {
            return (bytes, &[], false);
        };
        let (round, behind) = bytes.split_at_checked(reading.left).unwrap_or((bytes, &[]));
        if reading.may_move() && reading.kept.is_empty() {
            lease.incoming.is_on_trial = true;
            spare.append(&mut reading.kept, round);
        }
        (round, behind, false)
    }

    /// What stays of the client's words: of its round, which stands first, and behind it.
    pub(in crate::session) fn hold_behind(&mut self, behind: &[u8], spare: &mut SpareBuffers) {
        let gathers = self.gathers();
        if let Some(reading) = &mut self.reading {
            let staying = self.held.len();
            if gathers {
                reading.left = staying;
            }
            if reading.holds_wish && staying > 0 {
                reading.parts_at = Some(staying);
            }
        }
        spare.append(&mut self.held, behind);
    }

    /// The server has closed the connection: if the client knows nothing of it, it need not.
    ///
    /// # Errors
    ///
    /// [`End::ServerGone`].
    pub(in crate::session) fn lost_server(&mut self) -> Result<bool, End> {
        if self.has_all_at_primary() {
            // Only the pooler wanted to know something more.
            if let Some(lease) = &mut self.lease {
                lease.is_broken = true;
            }
            self.give_back();
            return Ok(true);
        }
        let may_lose_block = self.reading.as_ref().is_some_and(|it| it.may_lose_block());
        if !self.may_move() && !may_lose_block {
            return Err(self.server_gone());
        }
        if let Some(lease) = &mut self.lease {
            lease.is_broken = true;
        }
        self.turn_to_primary(Healed::Gone, self.client.now());
        Ok(true)
    }

    /// Whether the primary owes its client nothing, and keeps nothing of it.
    fn has_all_at_primary(&self) -> bool {
        let owes_nothing = |lease: &Lease| {
            lease.ledger.is_busy() && lease.ledger.is_clean_for_client() && lease.promised.is_kept()
        };
        self.reading.as_ref().is_some_and(|it| it.is_at_primary())
            && self.lease.as_ref().is_some_and(owes_nothing)
            && !self.conversation.is_over
            && !self.conversation.needs_reset()
            && !self.keeps_server()
    }

    /// Whether what was to wait for the end of a `SHOW tidegate.lsn`, or for a server to be told what that
    /// shows, waits no more: the client keeps its server, or only it can end what it has begun there.
    fn wish_goes_on(&mut self) -> bool {
        let holds_wish = self.reading.as_ref().is_some_and(|it| it.holds_wish);
        if !holds_wish || self.conversation.waits {
            return false;
        }
        let is_kept = self.keeps_server();
        let goes_on = self.lease.as_ref().is_some_and(|lease| {
            let ledger = &lease.ledger;
            let is_open = is_kept || ledger.status() != TransactionStatus::Idle;
            !ledger.is_busy() && is_open
                || ledger.awaits_client()
                || ledger.is_spent() && ledger.is_doubtful()
        });
        if goes_on && let Some(reading) = &mut self.reading {
            reading.holds_wish = false;
        }
        goes_on
    }

    /// What was gathered to begin somewhere else goes on here: the client has to keep its server.
    pub(in crate::session) fn resumes_here(&mut self) -> bool {
        if self.wish_goes_on() {
            return !self.held.is_empty();
        }
        if !self.keeps_server() || self.lease.is_none() {
            return false;
        }
        self.note_block();
        let is_free = !self.conversation.waits && !self.gathers();
        is_free && !self.held.is_empty()
    }

    /// The replica cannot serve the round: it goes to the primary, and with it what was said behind.
    #[cold]
    pub(in crate::session) fn turn_to_primary(&mut self, why: Healed, now: Instant) {
        let lease = self.lease.take();
        self.waiting = None;
        if let Some(statements) = &mut self.statements {
            statements.take_back();
        }
        if let Some(reading) = &mut self.reading {
            reading.heal(why);
            let (kept, left) = (std::mem::take(&mut reading.kept), reading.left);
            if !kept.is_empty() {
                self.held.replace_front(left, &kept);
            }
            reading.stage = Stage::Away;
            reading.moves_block();
            reading.is_barred = true;
            reading.sticks |= why == Healed::Stuck && !reading.is_single;
            reading.is_late = false;
        }
        self.left_server(now);
        self.conversation.restarts = true;
        if let Some(lease) = lease {
            pool::abandon(lease);
        }
    }

    /// Whether a part of the round, so many bytes, waits for the replica, whose answer stands behind one
    /// that is not told before the whole round is judged.
    pub(in crate::session) fn is_stuck(&self, unsent: usize) -> bool {
        let owes_client = |lease: &Lease| lease.ledger.owes_client();
        let reading = self.reading.as_ref();
        self.conversation.waits
            && self.may_move()
            && self.lease.as_ref().is_some_and(owes_client)
            && !reading.is_some_and(|reading| reading.waits_behind_beginning(unsent))
    }

    /// What a server's words mean for a round at a replica: whether it has just refused it.
    #[inline(never)]
    pub(in crate::session) fn heard_refusal(&mut self) -> bool {
        let Some(reading) = &mut self.reading else {
            return false;
        };
        if std::mem::take(&mut reading.is_late) {
            self.remember_late_refusal();
        }
        self.note_block();
        self.note_begun();
        let reading = self.reading.as_ref();
        reading.is_some_and(|reading| reading.refusal().is_some())
    }

    /// The round is over: what was kept of it is not needed any more.
    pub(in crate::session) fn forget_kept(&mut self) {
        if let Some(reading) = &mut self.reading
            && reading.stage == Stage::Away
            && !reading.kept.is_empty()
        {
            let kept = std::mem::take(&mut reading.kept);
            self.client.pool.home.scratch().spare.take_back(kept);
        }
    }

    /// The replica has refused something that its client has heard of.
    fn remember_late_refusal(&self) {
        if let (Some(reads), Some(reading)) = (self.client.pool.reads(), &self.reading)
            && !reading.remember_first(&reads)
        {
            self.remember_refusal();
        }
    }

    /// No text of the round goes to a replica again.
    fn remember_refusal(&self) {
        if let (Some(reads), Some(reading)) = (self.client.pool.reads(), &self.reading) {
            let knowledge = Knowledge::of(&self.client, self.statements.as_deref(), &reads);
            knowledge.refuse(&reading.kept);
        }
    }

    /// The server of a replica may have ended after it had answered all that it was asked.
    ///
    /// # Errors
    ///
    /// [`End::ServerGone`]: with it goes what its client has set there.
    pub(in crate::session) fn part_from_lost_replica(&mut self) -> Result<(), End> {
        let reading = self.reading.as_ref();
        let is_over = |lease: &Lease| lease.is_broken && lease.ledger.is_clean();
        let is_lost =
            reading.is_some_and(|it| it.has_answer()) && self.lease.as_ref().is_some_and(is_over);
        if is_lost && (!self.conversation.is_plain() || self.keeps_server()) {
            return Err(self.server_gone());
        }
        if is_lost {
            self.give_back();
        }
        Ok(())
    }

    /// Whether something is held that is sent when a server is free: enough to wait for that.
    #[inline]
    pub(in crate::session) fn has_gathered(&self) -> bool {
        let Some(reading) = &self.reading else {
            return false;
        };
        reading.holds_wish || !self.held.is_empty() && self.gathers()
    }

    /// A replica has refused the round: the primary has the last word.
    pub(in crate::session) fn heed_refusal(&mut self) {
        let refusal = self.reading.as_ref().and_then(|it| it.refusal());
        let Some(why) = refusal else {
            return;
        };
        if why.is_of_the_text() {
            self.remember_refusal();
        }
        self.turn_to_primary(why, self.client.now());
    }

    /// The round at a replica has begun a transaction block, which stays there.
    fn note_block(&mut self) {
        let is_kept = self.keeps_server();
        let Some(reading) = &mut self.reading else {
            return;
        };
        let Stage::Replica { step, .. } = &mut reading.stage else {
            return;
        };
        // Whoever has to keep its server for another reason says there what it says.
        let is_open = |lease: &Lease| {
            let is_idle = lease.ledger.status() == TransactionStatus::Idle;
            !lease.ledger.is_busy() && (!is_idle || is_kept)
        };
        if *step == Step::Accepted && self.lease.as_ref().is_some_and(is_open) {
            *step = Step::Block;
            self.note_opened();
            if let Some(reading) = &mut self.reading {
                reading.left = 0;
                reading.kept.clear();
            }
            self.conversation.resumes |= !self.held.is_empty();
        }
    }
}

impl Reading {
    /// The replica cannot serve the round that it was to serve.
    #[cold]
    fn heal(&self, why: Healed) {
        let Some(replica) = &self.replica else {
            return;
        };
        replica.heal(why);
        let (endpoint, reason) = (replica.name(), why.as_str());
        tracing::debug!(target: route::TARGET, endpoint, reason, "round goes to the primary instead");
    }

    /// A statement is prepared there, and is not what the client knows.
    pub(in crate::session) fn is_stale_there(&mut self, server: &mut Server) {
        if let Stage::Replica { step, .. } = &mut self.stage
            && *step == Step::Trial
        {
            *step = Step::Refused(Healed::StalePlan);
            server.incoming.is_on_trial = false;
        }
    }

    /// What a replica says while a round is on trial.
    pub(in crate::session) fn judge(&mut self, server: &mut Server, bytes: &[u8]) -> Judged {
        if self.begins_in_pipeline() && has_begun(bytes) {
            self.hears_beginning(bytes);
            return Judged::Begins;
        }
        let Stage::Replica { step, .. } = &mut self.stage else {
            server.incoming.is_on_trial = false;
            return Judged::Reply;
        };
        let judged = judge(bytes, self.is_single);
        if judged == Judged::TooEarly {
            return judged;
        }
        server.incoming.is_on_trial = false;
        *step = match judged {
            Judged::Refusal(why) => Step::Refused(why),
            Judged::Reply | Judged::TooEarly | Judged::Begins => Step::Accepted,
        };
        judged
    }
}
