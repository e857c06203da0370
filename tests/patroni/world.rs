//! Three servers under Patroni, and a Tidegate that is told of none of them what it is.

use std::time::Duration;

use tidegate_harness::Database;
use tidegate_harness::Endpoint;
use tidegate_harness::Node;
use tidegate_harness::NodeOptions;
use tidegate_harness::Patroni;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;

/// How long anything may take to come about.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// How long clients wait for a primary: longer than any Patroni leaves them without one.
pub(crate) const FAILOVER_WAIT: Duration = Duration::from_mins(1);

/// A text does not show what a view calls: a read of this one goes where every other goes.
const SCHEMA: &str = "\
create table written (client int, number int, primary key (client, number));\
create view answers as select pg_catalog.inet_server_port() as port";

/// All of it. Gone when dropped.
pub(crate) struct World {
    // Dropped in this order: Tidegate is not to see its servers go.
    node: Node,
    pub(crate) patroni: Patroni,
    database: Database,
}

impl World {
    /// `None`, and a line that says so, if the machine has no Patroni.
    pub(crate) fn start() -> Option<Self> {
        let Some(patroni) = skip::unless(Patroni::start(Version::under_test(), 3)) else {
            skip::tell("Patroni with etcd, or no PostgreSQL");
            return None;
        };
        let database = patroni.database().unwrap();
        let user = &database.user;
        // So that it is seen at once whom a standby follows, and not after its next restartpoint only.
        let sql = format!("grant pg_read_all_stats to {user}; set role {user}; {SCHEMA}");
        let leader = patroni.leader().unwrap();
        patroni.psql(leader, &database.name, &sql).unwrap();
        for member in 0..patroni.ports().len() {
            let has_it = || {
                patroni
                    .psql(member, &database.name, "table written")
                    .is_ok()
            };
            polling::until_true("the table at every member", LIMIT, has_it).unwrap();
        }
        let endpoint =
            |(number, port): (usize, u16)| Endpoint::auto(format!("member{number}"), port);
        let endpoints: Vec<Endpoint> = patroni
            .ports()
            .into_iter()
            .enumerate()
            .map(endpoint)
            .collect();
        let wait = FAILOVER_WAIT.as_secs();
        let options = NodeOptions {
            node: "workers = 2",
            log: "level = \"debug\"",
            tenant: &format!("route = \"auto\"\nfailover_wait = \"{wait}s\""),
            ..NodeOptions::default()
        };
        Some(Self {
            node: Node::start(&database, &endpoints, &options).unwrap(),
            patroni,
            database,
        })
    }

    /// A way for clients to log in that does not need the world to stand still.
    pub(crate) fn door(&self) -> Door {
        Door(self.node.login())
    }

    /// The rows that a member has, past Tidegate: client and number.
    pub(crate) fn rows_at(&self, member: usize) -> Vec<(u32, u32)> {
        let sql = "select client, number from written order by 1, 2";
        let rows = self.patroni.psql(member, &self.database.name, sql).unwrap();
        let row = |row: &str| {
            let (client, number) = row.split_once('|').unwrap();
            (client.parse().unwrap(), number.parse().unwrap())
        };
        rows.lines().map(row).collect()
    }

    /// Waits until a member has as much as the leader has now.
    pub(crate) fn until_caught_up(&self, member: usize, leader: usize) {
        let count = |member| -> u32 {
            let sql = "select count(*) from written";
            let count = self.patroni.psql(member, &self.database.name, sql);
            count.unwrap().parse().unwrap()
        };
        let wanted = count(leader);
        let has_caught_up = || count(member) >= wanted;
        polling::until_true("a member to have caught up", LIMIT, has_caught_up).unwrap();
    }
}

/// Where clients come in.
#[derive(Debug, Clone)]
pub(crate) struct Door(Login);

impl Door {
    /// A client that waits as long for an answer as Tidegate may let it.
    pub(crate) fn enter(&self) -> Result<Wire, WireError> {
        let wire = Wire::connect(&self.0)?;
        let limit = Some(FAILOVER_WAIT + LIMIT);
        wire.socket()
            .set_read_timeout(limit)
            .map_err(WireError::Io)?;
        Ok(wire)
    }
}
