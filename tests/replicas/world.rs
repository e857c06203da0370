//! A primary, a standby, and Tidegates in front of both.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Pooler;
use tidegate_harness::Ready;
use tidegate_harness::Version;
use tidegate_harness::free_port;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// Which server answers: a parameter that the replica has another value of.
pub(super) const WHO: &str = "show vacuum_cost_page_dirty";
pub(super) const PRIMARY: &str = "20";
pub(super) const REPLICA: &str = "21";

/// A primary and a standby of it.
struct Clusters {
    primary: Cluster,
    standby: Cluster,
    database: Database,
}

/// A Tidegate in front of both.
pub(super) struct World {
    pub(super) primary: &'static Cluster,
    pub(super) standby: &'static Cluster,
    pub(super) database: &'static Database,
    pub(super) pooler: Pooler,
    port: u16,
}

fn clusters() -> Option<&'static Clusters> {
    static CLUSTERS: OnceLock<Option<Clusters>> = OnceLock::new();
    let start = || {
        let primary = skip::unless(Cluster::start(Version::under_test()))?;
        let database = primary.database().unwrap();
        let standby = primary.standby().unwrap();
        let mark = format!("alter system set vacuum_cost_page_dirty = {REPLICA}");
        standby.psql(&mark).unwrap();
        standby.psql("select pg_reload_conf()").unwrap();
        Some(Clusters {
            primary,
            standby,
            database,
        })
    };
    CLUSTERS.get_or_init(start).as_ref()
}

/// The world of most tests.
pub(super) fn world() -> Option<&'static World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    WORLD.get_or_init(|| World::start("")).as_ref()
}

impl World {
    pub(super) fn start(tenant: &str) -> Option<Self> {
        Self::start_with("[node]\nworkers = 1", tenant)
    }

    /// The same with other settings of the node.
    pub(super) fn start_with(node: &str, tenant: &str) -> Option<Self> {
        let Clusters {
            primary,
            standby,
            database,
        } = clusters()?;
        let port = free_port().unwrap();
        let Database { user, password, .. } = database;
        let has_console = node.contains("[console]");
        let text = format!(
            r#"
{node}
[[listener]]
name = "main"
address = "127.0.0.1:{port}"
default_tenant = "acme"
console = {has_console}
[[tenant]]
name = "acme"
{tenant}
[[tenant.endpoint]]
name = "primary"
host = "127.0.0.1"
port = {}
[[tenant.endpoint]]
name = "replica"
host = "127.0.0.1"
port = {}
role = "replica"
[[tenant.user]]
name = "{user}"
secret = "{password}"
"#,
            primary.port(),
            standby.port(),
        );
        let pooler = Pooler::start(&text, Ready::Port(port)).unwrap();
        Some(Self {
            primary,
            standby,
            database,
            pooler,
            port,
        })
    }

    pub(super) fn connect(&self) -> Wire {
        let Database {
            name,
            user,
            password,
            ..
        } = self.database;
        self.connect_as(user, password, name)
    }

    pub(super) fn connect_as(&self, user: &str, password: &str, database: &str) -> Wire {
        Wire::connect(&Login {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
            user: user.to_owned(),
            database: database.to_owned(),
            password: password.to_owned(),
            parameters: Vec::new(),
            before: Vec::new(),
            protocol_minor: 0,
        })
        .unwrap()
    }

    /// A client whose reads go to the replica by now.
    pub(super) fn reader(&self) -> Wire {
        let mut client = self.connect();
        let is_there = || client.query(WHO).unwrap() == REPLICA;
        polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
        client
    }

    /// Changes something, and waits until the replica has it as well.
    pub(super) fn prepare(&self, sql: &str) {
        let database = &self.database.name;
        self.primary.psql_in(database, sql).unwrap();
        let written = self
            .primary
            .psql("select pg_current_wal_insert_lsn()")
            .unwrap();
        let is_there = format!("select pg_last_wal_replay_lsn() >= '{written}'");
        polling::until_true("the replica to follow", LIMIT, || {
            self.standby.psql(&is_there).unwrap() == "t"
        })
        .unwrap();
    }
}
