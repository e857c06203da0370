//! `[pool]`: how servers are pooled; each key may also stand in a tenant or a user.

use std::time::Duration;

use crate::config::bounds::Any;
use crate::config::choice::choices;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::sections::reads::Consistency;
use crate::config::sections::reads::Route;
use crate::config::sections::reads::TransactionRouting;
use crate::config::setting::DAY;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::YEAR;
use crate::config::setting::settings;

choices! {
    /// When a server goes back to its pool.
    pub enum PoolMode {
        /// When the client leaves.
        Session = "session",
        /// When the transaction ends.
        Transaction = "transaction",
        /// When the statement ends; transactions of several statements are refused.
        Statement = "statement",
    }
}

settings! {
    /// How servers are pooled. User goes before tenant, tenant before listener, listener before
    /// `[pool]`.
    pub struct PoolSettings in "[pool]" {
        /// When a server goes back to its pool: when the client leaves, when the transaction ends, or
        /// when the statement ends.
        pool_mode: PoolMode = PoolMode::Transaction, Any, "word", Reload;
        /// The most servers of one tenant, database and user on each endpoint; 0 is no limit.
        pool_size: u32 = 20, 0..=100_000, "servers", Reload;
        /// How many are kept ready while the pool has clients.
        min_pool_size: u32 = 0, 0..=100_000, "servers", Reload;
        /// How many more may be opened for a client that waited `reserve_pool_timeout`.
        reserve_pool_size: u32 = 0, 0..=100_000, "servers", Reload;
        /// The wait after which the reserve is used; 0 never uses it.
        reserve_pool_timeout: Duration = Duration::from_secs(5), Duration::ZERO..=DAY, "duration", Reload;
        /// How long a client may wait for a server, in session mode while it logs in; 0 is no limit.
        query_wait_timeout: Duration = Duration::from_mins(2), Duration::ZERO..=DAY, "duration", Reload;
        /// An unused server older than this is closed; 0 uses each server once.
        server_lifetime: Duration = Duration::from_hours(1), Duration::ZERO..=YEAR, "duration", Reload;
        /// A server unused for this long is closed; 0 keeps it.
        server_idle_timeout: Duration = Duration::from_mins(10), Duration::ZERO..=YEAR, "duration", Reload;
        /// How long connecting and logging in to a server may take; 0 is no limit.
        server_connect_timeout: Duration = Duration::from_secs(15), Duration::ZERO..=DAY, "duration", Reload;
        /// The pause after a login to a server failed.
        server_login_retry: Duration = Duration::from_secs(15), Duration::ZERO..=DAY, "duration", Reload;
        /// A client idle for this long is closed; 0 keeps it.
        client_idle_timeout: Duration = Duration::ZERO, Duration::ZERO..=YEAR, "duration", Reload;
        /// A client idle in a transaction for this long is closed; 0 keeps it.
        idle_transaction_timeout: Duration = Duration::ZERO, Duration::ZERO..=YEAR, "duration", Reload;
        /// A query that runs longer is ended with its client and its server; 0 is no limit.
        query_timeout: Duration = Duration::ZERO, Duration::ZERO..=YEAR, "duration", Reload;
        /// A transaction that lasts longer is ended with its client and its server; 0 is no limit.
        transaction_timeout: Duration = Duration::ZERO, Duration::ZERO..=YEAR, "duration", Reload;
        /// A client older than this is closed when it is between transactions; 0 keeps it.
        client_lifetime: Duration = Duration::ZERO, Duration::ZERO..=YEAR, "duration", Reload;
        /// A server unused for longer is asked whether it lives before it is lent; 0 always asks.
        server_check_delay: Duration = Duration::from_secs(30), Duration::ZERO..=YEAR, "duration", Reload;
        /// What is sent to a server that a client of session mode has left; empty sends nothing.
        server_reset_query: String = "DISCARD ALL".to_owned(), Any, "query", Reload;
        /// The most statements that a server keeps prepared for all of its clients; 0 keeps a client
        /// with named statements on its server instead.
        max_prepared_statements: u32 = 200, 0..=100_000, "statements", Reload;
        /// Whether unnamed statements of the same text are parsed once by each server, for all clients:
        /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `VALUES` and `WITH` outside of transaction
        /// blocks, where `Parse`, `Bind`, `Execute` and `Sync` come in one write of at most 4 KB. Each
        /// is parsed anew every 10 seconds, after `CREATE`, `ALTER` or `DROP`, and where a server
        /// refuses to go on with it. Off, because a server may choose generic plans from the sixth
        /// execution on, as for named statements (`ALTER ROLE … SET plan_cache_mode =
        /// force_custom_plan` prevents that); because a table, column type or function that is changed
        /// past the pool, so that the same text means something else without an error, is noticed up to
        /// 10 seconds late; and because the server's log and views show names of the pooler's.
        share_unnamed_statements: bool = false, Any, "boolean", Reload;
        /// The most SCRAM iterations that a server may ask for.
        scram_iterations_max: u32 = 100_000, 1..=10_000_000, "iterations", Reload;
        /// Whether a server may ask for the password itself (over TLS, a unix socket or loopback).
        server_password_cleartext: bool = false, Any, "boolean", Reload;
        /// Where statements go if the tenant has replicas: `auto` sends what certainly only reads to
        /// the nearest one and everything else to the primary.
        route: Route = Route::Auto, Any, "word", Reload;
        /// Where with `route = "auto"` a transaction block goes that says neither `READ ONLY` nor `READ
        /// WRITE`, and is not `SERIALIZABLE`: `primary`; or `first_statement`, to the nearest replica
        /// for as long as it has done nothing, and for all of it if what it does first certainly only
        /// reads. A later write in such a block is an error (25006), and blocks that begin with a
        /// statement of that shape go to the primary from then on.
        transaction_routing: TransactionRouting = TransactionRouting::Primary, Any, "word", Reload;
        /// What a read at a replica is never older than: `session`, what its client has written and
        /// read; `tenant`, what any client of the tenant has written through this node; `bounded`,
        /// `max_lag`; `eventual` takes any age.
        consistency: Consistency = Consistency::Session, Any, "word", Reload;
        /// How far a replica may be behind with `consistency = "bounded"`.
        max_lag: Duration = Duration::from_secs(10), Duration::ZERO..=DAY, "duration", Reload;
        /// How long a read may wait for a near replica to replay what it must see, where the primary is
        /// farther away than that; 0 never waits.
        causal_wait: Duration = Duration::from_millis(100), Duration::ZERO..=Duration::from_mins(1), "duration", Reload;
    }
    with {
        /// True when the user or the tenant named the mode, so that a listener's only fills a gap.
        pool_mode_set: bool = false;
    }
}

impl PoolSettings {
    /// Reads the keys of `[pool]` that stand in a tenant or a user; the others come from `base`.
    pub(in crate::config) fn load_over(section: &mut Section<'_>, base: &Self) -> Self {
        let mut pool = Self::load(section, base);
        pool.pool_mode_set = base.pool_mode_set || section.has("pool_mode");
        pool
    }

    /// Reads `[pool]` itself.
    pub(in crate::config) fn load(section: &mut Section<'_>, base: &Self) -> Self {
        let pool = Self::read(section, Scope::Own, base);
        let is_too_large = pool.pool_size > 0 && pool.min_pool_size > pool.pool_size;
        // Where neither is given, the mistake is in an enclosing section and is told there.
        let key = ["min_pool_size", "pool_size"]
            .into_iter()
            .find(|key| section.has(key));
        if let (true, Some(key)) = (is_too_large, key) {
            let (min_pool_size, pool_size) = (pool.min_pool_size, pool.pool_size);
            section.mistake_here(
                key,
                Problem::PoolSizes {
                    min_pool_size,
                    pool_size,
                },
            );
        }
        pool
    }
}
