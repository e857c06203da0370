//! A primary, a standby, and Tidegates in front of both.

use std::sync::OnceLock;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Endpoint;
use tidegate_harness::Node;
use tidegate_harness::NodeOptions;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire::Wire;

pub(super) const LIMIT: Duration = Duration::from_mins(1);

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
    pub(super) node: Node,
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
        Self::start_with(&NodeOptions {
            node: "workers = 1",
            tenant,
            ..NodeOptions::default()
        })
    }

    /// The same with other settings.
    pub(super) fn start_with(options: &NodeOptions<'_>) -> Option<Self> {
        Self::start_at(options, "", |ports| ports)
    }

    /// The same with other settings of the replica, and ways to both: `ways` is given the ports of the
    /// primary and the replica, and returns those to connect to.
    pub(super) fn start_at(
        options: &NodeOptions<'_>,
        replica: &str,
        ways: impl FnOnce([u16; 2]) -> [u16; 2],
    ) -> Option<Self> {
        let Clusters {
            primary,
            standby,
            database,
        } = clusters()?;
        let endpoint = |name: &str, port: u16, lines: &str| Endpoint {
            name: name.to_owned(),
            port,
            lines: lines.to_owned(),
        };
        let ports = ways([primary.port(), standby.port()]);
        let endpoints = [
            endpoint("primary", ports[0], ""),
            endpoint(
                "replica",
                ports[1],
                &format!("role = \"replica\"\n{replica}"),
            ),
        ];
        // Both are on this machine: which round trip is the shorter one is chance, and must not decide.
        let tenant = format!("near_within = \"10s\"\n{}", options.tenant);
        let options = NodeOptions {
            tenant: &tenant,
            ..*options
        };
        Some(Self {
            primary,
            standby,
            database,
            node: Node::start(database, &endpoints, &options).unwrap(),
        })
    }

    pub(super) fn connect(&self) -> Wire {
        self.node.connect().unwrap()
    }

    /// A client whose reads go to the replica by now.
    pub(super) fn reader(&self) -> Wire {
        let mut client = self.connect();
        let is_there = || client.query(WHO).unwrap() == REPLICA;
        polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
        client
    }

    /// What the primary says, past Tidegate.
    pub(super) fn database_row(&self, sql: &str) -> String {
        self.primary.psql_in(&self.database.name, sql).unwrap()
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
