//! A database of one test behind a Tidegate of its own: what the tests of drivers and of load
//! balancers begin with.

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Pooler;
use tidegate_harness::Ready;
use tidegate_harness::free_port;

/// Both, on free ports. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) database: Database,
    pub(crate) pooler: Pooler,
    pub(crate) cluster: &'static Cluster,
    /// Tidegate's port on 127.0.0.1.
    pub(crate) port: u16,
}

impl Gate {
    /// Adds these lines to `[pool]`, `[[listener]]` and `[tenant.network]`. `None` if the machine
    /// has no Postgres.
    pub(crate) fn open(pool: &str, listener: &str, network: &str) -> Option<Self> {
        let cluster = Cluster::shared()?;
        let database = cluster.database().unwrap();
        let port = free_port().unwrap();
        let Database {
            user,
            password,
            port: postgres,
            ..
        } = &database;
        let config = format!(
            r#"[pool]
{pool}

[[listener]]
name = "main"
address = "127.0.0.1:{port}"
default_tenant = "acme"
{listener}

[[tenant]]
name = "acme"

[tenant.network]
{network}

[[tenant.endpoint]]
host = "127.0.0.1"
port = {postgres}

[[tenant.user]]
name = "{user}"
secret = "{password}"
"#
        );
        let pooler = Pooler::start(&config, Ready::Port(port)).unwrap();
        Some(Self {
            database,
            pooler,
            cluster,
            port,
        })
    }

    /// A libpq connection string through this port, which is Tidegate's or that of something in
    /// front of it.
    pub(crate) fn dsn_through(&self, port: u16) -> String {
        self.database.dsn_through(port, &self.database.user)
    }

    /// Runs SQL with psql through a port and returns the rows, or what psql said.
    pub(crate) fn psql_through(&self, port: u16, sql: &str) -> Result<String, String> {
        let rows = self.cluster.binaries().psql(&self.dsn_through(port), sql);
        rows.map_err(|failure| failure.to_string())
    }
}
