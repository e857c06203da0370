//! Reads at replicas: where a round of the client goes, and what becomes of it there.
//!
//! A client that has no server is free to get one anywhere. What it says then is looked at before any
//! of it is sent: one whole round that certainly only reads may go to a replica. There it is on
//! trial. The client hears nothing until the reply shows that it is one; if it is an error that
//! the primary would not have given, or the replica is gone, the round goes to the primary, and the
//! client never knows. What the client says behind that round is held until the round is over.
//!
//! ```text
//!   away ── a round that reads ──▶ trial ── a reply ──▶ accepted ── ReadyForQuery ──▶ away
//!     │                              │ 25006, …, gone       │ of an open block
//!     │ anything else                ▼                      ▼
//!     └──────────▶ primary ◀── once more, from what was kept   block, until it is over, or moves
//! ```
//!
//! What the client has seen is its [`Past`]: no replica that is behind that answers it.

mod at_login;
mod beginning;
mod block;
mod explain;
mod judge;
mod knowledge;
mod position;
mod round;
mod route;
mod stay;
mod trial;
mod waiting;
mod wishes;

use std::rc::Rc;

use tokio::time::Instant;

pub(super) use self::at_login::pool_of_session;
pub use self::explain::Explained;
pub use self::explain::explain;
pub(super) use self::judge::Judged;
pub(super) use self::position::ANSWER_BYTES;
pub(super) use self::position::with_told;
pub(super) use self::route::Way;

use self::block::Block;
use self::round::Deed;
use self::waiting::Replay;
use self::wishes::Wishes;
use crate::pool::EndpointCounters;
use crate::pool::Healed;
use crate::pool::Held;
use crate::routing::Life;
use crate::routing::Lsn;
use crate::routing::Past;
use crate::routing::UnprovenWrite;
use crate::session::Client;
use crate::session::routed::Routed;

/// What a session knows of its reads, once one of its rounds might have gone to a replica.
#[derive(Debug, Default)]
pub(super) struct Reading {
    past: Past,
    /// Where the client's transactions went.
    pub(super) routed: Routed,
    wishes: Wishes,
    stage: Stage,
    /// The counters of the replica that its last round went to.
    replica: Option<Rc<EndpointCounters>>,
    /// The round at a replica, for as long as it may have to be sent once more.
    kept: Held,
    /// It executes one statement at most.
    is_single: bool,
    /// The replica has refused it after the client had heard some of the reply.
    is_late: bool,
    /// How many bytes of it, or of what is held, are of the round and not sent yet.
    left: usize,
    /// What is held has been at a replica in vain.
    is_barred: bool,
    /// Pipelines have got stuck at a replica: each costs its server.
    sticks: bool,
    /// What is held waits for a replica that is about to be able to serve it.
    replay: Replay,
    /// The client hears of a write, and nobody has told yet how far the primary had come with it.
    unproven: Option<UnprovenWrite>,
    /// What the round does, until it is sent.
    deed: Option<Deed>,
    /// It is `SHOW tidegate.lsn`.
    wants_lsn: bool,
    /// Where what the client says parts because of that.
    parts_at: Option<usize>,
    /// What follows is held because of that: nothing more is read before it goes on.
    pub(super) holds_wish: bool,
    /// The block that it begins at a replica.
    opens: Option<Box<Block>>,
    /// The block that is open there, if it may still move.
    block: Option<Box<Block>>,
}

/// Where the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Without a server.
    #[default]
    Away,
    /// At the primary.
    Primary {
        /// The client may have seen what its past does not tell of.
        has_seen: bool,
        /// It may have written something.
        has_written: bool,
        /// It is asked how far it has come by now.
        asked: bool,
        /// How far that is.
        told: Option<Lsn>,
    },
    /// It waits for, or has, a server of a replica.
    Replica {
        /// The life in which the replica was found to be fit.
        life: Life,
        /// When it was asked: later servers may be of another life.
        asked_at: Instant,
        step: Step,
    },
}

/// How far a round at a replica has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// No reply yet that the client may see.
    Trial,
    /// The replica refuses it, and the primary may not.
    Refused(Healed),
    /// The client hears the reply.
    Accepted,
    /// A transaction block is open there.
    Block,
    /// The client demands it for something that cannot be told: all that it says goes there, until its
    /// server is given back.
    Free,
}

impl Stage {
    const AT_PRIMARY: Self = Self::Primary {
        has_seen: false,
        has_written: false,
        asked: false,
        told: None,
    };
}

impl Reading {
    /// The client's wishes are those of its settings at the moment.
    fn follow(&mut self, client: &Client) {
        self.wishes.follow(&client.settings());
        if let Some(lsn) = self.wishes.min_lsn {
            self.past.floor = self.past.floor.max(lsn);
        }
    }

    /// Whether what the client says is held until its round at a replica is over.
    pub(super) fn gathers(&self) -> bool {
        let is_free = |step| matches!(step, Step::Block | Step::Free);
        matches!(self.stage, Stage::Replica { step, .. } if !is_free(step))
    }

    /// What the client says next goes to the primary.
    pub(super) fn begin_at_primary(&mut self) {
        self.forget_wish();
        self.stage = Stage::AT_PRIMARY;
    }

    /// No server is to be told what to show.
    fn forget_wish(&mut self) {
        self.wants_lsn = false;
        self.parts_at = None;
        self.holds_wish = false;
    }

    /// Whether the session has a server of the primary.
    fn is_at_primary(&self) -> bool {
        matches!(self.stage, Stage::Primary { .. })
    }

    /// Whether the client's round may still be sent somewhere else.
    pub(super) fn may_move(&self) -> bool {
        matches!(
            self.stage,
            Stage::Replica {
                step: Step::Trial | Step::Refused(_),
                ..
            }
        )
    }

    /// Whether the client hears, or has heard, what it asked a replica for.
    pub(super) fn has_answer(&self) -> bool {
        let step = Step::Accepted;
        matches!(self.stage, Stage::Replica { step: is, .. } if is == step)
    }

    /// Whether the session waits for, or has, a server of a replica.
    pub(super) fn is_at_replica(&self) -> bool {
        matches!(self.stage, Stage::Replica { .. })
    }

    /// The replica has told the client of an error, which the primary might not have.
    pub(super) fn heard_error(&mut self, body: &[u8]) {
        let is_accepted = matches!(
            self.stage,
            Stage::Replica {
                step: Step::Accepted | Step::Block,
                ..
            }
        );
        self.is_late |= is_accepted && judge::is_of_a_write(body);
    }

    /// Why a replica has refused the round, if one has.
    pub(super) fn refusal(&self) -> Option<Healed> {
        match self.stage {
            Stage::Replica {
                step: Step::Refused(why),
                ..
            } => Some(why),
            Stage::Away | Stage::Primary { .. } | Stage::Replica { .. } => None,
        }
    }

    /// The client has parted from its server: what it has seen there it will not go back behind.
    #[inline(never)]
    pub(super) fn left_server(&mut self) {
        match std::mem::take(&mut self.stage) {
            Stage::Primary { has_seen, told, .. } => {
                self.routed = self.routed.at_primary();
                if has_seen {
                    self.saw_primary(told);
                }
            },
            Stage::Replica {
                life,
                step: Step::Accepted | Step::Block | Step::Free,
                ..
            } => {
                self.routed = self.routed.at_replica();
                // Not the time of the poll, which may have begun before the reply came.
                self.past.read_at(life, Instant::now());
            },
            Stage::Away | Stage::Replica { .. } => {},
        }
        // The next look at the primary tells how far a write has come that nobody has told of.
        self.unproven = None;
        self.deed = None;
        self.left = 0;
        self.forget_wish();
        self.part_from_block();
    }

    /// The client is about to hear that a transaction is over.
    pub(super) fn acknowledges(&mut self, client: &Client) {
        let Stage::Primary {
            has_written: true, ..
        } = self.stage
        else {
            return;
        };
        if let Some(reads) = client.pool.reads()
            && self.unproven.is_none()
            && reads.topology().floor().is_demanded()
        {
            self.unproven = Some(reads.topology().floor().wrote());
        }
    }

    /// What the primary has shown: as much as it says, or nobody knows yet how much.
    fn saw_primary(&mut self, told: Option<Lsn>) {
        match told {
            Some(lsn) => {
                // Whatever a replica had shown before, the primary had long written.
                self.past.seen = None;
                self.past.spoke_at = None;
                self.past.heard(lsn);
            },
            None => self.past.spoke(Instant::now()),
        }
    }
}

/// Whether all that a client has seen is known to be before this place.
fn is_past(past: &Past, lsn: Lsn) -> bool {
    past.spoke_at.is_none() && past.seen.is_none() && past.floor <= lsn
}
