//! `[node]`: what concerns the process as a whole.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::bounds::Any;
use crate::config::choice::choices;
use crate::config::secret_text::SecretText;
use crate::config::setting::DAY;
use crate::config::setting::settings;
use crate::limits::UNAUTHENTICATED_COUNT_MAX;
use crate::limits::WORKERS_COUNT_MAX;
use crate::net::Keepalive;
use crate::net::SocketOptions;

choices! {
    /// What a client is told that is not let in.
    pub enum Refusals {
        /// A blocked network and an unknown tenant are named, with the address that was seen.
        Named = "named",
        /// They look like a wrong password.
        Opaque = "opaque",
    }
}

settings! {
    /// What concerns the process as a whole.
    pub struct Node in "[node]" {
        /// How many worker threads; 0 starts one per core.
        workers: usize = 0, 0..=WORKERS_COUNT_MAX, "threads", Restart;
        /// Where this node runs; endpoints of the same region are tried first.
        /// Empty: the environment variable `FLY_REGION`, if it is set.
        region: String = String::new(), Any, "name", Restart;
        /// A folder of tenant files: each `*.toml` in it is one tenant, written without `[[tenant]]`
        /// before it and without `tenant.` in its tables.
        include_tenants: Option<PathBuf> = None, Any, "folder", Reload => "\"tenants\"";
        /// What a client is told whose network is blocked or whose tenant is unknown: `named` says
        /// so with the address that was seen, `opaque` looks like a wrong password.
        refusals: Refusals = Refusals::Named, Any, "word", Reload;
        /// The most clients of all tenants together.
        max_client_conn: u32 = 1000, 1..=10_000_000, "clients", Reload;
        /// The most servers of all tenants together; 0 is no limit.
        max_server_connections: u32 = 0, 0..=10_000_000, "servers", Reload;
        /// The most connections that are not logged in yet.
        max_unauthenticated: u32 = 1000, 1..=UNAUTHENTICATED_COUNT_MAX, "connections", Reload;
        /// The same for one client address; IPv6 addresses count by their /64.
        max_unauthenticated_per_address: u32 = 50, 1..=UNAUTHENTICATED_COUNT_MAX, "connections", Reload;
        /// From accept until the client has proven who it is, TLS and PROXY header included.
        client_login_timeout: Duration = Duration::from_secs(15), Duration::from_millis(100)..=Duration::from_hours(1), "duration", Reload;
        /// How long a shutdown waits for clients to leave; 0 waits without a limit.
        shutdown_timeout: Duration = Duration::from_secs(30), Duration::ZERO..=DAY, "duration", Reload;
        /// Whether the system probes idle connections, to clients and to servers.
        tcp_keepalive: bool = true, Any, "boolean", Reload;
        /// How long a connection is idle before the first probe; 0 leaves it to the system.
        tcp_keepidle: Duration = Duration::ZERO, Duration::ZERO..=Duration::from_hours(9), "duration", Reload;
        /// The time between probes; 0 leaves it to the system.
        tcp_keepintvl: Duration = Duration::ZERO, Duration::ZERO..=Duration::from_hours(9), "duration", Reload;
        /// How many probes may go unanswered; 0 leaves it to the system.
        tcp_keepcnt: u32 = 0, 0..=127, "probes", Reload;
        /// How long sent bytes may stay unacknowledged; 0 leaves it to the system.
        tcp_user_timeout: Duration = Duration::ZERO, Duration::ZERO..=DAY, "duration", Reload;
        /// How long the addresses of a name are used before it is looked up again, whatever time to live
        /// they have: the system's resolver does not tell it. Servers at addresses that a name has no
        /// more go as they come back.
        dns_max_ttl: Duration = Duration::from_secs(15), Duration::ZERO..=DAY, "duration", Reload;
        /// How long a name is not looked up again that has no address, or could not be looked up. The
        /// addresses that it had are used for up to an hour meanwhile.
        dns_nxdomain_ttl: Duration = Duration::from_secs(1), Duration::ZERO..=DAY, "duration", Reload;
        /// How many logins of one address may fail at one tenant before the next must wait.
        login_failures_before_delay: u32 = 5, 1..=1_000_000, "logins", Reload;
        /// The first wait; each further failure doubles it. 0 turns the throttle off.
        login_failure_delay: Duration = Duration::from_secs(1), Duration::ZERO..=Duration::from_hours(1), "duration", Reload;
        /// The longest wait.
        login_failure_delay_max: Duration = Duration::from_mins(1), Duration::ZERO..=DAY, "duration", Reload;
        /// Keeps the salts shown to unknown users the same across restarts and nodes, so that they
        /// look like known ones; drawn at random at start if not given.
        mock_key: Option<SecretText> = None, Any, "secret", Restart => "{ env = \"TIDEGATE_MOCK_KEY\" }";
    }
}

impl Node {
    /// What it says about TCP, in which zero leaves a value to the system.
    pub fn socket_options(&self) -> SocketOptions {
        let chosen = |time: Duration| Some(time).filter(|time| !time.is_zero());
        let keepalive = Keepalive {
            idle: chosen(self.tcp_keepidle),
            interval: chosen(self.tcp_keepintvl),
            retries: Some(self.tcp_keepcnt).filter(|count| *count > 0),
        };
        SocketOptions {
            keepalive: self.tcp_keepalive.then_some(keepalive),
            user_timeout: chosen(self.tcp_user_timeout),
        }
    }
}
