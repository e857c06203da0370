//! Where a round goes that a client without a server begins.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Consistency;
use crate::config::PoolMode;
use crate::config::PoolSettings;
use crate::config::Route;
use crate::config::TransactionRouting;
use crate::limits::ROUND_BYTES_MAX;
use crate::pool;
use crate::pool::Destination;
use crate::pool::EndpointCounters;
use crate::pool::Pool;
use crate::pool::RouteRule;
use crate::routing::Wish;
use crate::session::Client;
use crate::session::reads::Reading;
use crate::session::reads::Stage;
use crate::session::reads::Step;
use crate::session::reads::block::Block;
use crate::session::reads::knowledge::Knowledge;
use crate::session::reads::position;
use crate::session::reads::round::Deed;
use crate::session::reads::round::Known;
use crate::session::reads::round::Round;
use crate::session::reads::round::Said;
use crate::session::reads::stay::Stay;
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
            Some(reads) if self.client.mode() != PoolMode::Session => {
                to_primary(&self.client, &reads, RouteRule::DemandedPrimary)
            },
            _ => Way::Primary,
        }
    }

    #[inline(never)]
    fn way_among(&mut self, reads: &pool::Reads, bytes: &[u8], now: Instant) -> Way {
        let client = &*self.client;
        let reading = self.reading.get_or_insert_default();
        reading.forget_wish();
        if reading.is_moving() {
            let is_barred = std::mem::take(&mut reading.is_barred);
            reading.stage = Stage::AT_PRIMARY;
            let rule = if is_barred {
                RouteRule::Barred
            } else {
                RouteRule::Moves
            };
            return to_primary(client, reads, rule);
        }
        reading.follow(client);
        let knowledge = Knowledge::of(client, self.statements.as_deref(), reads);
        let round = match Round::read(bytes, &knowledge) {
            Said::Round(round) => Some(round),
            Said::Part if bytes.len() < ROUND_BYTES_MAX => return Way::Unsaid,
            Said::Part | Said::Other => None,
        };
        knowledge.ask_for_missed();
        reading.deed = round.map(|round| round.deed);
        // Within a pipeline it would tell of what is before that.
        reading.wants_lsn = round.is_some_and(|round| round.wants_lsn && round.is_single);
        reading.parts_at = round.and_then(|round| position::parts_at(bytes, &round, &knowledge));
        reading.left = round.map_or(0, |round| round.bytes);
        reading.stage = Stage::AT_PRIMARY;
        let stay = reading.stay(client, round.as_ref(), || {
            let behind = round.and_then(|round| bytes.get(round.bytes..));
            reads_next(behind.unwrap_or_default(), &knowledge)
        });
        if let Some(rule) = stay.rule() {
            return to_primary(client, reads, rule);
        }
        let is_demanded = stay.route == Route::Replica;
        let mut wish = reading.wish(client, is_demanded);
        if let Replay::Over = std::mem::take(&mut reading.replay) {
            wish.causal_wait = Duration::ZERO;
        }
        let way = reads.choose(&client.pool, &wish, &mut reading.past, now);
        let rule = RouteRule::Chosen(way.rule);
        let replica = match way.to {
            Destination::Replica(replica) => replica,
            Destination::Primary => return to_primary(client, reads, rule),
            Destination::Later { wait, counters } => {
                note(client, &counters, rule);
                reading.stage = Stage::Away;
                reading.replay = Replay::Awaited(wait);
                return Way::Later;
            },
        };
        let step = match round {
            Some(_) if stay.is_fit() => Step::Trial,
            // Whoever demands it for something else wants the replica's own words.
            Some(_) => Step::Accepted,
            None => Step::Free,
        };
        reading.is_single = round.is_some_and(|round| round.is_single);
        let opens = stay.opens().filter(|_| step == Step::Trial);
        reading.opens = opens.and_then(|opens| Block::begun_by(opens, round?, bytes, &knowledge));
        reading.kept.clear();
        reading.stage = Stage::Replica {
            life: replica.life,
            asked_at: replica.asked_at,
            step,
        };
        note(client, &replica.counters, rule);
        reading.replica = Some(replica.counters);
        Way::Replica(replica.pool)
    }
}

/// What the text itself asks for goes before what the session asks for, and that before what the
/// configuration says.
pub(super) fn route_of(
    hint: Option<Hint>,
    asked: Option<Route>,
    configured: impl FnOnce() -> Route,
) -> Route {
    match hint {
        Some(Hint::Primary) => Route::Primary,
        Some(Hint::Replica) => Route::Replica,
        Some(Hint::Auto) => Route::Auto,
        None => asked.unwrap_or_else(configured),
    }
}

/// What is told in the log of each round, by who wants to know it.
pub(super) const TARGET: &str = "tidegate::route";

fn to_primary(client: &Client, reads: &pool::Reads, rule: RouteRule) -> Way {
    note(client, &reads.at_primary(&client.pool), rule);
    Way::Primary
}

/// Counts a round that goes to an endpoint.
#[inline]
pub(super) fn note(client: &Client, endpoint: &EndpointCounters, rule: RouteRule) {
    endpoint.route(rule);
    tracing::debug!(
        target: TARGET,
        tenant = client.pool.tenant.name(),
        user = client.pool.key.user(),
        client = client.id(),
        endpoint = endpoint.name(),
        rule = rule.as_str(),
        "round goes"
    );
}

/// Whether a block is to begin at a replica that does not say what it does, of a client whose rounds go
/// there by this route.
pub(super) fn decides_later(pool: &PoolSettings, route: Route) -> bool {
    route == Route::Auto && pool.transaction_routing == TransactionRouting::FirstStatement
}

/// Whether what a client says behind the beginning of a block, if that is there whole, only reads.
fn reads_next(bytes: &[u8], known: &impl Known) -> bool {
    match Round::read(bytes, known) {
        Said::Round(round) => round.deed == Deed::Reads && !round.precedes_writes,
        Said::Part | Said::Other => true,
    }
}

impl Reading {
    /// What is known of a round; whether what stands behind it only reads, `reads_next` tells.
    fn stay(
        &mut self,
        client: &Client,
        round: Option<&Round>,
        reads_next: impl FnOnce() -> bool,
    ) -> Stay {
        let route = self.route(client, round.and_then(|round| round.hint));
        let sticks = self.sticks && route != Route::Replica;
        let is_stuck = |round: &Round| round.is_pipeline && round.deed == Deed::Reads;
        let sticks = sticks && round.is_some_and(is_stuck);
        let decides_later = matches!(self.deed, Some(Deed::Begins | Deed::BeginsReads))
            && decides_later(&client.pool.user().pool, route)
            && !round.is_some_and(|round| round.precedes_writes)
            && reads_next();
        Stay {
            deed: self.deed,
            route,
            wants_lsn: self.wants_lsn,
            is_barred: std::mem::take(&mut self.is_barred) || sticks,
            is_read_only: self.wishes.is_read_only,
            decides_later,
            is_serializable: self.wishes.is_serializable,
        }
    }

    pub(super) fn route(&self, client: &Client, hint: Option<Hint>) -> Route {
        route_of(hint, self.wishes.route, || client.route())
    }

    pub(super) fn wish(&self, client: &Client, is_replica_demanded: bool) -> Wish {
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
