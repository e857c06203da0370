//! What a worker looks like at one moment, as plain data that may leave its thread.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::PoolMode;
use crate::pool::Home;
use crate::pool::Pool;
use crate::pool::ServerCard;
use crate::pool::ServerState;
use crate::session::Client;
use crate::session::ClientState;
use crate::session::Registry;
use crate::telemetry::WorkerTotals;
use crate::tenancy::Origin;

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
    pub tls: Option<String>,
    /// It goes at the next chance.
    pub close_needed: bool,
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
    /// The database, by the name that it gave.
    pub database: String,
    /// Its state.
    pub state: ClientState,
    /// Its two addresses.
    pub origin: Arc<Origin>,
    /// How long it has been connected.
    pub age: Duration,
    /// How long it has been in its state.
    pub since: Duration,
    /// The server that it has.
    pub server: Option<u64>,
    /// What TLS was agreed on.
    pub tls: Option<String>,
    /// The name that it gives itself. Untrusted.
    pub application_name: String,
}

impl WorkerView {
    /// The look of a worker now.
    pub fn of(home: &Home, registry: &Registry, now: Instant) -> Self {
        Self {
            worker: home.worker,
            pools: home
                .pools()
                .iter()
                .map(|pool| PoolView::of(pool, now))
                .collect(),
            clients: registry
                .clients()
                .iter()
                .map(|client| ClientView::of(client, now))
                .collect(),
            totals: home.counters.totals(),
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
            mode: user.pool.pool_mode,
            pool_size: user.pool.pool_size,
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
            tls: card.tls.clone(),
            close_needed: card.close_needed.get(),
        }
    }
}

impl ClientView {
    fn of(client: &Client, now: Instant) -> Self {
        Self {
            id: client.id,
            tenant: client.pool.tenant.name().into(),
            user: client.pool.key.user().to_owned(),
            database: client.database_label.to_string(),
            state: client.state.get(),
            origin: Arc::clone(&client.origin),
            age: now.duration_since(client.connected_at),
            since: now.duration_since(client.since.get()),
            server: client.server.borrow().as_ref().map(|card| card.id),
            tls: client.tls.clone(),
            application_name: client.application_name(),
        }
    }
}
