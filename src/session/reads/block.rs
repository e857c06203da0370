//! A transaction block that is open at a replica, and how it moves to the primary.
//!
//! A block that has done nothing yet has shown nothing either, and so has one that is over with the
//! first statement of a text: what begins it can be said again, at the primary, and nobody knows. That
//! goes there in front of what the client says, which waits for the answer: behind a `BEGIN` that is
//! refused it would be a transaction of its own.
//!
//! ```text
//!   BEGIN READ ONLY ──▶ untouched ── SET TRANSACTION READ WRITE, … ──▶ moves
//!                           │ anything else                             ▲
//!                           ▼                                           │
//!                     the replica's ─────────── COMMIT; INSERT … ───────┤
//!                           ▲                                           │
//!                           │ a read, at a replica that has seen enough │
//!   BEGIN ────────────▶ untouched ── anything else, or refused ─────────┘
//! ```
//!
//! It never moves once it has read and goes on: another server has another snapshot, and another
//! `now()`.

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::tag as frontend;

use crate::config::Consistency;
use crate::config::Route;
use crate::limits::ROUND_BYTES_MAX;
use crate::pool;
use crate::pool::Lease;
use crate::pool::SpareBuffers;
use crate::session::End;
use crate::session::reads::Reading;
use crate::session::reads::Stage;
use crate::session::reads::Step;
use crate::session::reads::knowledge::Knowledge;
use crate::session::reads::position;
use crate::session::reads::round;
use crate::session::reads::round::Deed;
use crate::session::reads::round::Reach;
use crate::session::reads::round::Round;
use crate::session::reads::round::Said;
use crate::session::run::Session;
use crate::sql::reads::Hint;

/// What decides where a block stays that begins at a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opens {
    /// It only reads, and says so.
    ReadOnly,
    /// What it does first.
    FirstStatement,
}

/// A block that is open at a replica, or that moves from there to the primary.
#[derive(Debug)]
pub(super) struct Block {
    /// What began it, in its client's words.
    begin: Vec<u8>,
    opens: Opens,
    /// Nothing but that was said in it.
    is_untouched: bool,
    /// The shapes of what it did first, where that has decided.
    first: Vec<u64>,
    /// It has left the replica, and is not open at the primary yet.
    is_moving: bool,
}

/// What of a client's words in a block may be sent now, what stays, and whether the primary is asked
/// behind it how far it has come.
type Part<'a> = (&'a [u8], &'a [u8], bool);

/// What becomes of what a client says in a block at a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// The replica gets all of it.
    Flows,
    /// It is not there whole.
    Unsaid,
    /// The replica gets so much of it, and the rest waits for the answer.
    Until(usize),
    /// The same; until the reply shows, it can still move.
    Tries(Round),
    /// It is the primary's.
    Moves,
}

impl Session {
    /// What of the client's words may be sent in a block at a replica; `None` if that is the round which
    /// has just begun.
    pub(super) fn part_of_block<'a>(
        &mut self,
        bytes: &'a [u8],
        spare: &mut SpareBuffers,
    ) -> Option<Part<'a>> {
        let plan = self.plan(bytes);
        if plan == Plan::Moves {
            spare.append(&mut self.held, bytes);
            self.move_block();
            return Some((&[], &[], false));
        }
        let reading = self.reading.as_mut()?;
        if plan != Plan::Unsaid
            && let Some(block) = &mut reading.block
        {
            block.is_untouched = false;
        }
        let (next, end) = match plan {
            Plan::Unsaid => return Some((&[], bytes, false)),
            Plan::Flows | Plan::Moves => return Some((bytes, &[], false)),
            Plan::Until(end) => (Step::Accepted, end),
            Plan::Tries(round) => {
                reading.is_single = round.is_single;
                (Step::Trial, round.bytes)
            },
        };
        if let Stage::Replica { step, .. } = &mut reading.stage {
            *step = next;
        }
        reading.left = end;
        None
    }

    fn plan(&mut self, bytes: &[u8]) -> Plan {
        let can_leave = self.can_leave_block();
        let (Some(lease), Some(reading), Some(reads)) =
            (&self.lease, &mut self.reading, self.client.pool.reads())
        else {
            // A reload has taken the replicas away: what is not decided yet is the primary's.
            let reading = self.reading.as_ref();
            let is_open = reading.is_some_and(|it| it.has_undecided_block());
            return if is_open && can_leave {
                Plan::Moves
            } else {
                Plan::Flows
            };
        };
        // What comes first is still of a message that has begun.
        if lease.promised.body_bytes > 0 {
            return Plan::Flows;
        }
        let knowledge = Knowledge::of(&self.client, self.statements.as_deref(), &reads);
        let first = reading.plan_of_first(bytes, &knowledge);
        let plan = first.unwrap_or_else(|| match Reach::of(bytes, &knowledge) {
            Reach::All => Plan::Flows,
            // What follows the block is not the replica's.
            Reach::Until(end) => Plan::Until(end),
            Reach::UnsaidAt(0) => Plan::Unsaid,
            Reach::UnsaidAt(at) => Plan::Until(at),
            Reach::GoesOnAt(0) if !lease.ledger.is_busy() => {
                if ends_as_at_primary(lease, bytes) {
                    Plan::Moves
                } else {
                    Plan::Flows
                }
            },
            Reach::GoesOnAt(at) => Plan::Until(at),
        });
        knowledge.ask_for_missed();
        if plan == Plan::Moves && !can_leave {
            return Plan::Flows;
        }
        plan
    }

    /// Whether nothing of the client is on the replica's server but an open block.
    fn can_leave_block(&self) -> bool {
        let has_block = self.reading.as_ref().is_some_and(|it| it.block.is_some());
        has_block
            && !self.keeps_server()
            && !self.conversation.needs_reset()
            && self
                .lease
                .as_ref()
                .is_some_and(|lease| !lease.ledger.is_busy())
    }

    /// The block leaves the replica, and begins anew at the primary, in front of what is held.
    fn move_block(&mut self) {
        let Some(reading) = &mut self.reading else {
            return;
        };
        if let Some(block) = &mut reading.block {
            if block.is_untouched {
                // The client has seen nothing there.
                reading.stage = Stage::Away;
            }
            block.is_moving = true;
        }
        let now = self.client.now();
        let lease = self.lease.take();
        self.left_server(now);
        self.conversation.restarts = true;
        if let Some(lease) = lease {
            pool::release_after_rollback(lease, now);
        }
    }

    /// Begins a block once more, at the primary. What the client says waits until it is open there.
    ///
    /// # Errors
    ///
    /// [`End`]: the server is in no state to be told.
    pub(in crate::session) fn begin_again(
        &mut self,
        lease: &mut Lease,
        injected: &mut Vec<u8>,
    ) -> Result<(), End> {
        let block = self.reading.as_ref().and_then(|it| it.block.as_ref());
        let Some(block) = block.filter(|block| block.is_moving) else {
            return Ok(());
        };
        let query = &*block.begin;
        Query { query }.encode(injected)?;
        let sent = lease.ledger.sent(frontend::QUERY, Owner::Pooler);
        sent.map_err(End::ClientViolation)?;
        lease.card.own_rounds.begin();
        lease.prepared.reads_query();
        self.conversation.waits = true;
        Ok(())
    }

    /// Whether a block is on its way to the primary.
    pub(in crate::session) fn is_block_moving(&self) -> bool {
        self.reading
            .as_ref()
            .is_some_and(|reading| reading.is_moving())
    }

    /// The primary may have begun the block that has moved there: what waits for that goes on.
    pub(super) fn note_begun(&mut self) {
        let Some(reading) = &mut self.reading else {
            return;
        };
        let is_open = |lease: &Lease| {
            !lease.ledger.is_busy() && lease.ledger.status() != TransactionStatus::Idle
        };
        let is_begun = reading.is_moving() && reading.is_at_primary();
        if is_begun && self.lease.as_ref().is_some_and(is_open) {
            reading.block = None;
            self.conversation.waits = false;
            self.conversation.resumes = true;
        }
    }

    /// The replica has begun a block, or has answered what is done first in it.
    pub(super) fn note_opened(&mut self) {
        let is_kept = self.keeps_server();
        let (Some(reading), Some(reads)) = (&mut self.reading, self.client.pool.reads()) else {
            return;
        };
        let is_open = |lease: &Lease| lease.ledger.status() == TransactionStatus::InTransaction;
        let opens = reading.opens.take();
        if !is_kept && self.lease.as_ref().is_some_and(is_open) {
            reading.block = reading.block.take().or(opens);
        }
        if let Some(block) = &mut reading.block
            && block.opens == Opens::FirstStatement
            && !block.is_untouched
            && block.first.is_empty()
        {
            let knowledge = Knowledge::of(&self.client, self.statements.as_deref(), &reads);
            block.first = knowledge.shapes_of_reads(&reading.kept);
        }
    }
}

impl Block {
    /// The block that this round begins, whose bytes stand first; none if nobody can tell its beginning.
    pub(super) fn begun_by(
        opens: Opens,
        round: Round,
        bytes: &[u8],
        knowledge: &Knowledge<'_>,
    ) -> Option<Box<Self>> {
        let only_begins = matches!(round.deed, Deed::Begins | Deed::BeginsReadOnly);
        Some(Box::new(Self {
            begin: knowledge.beginning(bytes.get(..round.bytes)?)?,
            opens,
            is_untouched: only_begins && round.is_single,
            first: Vec::new(),
            is_moving: false,
        }))
    }
}

impl Reading {
    /// Whether the round at a replica is a pipeline that begins a block, of which the client has heard
    /// nothing.
    pub(super) fn begins_in_pipeline(&self) -> bool {
        let is_pipeline = !self.is_single && self.kept.first() != Some(&frontend::QUERY);
        self.opens.is_some() && is_pipeline
    }

    /// The client hears that its block has begun: with the last message of that, of which the first byte
    /// is told, the block is there, and what is behind it can move by itself.
    pub(super) fn hears_beginning(&mut self, told: &[u8]) {
        if told.first() != Some(&backend::COMMAND_COMPLETE) {
            return;
        }
        self.block = self.opens.take();
        let end = round::end_of_execute(&self.kept).unwrap_or_default();
        self.kept.replace_front(end, b"");
        let executes = round::messages(&self.kept).filter(|(tag, _)| *tag == frontend::EXECUTE);
        self.is_single = executes.count() <= 1;
    }

    /// Whether of a round, but for so many bytes of it, no more was sent than the beginning of a block:
    /// that is told by itself.
    pub(super) fn waits_behind_beginning(&self, unsent: usize) -> bool {
        let sent = self.kept.len().checked_sub(unsent);
        let sent = sent
            .and_then(|sent| self.kept.get(..sent))
            .unwrap_or_default();
        let executes = round::messages(sent).filter(|(tag, _)| *tag == frontend::EXECUTE);
        self.begins_in_pipeline() && executes.count() <= 1
    }

    /// Whether a block is on its way to the primary.
    pub(super) fn is_moving(&self) -> bool {
        self.block.as_ref().is_some_and(|block| block.is_moving)
    }

    /// Whether what comes behind the answer is of no interest to a client whose round has just begun a block
    /// there: it may lose it without knowing.
    pub(in crate::session) fn may_lose_beginning(&self) -> bool {
        let opens = self.opens.as_ref().filter(|_| self.has_answer());
        self.may_lose_block() || opens.is_some_and(|block| block.is_untouched)
    }

    /// Whether a block has just begun at a replica, which its client may lose without knowing.
    pub(in crate::session) fn may_lose_block(&self) -> bool {
        let is_open = matches!(
            self.stage,
            Stage::Replica {
                step: Step::Block,
                ..
            }
        );
        is_open && self.block.as_ref().is_some_and(|block| block.is_untouched)
    }

    /// Whether a block is open at a replica whose first statement will decide where it stays.
    fn has_undecided_block(&self) -> bool {
        let block = self.block.as_ref();
        block.is_some_and(|it| it.is_untouched && it.opens == Opens::FirstStatement)
    }

    /// A block that is open at a replica is to begin at the primary.
    pub(super) fn moves_block(&mut self) {
        if let Some(block) = &mut self.block {
            block.is_moving = true;
        }
    }

    /// The session has parted from a server: of its block only what is on its way is left.
    pub(super) fn part_from_block(&mut self) {
        self.opens = None;
        if !self.is_moving() {
            self.block = None;
        }
    }

    /// The replica refuses something in a block that began with a read: the next one that begins so
    /// goes to the primary. False if it is no such block.
    pub(super) fn remember_first(&self, reads: &pool::Reads) -> bool {
        let block = self.block.as_ref().filter(|_| self.kept.is_empty());
        let first = block.map_or(&[][..], |block| &block.first);
        for shape in first {
            reads.remember_before_writes(*shape);
        }
        !first.is_empty()
    }

    /// What becomes of what is said first in a block; `None` if that decides nothing.
    fn plan_of_first(&mut self, bytes: &[u8], knowledge: &Knowledge<'_>) -> Option<Plan> {
        let block = self.block.as_ref().filter(|block| block.is_untouched)?;
        let opens = block.opens;
        match (Round::read(bytes, knowledge), opens) {
            (Said::Part, Opens::FirstStatement) if bytes.len() < ROUND_BYTES_MAX => {
                Some(Plan::Unsaid)
            },
            (Said::Part, Opens::ReadOnly) if bytes.len() < ROUND_BYTES_MAX => {
                position::may_begin_with(bytes, BEGINNINGS_OF_SET).then_some(Plan::Unsaid)
            },
            (Said::Part | Said::Other, Opens::FirstStatement) => Some(Plan::Moves),
            (Said::Part | Said::Other, Opens::ReadOnly) => {
                self.is_too_late(None, knowledge).then_some(Plan::Moves)
            },
            (Said::Round(round), Opens::ReadOnly) => match round.deed {
                Deed::SetsWriting => Some(Plan::Moves),
                Deed::Ends | Deed::Sets => None,
                Deed::Reads
                | Deed::BeginsReadOnly
                | Deed::Begins
                | Deed::BeginsReads
                | Deed::BeginsWriting
                | Deed::Writes
                | Deed::Unclear => {
                    let is_too_late = self.is_too_late(round.hint, knowledge);
                    is_too_late.then_some(Plan::Moves)
                },
            },
            (Said::Round(round), Opens::FirstStatement) => self.plan_of_round(round, knowledge),
        }
    }

    /// What becomes of the first round in a block where that decides.
    fn plan_of_round(&mut self, round: Round, knowledge: &Knowledge<'_>) -> Option<Plan> {
        let route = self.route(knowledge.client, round.hint);
        if round.deed == Deed::Ends || route == Route::Replica {
            return None;
        }
        let stays = round.deed == Deed::Reads
            && round.has_statement
            && !round.precedes_writes
            && !(self.sticks && round.is_pipeline)
            && route == Route::Auto
            && self.is_still_fit(knowledge);
        Some(if stays {
            Plan::Tries(round)
        } else {
            Plan::Moves
        })
    }

    /// Whether something has been acknowledged since a block began that its first read must see, and the
    /// replica has not replayed it. What only counts by what its client has seen, has not changed.
    fn is_too_late(&mut self, hint: Option<Hint>, knowledge: &Knowledge<'_>) -> bool {
        let client = knowledge.client;
        self.consistency(client) == Consistency::Tenant
            && self.route(client, hint) == Route::Auto
            && !self.is_still_fit(knowledge)
    }

    /// Whether the replica has replayed by now what its client must see by now.
    fn is_still_fit(&mut self, knowledge: &Knowledge<'_>) -> bool {
        let Stage::Replica { life, .. } = self.stage else {
            return false;
        };
        let client = knowledge.client;
        let wish = self.wish(client, false);
        let now = client.now();
        knowledge
            .reads
            .is_still_fit(life, &wish, &mut self.past, now)
    }
}

/// What the beginning of `SET TRANSACTION` may be.
const BEGINNINGS_OF_SET: &[u8] = b"sS";

/// What `ROLLBACK` and `ABORT` begin with.
const BEGINNINGS_OF_ROLLBACK: &[u8] = b"rRaA";

/// Whether the end of a block that a round begins with is answered at the primary as it would be
/// here: of a failed one `COMMIT` is a `ROLLBACK`.
fn ends_as_at_primary(lease: &Lease, round: &[u8]) -> bool {
    match lease.ledger.status() {
        TransactionStatus::InTransaction => true,
        TransactionStatus::Failed => position::begins_with(round, BEGINNINGS_OF_ROLLBACK),
        TransactionStatus::Idle => false,
    }
}
