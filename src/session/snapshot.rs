//! What a worker looks like at one moment, as plain data that may leave its thread.

use std::sync::Arc;
use std::time::Duration;

use tidegate_proto::startup::Replication;
use tokio::time::Instant;

use crate::config::PoolMode;
use crate::net::AgreedTls;
use crate::pool::Home;
use crate::pool::Pool;
use crate::pool::RouteTotals;
use crate::pool::ServerCard;
use crate::pool::ServerState;
use crate::session::Client;
use crate::session::ClientState;
use crate::session::Registry;
use crate::telemetry::WorkerTotals;
use crate::tenancy::Origin;

/// How much of a worker is to be seen. What is left out is empty: a worker with many clients is not
/// to list them all for somebody who only wants to know whether it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// That it answers.
    Pulse,
    /// Pools and counters.
    Pools,
    /// Clients too.
    Clients,
}

/// One worker.
#[derive(Debug, Clone)]
pub struct WorkerView {
    /// Which worker.
    pub worker: usize,
    /// Its pools, in no order.
    pub pools: Vec<PoolView>,
    /// Its clients, in the order in which they came.
    pub clients: Vec<ClientView>,
    /// Its counters.
    pub totals: WorkerTotals,
    /// How often rounds of clients went where.
    pub routes: RouteTotals,
}

/// One pool.
#[derive(Debug, Clone)]
pub struct PoolView {
    /// Whose it is.
    pub tenant: Arc<str>,
    /// The database, by its name on the server.
    pub database: String,
    /// The user, by the name that clients give.
    pub user: String,
    /// The name of the endpoint where its servers are; none while the tenant has no primary.
    pub endpoint: Option<String>,
    /// What its servers replicate.
    pub replication: Replication,
    /// When its servers go back, for clients whose listener does not say otherwise.
    pub mode: PoolMode,
    /// How many servers it may have; 0 is no limit.
    pub pool_size: u32,
    /// How many clients belong to it.
    pub clients: u32,
    /// How many of them wait for a server.
    pub waiting: usize,
    /// How long the first of these has waited.
    pub waited_max: Duration,
    /// Servers that are being connected.
    pub connecting: u32,
    /// The servers that are connected.
    pub servers: Vec<ServerView>,
}

/// One server.
#[derive(Debug, Clone)]
pub struct ServerView {
    /// Its card's number.
    pub id: u64,
    /// Its state.
    pub state: ServerState,
    /// The client that it is lent to.
    pub client: Option<u64>,
    /// How long it has been connected.
    pub age: Duration,
    /// How long ago it was lent or given back.
    pub used: Duration,
    /// The server's process id.
    pub process_id: u32,
    /// Its end of the connection; `None` on a unix socket.
    pub remote: Option<std::net::SocketAddr>,
    /// Our end of the connection; `None` on a unix socket.
    pub local: Option<std::net::SocketAddr>,
    /// What TLS was agreed on.
    pub tls: Option<AgreedTls>,
    /// Statements that it has prepared for its clients.
    pub statements: usize,
    /// It goes at the next chance.
    pub close_needed: bool,
    /// Cancel requests on their way to it.
    pub cancels: u32,
}

/// One client.
#[derive(Debug, Clone)]
pub struct ClientView {
    /// Its number.
    pub id: u64,
    /// Whose client it is.
    pub tenant: Arc<str>,
    /// The user, by the name that it gave.
    pub user: String,
    /// The database, by its name on the server.
    pub database: String,
    /// What it replicates.
    pub replication: Replication,
    /// Its state.
    pub state: ClientState,
    /// Its two addresses.
    pub origin: Origin,
    /// Our end of the connection; `None` on a unix socket.
    pub local: Option<std::net::SocketAddr>,
    /// How long it has been connected.
    pub age: Duration,
    /// How long it has been in its state.
    pub since: Duration,
    /// The server that it has.
    pub server: Option<u64>,
    /// What TLS was agreed on.
    pub tls: Option<AgreedTls>,
    /// Prepared statements that it has names for.
    pub statements: usize,
    /// The name that it gives itself. Untrusted.
    pub application_name: String,
}

impl WorkerView {
    /// The look of a worker now.
    pub fn of(home: &Home, registry: &Registry, depth: Depth, now: Instant) -> Self {
        let (pools, totals, routes) = if depth >= Depth::Pools {
            let pools = home.pools();
            (
                pools.iter().map(|pool| PoolView::of(pool, now)).collect(),
                home.counters.totals(),
                home.routes.totals(),
            )
        } else {
            Default::default()
        };
        let clients = if depth >= Depth::Clients {
            registry.clients()
        } else {
            Vec::new()
        };
        Self {
            worker: home.worker,
            pools,
            clients: clients
                .iter()
                .map(|client| ClientView::of(client, now))
                .collect(),
            totals,
            routes,
        }
    }
}

impl PoolView {
    fn of(pool: &Pool, now: Instant) -> Self {
        let (waiting, first) = pool.waiting();
        let user = pool.user();
        Self {
            tenant: pool.tenant.name().into(),
            database: pool.key.database().to_owned(),
            user: pool.key.user().to_owned(),
            endpoint: pool.endpoint().map(|endpoint| endpoint.name.clone()),
            replication: pool.replication(),
            mode: user.pool.pool_mode,
            pool_size: pool.pool_size(),
            clients: pool.clients.get(),
            waiting,
            waited_max: first.map_or(Duration::ZERO, |since| now.duration_since(since)),
            connecting: pool.connecting(),
            servers: pool
                .server_cards()
                .iter()
                .map(|card| ServerView::of(card, now))
                .collect(),
        }
    }
}

impl ServerView {
    fn of(card: &ServerCard, now: Instant) -> Self {
        Self {
            id: card.id,
            state: card.state.get(),
            client: card.client.get(),
            age: now.duration_since(card.connected_at),
            used: now.duration_since(card.used_at.get()),
            process_id: card.key.process_id,
            remote: card.remote,
            local: card.local,
            tls: card.tls,
            statements: card.statements.get(),
            close_needed: card.close_needed.get(),
            cancels: card.cancels.get(),
        }
    }
}

impl ClientView {
    fn of(client: &Client, now: Instant) -> Self {
        Self {
            id: client.id(),
            tenant: client.pool.tenant.name().into(),
            user: client.pool.key.user().to_owned(),
            database: client.pool.key.database().to_owned(),
            replication: client.pool.replication(),
            state: client.state.get(),
            origin: client.facts.origin.clone(),
            local: client.facts.entrance.local,
            age: now.duration_since(client.facts.connected_at),
            since: now.duration_since(client.since.get()),
            server: client.server().map(|card| card.id),
            tls: client.facts.tls,
            statements: client.statements.get() as usize,
            application_name: client.application_name(),
        }
    }
}
