//! One authenticated client, from `AuthenticationOk` to its last byte.
//!
//! Read [`begin`], then `run.rs`: the session is one future, and `relay.rs` is all that happens to
//! the bytes. No session ever waits for another, but in the queue of its pool.

mod arrival;
mod cancel_keys;
mod carrying;
mod client;
mod closing;
mod conversation;
mod end;
mod ending;
mod homes;
mod huge;
mod in_order;
mod kept;
mod learning;
mod leasing;
mod line;
mod login;
mod mailbox;
mod messages;
mod passing;
mod reads;
mod receiving;
mod refusal;
mod registry;
mod relay;
mod routed;
mod run;
mod snapshot;
mod statement_text;
mod statements;
mod task;
mod view;
mod weighing;

use std::cell::Cell;
use std::cell::OnceCell;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tidegate_proto::startup::Replication;
use tokio::io::AsyncWriteExt;
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

pub use self::arrival::Arrival;
pub use self::cancel_keys::CancelKey;
pub use self::cancel_keys::CancelKeys;
pub use self::cancel_keys::CancelTarget;
pub use self::client::Client;
pub use self::client::ClientState;
pub use self::client::Facts;
pub use self::end::End;
pub use self::ending::Ending;
pub use self::homes::HomeSeat;
pub use self::homes::Homes;
pub use self::mailbox::Letter;
pub use self::mailbox::Mailboxes;
pub use self::mailbox::Requester;
pub use self::reads::Explained;
pub use self::reads::explain;
pub use self::registry::Entrance;
pub use self::registry::Registry;
pub use self::snapshot::ClientView;
pub use self::snapshot::Depth;
pub use self::snapshot::PoolView;
pub use self::snapshot::ServerView;
pub use self::snapshot::WorkerView;
pub use self::task::Task;

use self::line::Line;
use self::routed::Routed;
use self::run::Session;
use crate::config::Refusals;
use crate::net::Outgoing;
use crate::net::Socket;
use crate::pool::Home;
use crate::pool::Pool;
use crate::restrictions::Denial;
use crate::restrictions::Report;
use crate::telemetry::Count;
use crate::telemetry::Untrusted;

/// A session under way: a future that is over when the session is. It holds nothing of the login that
/// led to it.
#[must_use = "a session that is dropped ends"]
pub struct Live(Session);

impl Live {
    /// Counts its client at its home until it is gone.
    pub fn sit(&self, seat: HomeSeat) {
        self.0.client.sit(seat);
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Live({})", self.0.client.id())
    }
}

impl Future for Live {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // It counts its steps itself.
        let end = ready!(pin!(unconstrained(&mut self.0)).poll(context));
        log_end(&self.0.client, self.0.routed(), &end);
        Poll::Ready(())
    }
}

/// Closes the connection of a client that proved who it is, but is not admitted any more: a reload
/// came between. It hears `AuthenticationOk`; what it hears next is why that was all.
pub async fn turn_away(arrival: Arrival, denial: &Denial) {
    // It is no stranger: the name of its tenant is no secret to it.
    let report = denial.report(Refusals::Named);
    bow_out(arrival, &report, denial.reason().label()).await;
}

/// The same for a client whose user is gone.
pub async fn dismiss(arrival: Arrival, ending: Ending) {
    let end = End::Ended(ending);
    if let Some(report) = end.report() {
        bow_out(arrival, &report, ending.label()).await;
    }
}

async fn bow_out(arrival: Arrival, report: &Report, reason: &str) {
    let Arrival {
        mut socket,
        greeting,
        origin,
        tenant,
        user,
        ..
    } = arrival;
    tracing::info!(
        target: "tidegate::connection",
        tenant = tenant.name(),
        user = user.name,
        client = %origin.client(),
        reason,
        error = report.message,
        "connection refused"
    );
    let mut words = greeting;
    refusal::encode(report, &mut words);
    say_goodbye(&mut socket, &words).await;
}

/// Logs a client in to where its pool lives. The socket must be registered with this worker's
/// runtime. `None` if there will be no session: the client has been told why.
pub async fn begin(mut arrival: Arrival, home: Rc<Home>, registry: Rc<Registry>) -> Option<Live> {
    let pool = pool_for(&mut arrival, &home);
    if let Some(proven) = arrival.client_keys {
        *pool.client_keys.borrow_mut() = Some(proven);
    }
    let mut socket = arrival.socket;
    let alias = Some(&*arrival.database_label).filter(|label| *label != pool.key.database());
    let facts = Facts {
        id: home.next_id(),
        origin: arrival.origin,
        entrance: registry.entrance(arrival.local, alias),
        mode: arrival.pool_mode,
        route: arrival.route,
        tls: socket.tls(),
        connected_at: arrival.accepted_at,
        startup_settings: OnceCell::new(),
        key: OnceCell::new(),
        seat: Cell::default(),
        _permit: arrival.permit,
    };
    let client = Client::new(pool, facts, Instant::now());
    let client = registry.register(client);
    let target = CancelTarget {
        worker: home.worker,
        client: client.id(),
        tenant: arrival.tenant,
    };
    let mut line = Line::new(&mut socket, arrival.greeting);
    let settled = login::settle(&client, &mut line, &arrival.parameters).await;
    let (early, mut outgoing) = line.into_parts();
    let begun = settled.and_then(|settled| {
        let (process_id, is_long) = (settled.process_id(), arrival.protocol_minor >= 2);
        let grant = || {
            let keys = &registry.keys;
            keys.grant(&target, process_id, is_long, home.random)
        };
        let key = client.facts.key.get_or_init(grant);
        let words = Outgoing::bytes(&mut outgoing);
        settled.words(&client, key, words)?;
        Ok(settled.lease)
    });
    match begun {
        Ok(lease) => {
            client.pool.counters.add(Count::Logins, 1);
            let mut session = Session::new(socket, client);
            session.begin_with(lease, outgoing, early);
            Some(Live(session))
        },
        Err(end) => {
            if let Some(report) = end.report() {
                let mut words = outgoing.map_or(Vec::new(), |greeting| greeting.left().to_vec());
                refusal::encode(&report, &mut words);
                say_goodbye(&mut socket, &words).await;
            }
            let routed = client.is_routed().then(Routed::default);
            log_end(&client, routed, &end);
            None
        },
    }
}

/// The client's pool: the primary's, or a replica's for a session that is to be there from the
/// beginning. A replication connection has one of its own, whose server is logged in to with
/// the client's parameters: a server that replicates understands no `set_config`.
fn pool_for(arrival: &mut Arrival, home: &Rc<Home>) -> Rc<Pool> {
    let word = match arrival.replication {
        Replication::None => {
            let pool = home.pool_named(&arrival.key, &arrival.tenant, &arrival.user);
            return reads::pool_of_session(pool, arrival);
        },
        Replication::Physical => "true",
        Replication::Logical => "database",
    };
    let own = (Box::from("replication"), Box::from(word));
    let asked = std::mem::take(&mut arrival.parameters).into_iter();
    let asked = asked.map(|(name, value)| (name.into(), value.into()));
    let session = std::iter::once(own).chain(asked).collect();
    let database = arrival.key.database();
    home.dedicated_pool(&arrival.tenant, database, &arrival.user, session)
}

async fn say_goodbye(socket: &mut Socket, words: &[u8]) {
    let said = async {
        socket.write_all(words).await?;
        socket.flush().await?;
        poll_fn(|context| socket.poll_shutdown(context)).await
    };
    // The client may be gone already; then nobody is left to be told.
    drop(tokio::time::timeout(crate::limits::CLOSING_TIMEOUT, said).await);
}

/// One line per session, at its end.
fn log_end(client: &Client, routed: Option<Routed>, end: &End) {
    let origin = &client.facts.origin;
    let unique_id = origin.unique_id().map(Untrusted::new);
    tracing::info!(
        target: "tidegate::connection",
        tenant = client.pool.tenant.name(),
        user = client.pool.key.user(),
        database = %Untrusted::new(client.database()),
        client = %origin.client(),
        unique_id = unique_id.as_ref().map(tracing::field::display),
        reason = end.label(),
        cause = std::error::Error::source(end).map(tracing::field::display),
        route = routed.map(tracing::field::display),
        seconds = end::seconds(client.facts.connected_at.elapsed()),
        "session ended"
    );
}
