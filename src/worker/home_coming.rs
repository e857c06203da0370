//! From the edge to the home: a client that has proven who it is moves, once, to the worker that
//! owns its pool.

use std::rc::Rc;
use std::sync::Arc;

use crate::admin::console;
use crate::edge;
use crate::edge::Accepted;
use crate::edge::Closed;
use crate::edge::ClosedReason;
use crate::edge::ListenerRuntime;
use crate::edge::Outcome;
use crate::session;
use crate::session::Arrival;
use crate::session::Ending;
use crate::session::HomeSeat;
use crate::session::Letter;
use crate::session::Live;
use crate::worker::thread::Place;

/// Takes a connection from accept to the beginning of its session, if that is here, or to its end.
///
/// The login and the beginning of the session are large, and boxed one after the other. Each is boxed
/// before the expression that awaits it: within that, this future would have room for it as well.
pub(super) async fn receive(
    accepted: Accepted,
    listener: Arc<ListenerRuntime>,
    place: Rc<Place>,
) -> Option<Live> {
    let login = Box::pin(edge::serve(accepted, &listener, &place.node.gate));
    match login.await {
        Outcome::Session(arrival) => bring_home(arrival, place).await,
        Outcome::Operator(operator) => {
            let desk = Arc::clone(&place.node.desk);
            Box::pin(console::converse(*operator, desk)).await;
            None
        },
        Outcome::Closed(closed) => {
            count(&closed, &place);
            None
        },
    }
}

async fn bring_home(mut arrival: Box<Arrival>, place: Rc<Place>) -> Option<Live> {
    let pool_size = arrival.user.pool.pool_size;
    let seat = place.node.homes.assign(arrival.key.clone(), pool_size);
    if seat.worker() == place.home.worker {
        return welcome(arrival, seat, place).await;
    }
    match arrival.socket.transport_mut().park() {
        Ok(()) => {
            let home = seat.worker();
            if !place
                .node
                .mailboxes
                .send(home, Letter::Arrival(arrival, seat))
                .await
            {
                tracing::debug!(worker = home, "a client came while its worker was leaving");
            }
        },
        Err(error) => {
            // Only its home knows whether the pool is still there.
            drop(seat);
            tracing::warn!(%error, "a client was lost on the way to its home");
        },
    }
    None
}

/// A client that comes from another worker.
pub(super) async fn arrive(
    mut arrival: Box<Arrival>,
    seat: HomeSeat,
    place: Rc<Place>,
) -> Option<Live> {
    match arrival.socket.transport_mut().unpark() {
        Ok(()) => welcome(arrival, seat, place).await,
        Err(error) => {
            seat.leave(|key| !place.home.has_pool(key));
            tracing::warn!(%error, "a client was lost on the way to its home");
            None
        },
    }
}

/// The session; the client is counted at this home until its end.
async fn welcome(arrival: Box<Arrival>, seat: HomeSeat, place: Rc<Place>) -> Option<Live> {
    let home = Rc::clone(&place.home);
    let admission = &place.node.gate.admission;
    // Once more: a reload that came during the login did not find this client among the sessions.
    // From here to the registry nothing is awaited, so that the next one will.
    if let Err(denial) = admission.check_network(&arrival.tenant, &arrival.origin) {
        let refusals = home.counters.tenant(arrival.tenant.slot());
        refusals.refuse(denial.reason());
        seat.leave(|key| !home.has_pool(key));
        Box::pin(session::turn_away(*arrival, &denial)).await;
        return None;
    }
    if !arrival.tenant.config().may_have(&arrival.user.name) {
        seat.leave(|key| !home.has_pool(key));
        Box::pin(session::dismiss(*arrival, Ending::UserGone)).await;
        return None;
    }
    let registry = Rc::clone(&place.registry);
    let begun = Box::pin(session::begin(*arrival, Rc::clone(&home), registry));
    let begun = begun.await;
    match &begun {
        Some(live) => live.sit(seat),
        None => seat.leave(|key| !home.has_pool(key)),
    }
    begun
}

fn count(closed: &Closed, place: &Place) {
    if let ClosedReason::Failed(error) = &closed.reason
        && let Some(reason) = error.reason()
    {
        match &closed.tenant {
            Some(tenant) => place.home.counters.tenant(tenant.slot()).refuse(reason),
            None => place.home.counters.nameless().refuse(reason),
        }
    }
}
