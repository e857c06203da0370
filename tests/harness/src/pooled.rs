//! What most tests begin with: a database of their own, and a Tidegate in front of it.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::database::Database;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::polling;
use crate::pooler::Pooler;
use crate::pooler::Ready;
use crate::pooler::Surroundings;
use crate::port::free_port;
use crate::wire::Login;
use crate::wire::Wire;
use crate::wire::WireError;

/// How long a reload may take.
const RELOAD_LIMIT: Duration = Duration::from_mins(1);

/// The tenant of every [`PooledDatabase`].
const TENANT: &str = "acme";

/// Lines of TOML by the section they belong to. What a test does not add has its default.
#[derive(Debug, Clone, Default)]
pub struct PoolerConfig {
    /// `[node]`.
    pub node: String,
    /// `[log]`.
    pub log: String,
    /// `[pool]`.
    pub pool: String,
    /// `[[listener]]`.
    pub listener: String,
    /// `[[tenant]]`; its networks as `network.allow = […]`.
    pub tenant: String,
    /// `[[tenant.endpoint]]`.
    pub endpoint: String,
    /// `[[tenant.user]]`.
    pub user: String,
    /// Whole sections that come after all others: more users, then more tenants and listeners.
    pub more: String,
    /// The secret of the user, as TOML; without it, the password of the database's owner.
    pub secret: Option<String>,
    /// The host of the endpoint, if it is not 127.0.0.1.
    pub endpoint_host: Option<String>,
    /// The port of the endpoint, if it is not the database's.
    pub endpoint_port: Option<u16>,
    /// What Tidegate finds on its machine.
    pub surroundings: Surroundings,
}

impl PoolerConfig {
    /// The whole configuration.
    fn text(&self, database: &Database, port: u16) -> String {
        let Self { node, pool, .. } = self;
        let mut text = String::from("[node]\nworkers = 2\n");
        let mut section = |head: &str, own: &str, lines: &str| {
            // Writing to a string cannot fail.
            write!(text, "{head}\n{own}\n{lines}\n").ok();
        };
        section("", "", node);
        section("[log]", "level = \"debug\"", &self.log);
        section("[pool]", "", pool);
        let address = format!("address = \"127.0.0.1:{port}\"");
        let listener = format!("name = \"main\"\n{address}\ndefault_tenant = \"{TENANT}\"");
        section("[[listener]]", &listener, &self.listener);
        section("[[tenant]]", &format!("name = \"{TENANT}\""), &self.tenant);
        let endpoint = self.endpoint_port.unwrap_or(database.port);
        let host = self.endpoint_host.as_deref().unwrap_or("127.0.0.1");
        let endpoint = format!("host = \"{host}\"\nport = {endpoint}");
        section("[[tenant.endpoint]]", &endpoint, &self.endpoint);
        let password = format!("\"{}\"", database.password);
        let secret = self.secret.as_ref().unwrap_or(&password);
        let user = format!("name = \"{}\"\nsecret = {secret}", database.user);
        section("[[tenant.user]]", &user, &self.user);
        section("", "", &self.more);
        text
    }
}

/// A database, and a Tidegate whose only tenant has it. Gone when dropped.
#[derive(Debug)]
pub struct PooledDatabase {
    /// The database, its owner, and the way to it past the pooler.
    pub database: Database,
    /// The program in front of it.
    pub pooler: Pooler,
    cluster: &'static Cluster,
    config: PoolerConfig,
    port: u16,
}

impl PooledDatabase {
    /// A database of the shared cluster behind a Tidegate with these settings. `None`, and a line
    /// that says so, if the machine has no Postgres.
    ///
    /// # Errors
    /// [`Failure::Died`] with its log if Tidegate refuses the configuration.
    pub fn start(configure: impl FnOnce(&mut PoolerConfig)) -> Result<Option<Self>, Failure> {
        let Some(cluster) = Cluster::shared() else {
            return Ok(None);
        };
        let database = cluster.database()?;
        let mut config = PoolerConfig::default();
        configure(&mut config);
        Self::with(cluster, database, config, Folder::new()?).map(Some)
    }

    /// A Tidegate in front of a database that is there already; `folder` has the files that its
    /// configuration names.
    ///
    /// # Errors
    /// As [`PooledDatabase::start`].
    pub fn with(
        cluster: &'static Cluster,
        database: Database,
        config: PoolerConfig,
        folder: Folder,
    ) -> Result<Self, Failure> {
        let port = free_port()?;
        let text = config.text(&database, port);
        let pooler = Pooler::start_within(&config.surroundings, folder, &text, Ready::Port(port))?;
        Ok(Self {
            database,
            pooler,
            cluster,
            config,
            port,
        })
    }

    /// Changes the settings and tells Tidegate to read them. Returns at once; see
    /// [`Pooler::reload`].
    ///
    /// # Errors
    /// [`Failure::Io`] if the file cannot be written.
    pub fn reload(&mut self, configure: impl FnOnce(&mut PoolerConfig)) -> Result<(), Failure> {
        configure(&mut self.config);
        let text = self.config.text(&self.database, self.port);
        self.pooler.reload(&text)
    }

    /// [`PooledDatabase::reload`], and waits until the new settings are in force.
    ///
    /// # Errors
    /// [`Failure::Late`] if they are refused.
    pub fn reloaded(&mut self, configure: impl FnOnce(&mut PoolerConfig)) -> Result<(), Failure> {
        let before = self.reloads();
        self.reload(configure)?;
        polling::until_true("a reload", RELOAD_LIMIT, || self.reloads() > before)
    }

    fn reloads(&self) -> usize {
        let lines = self.pooler.log_lines();
        let done = lines
            .iter()
            .filter(|line| line.contains("configuration reloaded"));
        done.count()
    }

    /// The cluster that has the database.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// The port of Tidegate on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A libpq connection string through Tidegate, as the owner.
    pub fn dsn(&self) -> String {
        self.database.dsn_through(self.port, &self.database.user)
    }

    /// Runs SQL with psql through Tidegate and returns the rows.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn psql(&self, sql: &str) -> Result<String, Failure> {
        self.cluster.binaries().psql(&self.dsn(), sql)
    }

    /// Runs SQL as the superuser in this database, past Tidegate.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn admin(&self, sql: &str) -> Result<String, Failure> {
        self.cluster.psql_in(&self.database.name, sql)
    }

    /// What the owner says to log in through Tidegate.
    pub fn login(&self) -> Login {
        self.login_to(self.port)
    }

    /// What the owner says to log in past Tidegate.
    pub fn direct_login(&self) -> Login {
        self.login_to(self.database.port)
    }

    /// A client that is logged in through Tidegate.
    ///
    /// # Errors
    /// [`WireError::Refused`] with what Tidegate said.
    pub fn connect(&self) -> Result<Wire, WireError> {
        Wire::connect(&self.login())
    }

    fn login_to(&self, port: u16) -> Login {
        Login {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            user: self.database.user.clone(),
            database: self.database.name.clone(),
            password: self.database.password.clone(),
            parameters: Vec::new(),
            before: Vec::new(),
            protocol_minor: 0,
        }
    }
}
