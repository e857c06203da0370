//! What the edge hands over: a client that has proven who it is.

use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_proto::startup::Replication;
use tokio::time::Instant;

use crate::auth::ClientKeys;
use crate::config;
use crate::config::PoolMode;
use crate::config::Route;
use crate::net::Socket;
use crate::pool::PoolKey;
use crate::tenancy::ClientPermit;
use crate::tenancy::Origin;
use crate::tenancy::Tenant;

/// A client that has proven who it is, and is told so before anything else.
#[derive(Debug)]
pub struct Arrival {
    /// The connection; TLS is finished, and nothing is buffered but what it replays itself.
    pub socket: Socket,
    /// What is to be sent first: the end of the exchange, `AuthenticationOk` last.
    pub greeting: Vec<u8>,
    /// Its two addresses, and what the PROXY header said.
    pub origin: Origin,
    /// Our end of the connection; `None` on a unix socket.
    pub local: Option<SocketAddr>,
    /// Whose client it is.
    pub tenant: Arc<Tenant>,
    /// The user: a row of the configuration, or one made from what `auth_query` found.
    pub user: Arc<config::User>,
    /// The pool that its servers come from, if it replicates nothing: the database is in it by its
    /// name on the server.
    pub key: PoolKey,
    /// The database, by the name that the client gave.
    pub database_label: String,
    /// The startup parameters in their order, `options` split, without user, database,
    /// replication, protocol options and the words that name the tenant.
    pub parameters: Vec<(String, String)>,
    /// What it wants to replicate; if anything, then the pool mode is session.
    pub replication: Replication,
    /// The minor protocol version: 0, or 2 for long cancel keys.
    pub protocol_minor: u16,
    /// When its servers go back.
    pub pool_mode: PoolMode,
    /// Where its listener sends what it says; `auto`: wherever its user's statements go.
    pub route: Route,
    /// Its right to be here, counted.
    pub permit: ClientPermit,
    /// The keys that its SCRAM login revealed, to log in to servers with.
    pub client_keys: Option<ClientKeys>,
    /// When it was accepted.
    pub accepted_at: Instant,
}
