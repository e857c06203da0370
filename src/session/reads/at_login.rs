//! Session mode: a client that wants a replica has it from its login to its end.

use std::rc::Rc;

use tokio::time::Instant;

use crate::config::PoolMode;
use crate::config::Route;
use crate::pool::Destination;
use crate::pool::Pool;
use crate::pool::RouteRule;
use crate::routing::Past;
use crate::routing::Wish;
use crate::session::Arrival;

/// The pool that a client's server comes from: a replica's, if it is to have one of these for all of its
/// session, and if there is one that can serve it; else the primary's.
pub(in crate::session) fn pool_of_session(primary: Rc<Pool>, arrival: &Arrival) -> Rc<Pool> {
    let user = primary.user();
    let configured = match arrival.route {
        Route::Auto => user.pool.route,
        route @ (Route::Primary | Route::Replica) => route,
    };
    let mut parameters = arrival.parameters.iter().rev();
    let asked = parameters.find(|(name, _)| name.eq_ignore_ascii_case("tidegate.route"));
    let asked = asked.and_then(|(_, word)| Route::of_word(word));
    let wants_replica = asked.unwrap_or(configured) == Route::Replica;
    let Some(reads) = primary.reads().filter(|_| wants_replica) else {
        return primary;
    };
    if arrival.pool_mode != PoolMode::Session || arrival.route == Route::Primary {
        return primary;
    }
    let wish = Wish {
        is_replica_demanded: true,
        ..Wish::of(&user.pool)
    };
    let way = reads.choose(&primary, &wish, &mut Past::default(), Instant::now());
    let rule = RouteRule::Chosen(way.rule);
    if let Destination::Replica(replica) = way.to {
        replica.counters.route(rule);
        return replica.pool;
    }
    reads.at_primary(&primary).route(rule);
    primary
}
