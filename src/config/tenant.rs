//! `[[tenant]]`: whoever owns a set of endpoints, users, limits and network restrictions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::auth_query::AuthQuery;
use crate::config::endpoint::Endpoint;
use crate::config::listener::AuthType;
use crate::config::network::Network;
use crate::config::pool_settings::PoolSettings;
use crate::config::rate::Rate;
use crate::config::setting::Any;
use crate::config::setting::settings;
use crate::config::user::User;

settings! {
    /// Whoever owns a set of endpoints, users, limits and network restrictions. Every key of
    /// `[pool]` may stand here too, and then counts for all users of the tenant.
    pub struct Tenant in "[[tenant]]" {
        /// The name by which clients call it: lower-case letters, digits, `-` and `_`.
        name: String = String::new(), Any, "name", Reload, Required => "\"acme\"";
        /// How clients prove who they are; not given: as the listener says.
        auth_type: Option<AuthType> = None, Any, "word", Reload => "\"scram-sha-256\"";
        /// Whether clients without TLS are refused, whatever the listener says.
        tls_required: bool = false, Any, "boolean", Reload;
        /// The most clients of this tenant on this node; 0 is no limit.
        max_client_conn: u32 = 0, 0..=10_000_000, "clients", Reload;
        /// The most servers of this tenant on this node; 0 is no limit.
        max_db_connections: u32 = 0, 0..=10_000_000, "servers", Reload, Inherited;
        /// The most connection attempts of this tenant's clients; not given: no limit.
        connection_rate: Rate = Rate::UNLIMITED, Any, "rate", Reload => "{ per_second = 100, burst = 200 }";
    }
    with {
        /// From where clients may come.
        network: Network = Network::default();
        /// The Postgres instances; at least one.
        endpoints: Vec<Arc<Endpoint>> = Vec::new();
        /// The database of the server by the name that clients give; none: any, under its own name.
        databases: Option<BTreeMap<String, String>> = None;
        /// The users, by name.
        users: BTreeMap<String, Arc<User>> = BTreeMap::new();
        /// How the secrets of other users are looked up.
        auth_query: Option<AuthQuery> = None;
        /// How servers are pooled of users that have no row of their own.
        pool: PoolSettings = PoolSettings::default();
    }
}
