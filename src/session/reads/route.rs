//! Where a round goes that a client without a server begins.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Consistency;
use crate::config::Route;
use crate::limits::ROUND_BYTES_MAX;
use crate::pool;
use crate::pool::Destination;
use crate::pool::Pool;
use crate::routing::Wish;
use crate::session::Client;
use crate::session::reads::Reading;
use crate::session::reads::Stage;
use crate::session::reads::Step;
use crate::session::reads::knowledge::Knowledge;
use crate::session::reads::round::Deed;
use crate::session::reads::round::Round;
use crate::session::reads::round::Said;
use crate::session::reads::waiting::Replay;
use crate::session::run::Session;
use crate::sql::reads::Hint;

/// Where a round goes.
#[derive(Debug)]
pub(in crate::session) enum Way {
    /// To the primary.
    Primary,
    /// To this pool of a replica.
    Replica(Rc<Pool>),
    /// Not all of it has been said.
    Unsaid,
    /// It waits for a replica first.
    Later,
}

impl Session {
    /// Where the round goes that the client's words begin with. The client has no server.
    #[inline]
    pub(in crate::session) fn way(&mut self, bytes: &[u8], now: Instant) -> Way {
        match self.client.pool.reads() {
            Some(reads) if self.client.may_route() => self.way_among(&reads, bytes, now),
            _ => Way::Primary,
        }
    }

    fn way_among(&mut self, reads: &pool::Reads, bytes: &[u8], now: Instant) -> Way {
        let client = &*self.client;
        let reading = self.reading.get_or_insert_default();
        reading.follow(client);
        let knowledge = Knowledge::of(client, self.statements.as_deref(), reads);
        let round = match Round::read(bytes, &knowledge) {
            Said::Round(round) => Some(round),
            Said::Part if bytes.len() < ROUND_BYTES_MAX => return Way::Unsaid,
            Said::Part | Said::Other => None,
        };
        knowledge.ask_for_missed();
        reading.deed = round.map(|round| round.deed);
        reading.wants_lsn = round.is_some_and(|round| round.wants_lsn);
        reading.left = round.map_or(0, |round| round.bytes);
        reading.stage = Stage::AT_PRIMARY;
        let route = reading.route(client, round.and_then(|round| round.hint));
        let is_fit = match reading.deed {
            Some(Deed::Reads | Deed::BeginsReadOnly) => true,
            Some(Deed::Begins) => reading.wishes.is_read_only,
            _ => false,
        };
        let is_barred = std::mem::take(&mut reading.is_barred) || reading.wishes.is_serializable;
        let is_demanded = route == Route::Replica;
        // A standby does not know how far the primary has come.
        let is_off = route == Route::Primary || is_barred || reading.wants_lsn;
        if is_off || !is_fit && !is_demanded {
            return Way::Primary;
        }
        let mut wish = reading.wish(client, is_demanded);
        if let Replay::Over = std::mem::take(&mut reading.replay) {
            wish.causal_wait = Duration::ZERO;
        }
        let way = reads.choose(&client.pool, &wish, &mut reading.past, now);
        let replica = match way.to {
            Destination::Replica(replica) => replica,
            Destination::Primary => return Way::Primary,
            Destination::Later(wait) => {
                reading.stage = Stage::Away;
                reading.replay = Replay::Awaited(wait);
                return Way::Later;
            },
        };
        let step = match round {
            Some(_) if is_fit => Step::Trial,
            // Whoever demands it for something else wants the replica's own words.
            Some(_) => Step::Accepted,
            None => Step::Free,
        };
        reading.is_single = round.is_some_and(|round| round.is_single);
        reading.kept.clear();
        reading.stage = Stage::Replica {
            life: replica.life,
            asked_at: replica.asked_at,
            step,
        };
        Way::Replica(replica.pool)
    }
}

impl Reading {
    /// What the text itself asks for goes before what the session asks for, and that before what the
    /// configuration says.
    fn route(&self, client: &Client, hint: Option<Hint>) -> Route {
        match hint {
            Some(Hint::Primary) => Route::Primary,
            Some(Hint::Replica) => Route::Replica,
            Some(Hint::Auto) => Route::Auto,
            None => self.wishes.route.unwrap_or_else(|| client.route()),
        }
    }

    fn wish(&self, client: &Client, is_replica_demanded: bool) -> Wish {
        Wish {
            consistency: self.consistency(client),
            is_replica_demanded,
            ..Wish::of(&client.pool.user().pool)
        }
    }

    /// How old what it reads may be.
    pub(super) fn consistency(&self, client: &Client) -> Consistency {
        let configured = || client.pool.user().pool.consistency;
        self.wishes.consistency.unwrap_or_else(configured)
    }
}
