//! How the tenant of a pool's little world is configured: it changes with each reload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate::config;

pub(crate) const POOL_SIZE: u32 = 3;
/// Of all pools together: they take servers from one another.
pub(crate) const TENANT_SERVERS_MAX: u32 = 4;
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(1);
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
const IDLE_TIMEOUT_SHORT: Duration = Duration::from_secs(5);

pub(crate) const USERS: [&str; 2] = ["alice", "bob"];

/// What changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Where servers are.
    pub(crate) port: u16,
    /// By user.
    pub(crate) min_pool_size: [u32; 2],
    pub(crate) server_lifetime: Duration,
    pub(crate) server_idle_timeout: Duration,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let defaults = config::PoolSettings::default();
        Self {
            port: 1,
            min_pool_size: [0; 2],
            server_lifetime: defaults.server_lifetime,
            server_idle_timeout: defaults.server_idle_timeout,
        }
    }

    /// Other settings, at the same place.
    pub(crate) fn adjust(&mut self, which: u8) {
        let defaults = Self::new();
        // Two bits for each user.
        self.min_pool_size = [which & 3, which >> 2 & 3].map(u32::from);
        self.server_lifetime = if which & 16 == 0 {
            defaults.server_lifetime
        } else {
            Duration::ZERO
        };
        self.server_idle_timeout = if which & 32 == 0 {
            defaults.server_idle_timeout
        } else {
            IDLE_TIMEOUT_SHORT
        };
    }

    /// Whether servers are of use once.
    pub(crate) fn is_once(&self) -> bool {
        self.server_lifetime.is_zero()
    }

    pub(crate) fn min_pool_size(&self, user: &str) -> u32 {
        let at = USERS.iter().position(|name| *name == user);
        self.min_pool_size[at.expect("it is one of them")]
    }

    pub(crate) fn tenants(&self) -> BTreeMap<String, Arc<config::Tenant>> {
        BTreeMap::from([("acme".to_owned(), Arc::new(self.tenant()))])
    }

    fn tenant(&self) -> config::Tenant {
        let mut endpoint = config::Endpoint {
            name: "primary".to_owned(),
            port: self.port,
            ..config::Endpoint::default()
        };
        endpoint.tls.mode = config::ServerTlsMode::Disable;
        let users = USERS.map(|name| (name.to_owned(), Arc::new(self.user(name))));
        config::Tenant {
            name: "acme".to_owned(),
            endpoints: vec![Arc::new(endpoint)],
            users: BTreeMap::from(users),
            max_db_connections: TENANT_SERVERS_MAX,
            ..config::Tenant::default()
        }
    }

    fn user(&self, name: &str) -> config::User {
        let pool = config::PoolSettings {
            pool_size: POOL_SIZE,
            min_pool_size: self.min_pool_size(name),
            query_wait_timeout: WAIT_TIMEOUT,
            server_login_retry: RETRY_MAX,
            server_lifetime: self.server_lifetime,
            server_idle_timeout: self.server_idle_timeout,
            ..config::PoolSettings::default()
        };
        config::User {
            name: name.to_owned(),
            pool,
            ..config::User::default()
        }
    }
}
