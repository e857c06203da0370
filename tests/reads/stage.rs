//! What the tests of reads play on: a primary with standbys, and Tidegates that are far from some of
//! them.
//!
//! Which of the servers has answered is told by the view `answers`. A text does not show what a view
//! calls, so that a read of it goes where every other goes.

use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::ClusterOptions;
use tidegate_harness::Database;
use tidegate_harness::DelayingRelay;
use tidegate_harness::Endpoint;
use tidegate_harness::NodeOptions;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

use crate::client::WORKERS;

/// How long anything may take to come about.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// Which port has answered, as Postgres itself knows it.
pub(crate) const WHO: &str = "select port from answers";

/// A standby that was away finds all that was written meanwhile, and a commit that was acknowledged
/// is not lost with its server.
const SETTINGS: &str = "wal_keep_size = '1GB'\nsynchronous_commit = on\n";

/// A read of `pause` takes its time at a standby, and none at a primary.
const SCHEMA: &str = "\
create table counters (key int primary key, value bigint not null);\
create view answers as select pg_catalog.inet_server_port() as port;\
create view pause as select 1 as paused from \
pg_catalog.pg_sleep(case when pg_catalog.pg_is_in_recovery() then 300 else 0 end)";

/// Clusters and nodes. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    // Dropped in this order: nobody is to see the clusters go.
    pub(crate) nodes: Vec<Node>,
    /// The first is the primary, as long as nobody is promoted.
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) database: Database,
}

/// A Tidegate, and its ways to the clusters.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) server: tidegate_harness::Node,
    /// One to each cluster.
    pub(crate) relays: Vec<DelayingRelay>,
}

/// A stage that is set up as a test needs it.
pub(crate) struct Plan<'a> {
    /// For each node its round trip to each of the clusters, in milliseconds.
    pub(crate) nodes: &'a [&'a [u64]],
    /// Lines for `[[tenant]]`.
    pub(crate) tenant: &'a str,
    /// Lines for `[pool]`.
    pub(crate) pool: &'a str,
    /// Lines for `postgresql.conf`.
    pub(crate) settings: &'a str,
    /// SQL that is run as the owner before the first standby is made.
    pub(crate) sql: &'a str,
}

impl Plan<'_> {
    /// One node, that has the standby at hand and the primary far away.
    pub(crate) const SMALL: Plan<'static> = Plan {
        nodes: &[&[40, 0]],
        tenant: "",
        pool: "",
        settings: "",
        sql: "",
    };

    /// Two nodes and three standbys. Each node has another standby at hand, and another way to the
    /// primary.
    pub(crate) const LARGE: Plan<'static> = Plan {
        nodes: &[&[90, 0, 30, 180], &[30, 180, 90, 0]],
        ..Plan::SMALL
    };

    /// `None`, and a line that says so, if the machine has no Postgres.
    pub(crate) fn stage(&self) -> Option<Stage> {
        let settings = format!("{SETTINGS}{}", self.settings);
        let options = ClusterOptions {
            settings: &settings,
            ..ClusterOptions::default()
        };
        let primary = Cluster::start_with(Version::under_test(), &options);
        let Some(primary) = skip::unless(primary) else {
            skip::tell("PostgreSQL");
            return None;
        };
        let database = primary.database().unwrap();
        let sql = format!("{SCHEMA};{}", self.sql);
        primary.binaries().psql(&database.dsn(), &sql).unwrap();
        let standbys = self.nodes[0].len() - 1;
        let standbys: Vec<Cluster> = (0..standbys).map(|_| primary.standby().unwrap()).collect();
        for standby in &standbys {
            standby.catch_up(&primary).unwrap();
        }
        let clusters: Vec<Cluster> = std::iter::once(primary).chain(standbys).collect();
        let node = |(number, ways): (usize, &&[u64])| self.node(number, ways, &clusters, &database);
        let nodes = self.nodes.iter().enumerate().map(node).collect();
        Some(Stage {
            nodes,
            clusters,
            database,
        })
    }

    fn node(&self, number: usize, ways: &[u64], clusters: &[Cluster], database: &Database) -> Node {
        let relay = |(cluster, way): (&Cluster, &u64)| {
            DelayingRelay::to(cluster.port(), Duration::from_millis(*way)).unwrap()
        };
        let relays: Vec<DelayingRelay> = clusters.iter().zip(ways).map(relay).collect();
        let endpoints = Endpoint::numbered(relays.iter().map(DelayingRelay::port));
        let region = format!("region = \"region-{number}\"");
        let options = NodeOptions {
            node: &format!("workers = {WORKERS}\n{region}\nmax_unauthenticated_per_address = 1000"),
            log: "level = \"debug\"",
            pool: self.pool,
            tenant: self.tenant,
            ..NodeOptions::default()
        };
        let server = tidegate_harness::Node::start(database, &endpoints, &options);
        Node {
            server: server.unwrap(),
            relays,
        }
    }
}

impl Stage {
    /// Runs SQL as the superuser in the database of the test, at the first cluster.
    pub(crate) fn admin(&self, sql: &str) -> String {
        self.admin_of(0, sql)
    }

    /// Runs SQL as the superuser in the database of the test, past Tidegate.
    pub(crate) fn admin_of(&self, cluster: usize, sql: &str) -> String {
        self.clusters[cluster]
            .psql_in(&self.database.name, sql)
            .unwrap()
    }

    /// Waits until all standbys have what the first cluster has.
    pub(crate) fn catch_up(&self) {
        for standby in &self.clusters[1..] {
            standby.catch_up(&self.clusters[0]).unwrap();
        }
    }

    /// The port of a cluster, as [`WHO`] tells it.
    pub(crate) fn port(&self, cluster: usize) -> String {
        self.clusters[cluster].port().to_string()
    }

    /// Waits until a client finds something to be so.
    pub(crate) fn until(
        &self,
        client: &mut Wire,
        what: &str,
        mut look: impl FnMut(&mut Wire) -> bool,
    ) {
        if let Err(late) = polling::until_true(what, LIMIT, || look(client)) {
            let shown = self.nodes.iter().map(|node| node.console("SHOW ENDPOINTS"));
            panic!("{late}\n{}", shown.collect::<Vec<_>>().join("\n"));
        }
    }

    /// Waits until a read of this client is answered by this cluster.
    pub(crate) fn until_at(&self, client: &mut Wire, cluster: usize) {
        self.until(client, &format!("a read at cluster {cluster}"), |client| {
            client.query(WHO).unwrap() == self.port(cluster)
        });
    }

    /// A new client of this node, who had seen nothing before it read this row. Whoever reads once at the
    /// primary has seen what is there, and may not read at a replica that is behind any more.
    pub(crate) fn who_reads(&self, node: usize, sql: &str, row: &str) -> Wire {
        self.who_reads_by(node, row, |client| client.query(sql).unwrap())
    }

    /// [`Stage::who_reads`], in its own way.
    pub(crate) fn who_reads_by(
        &self,
        node: usize,
        row: &str,
        read: impl Fn(&mut Wire) -> String,
    ) -> Wire {
        let mut client = self.nodes[node].connect();
        self.until(&mut client, &format!("a read of {row}"), |client| {
            *client = self.nodes[node].connect();
            read(client) == row
        });
        client
    }

    /// A client of the first node, and its read of `pause` together with this, which waits at the first
    /// standby.
    pub(crate) fn paused_at_the_replica(&self, columns: &str, from: &str) -> Wire {
        let mut client = self.nodes[0].connect();
        let mut number = 0;
        self.until(&mut client, "a read that waits at the replica", |client| {
            number += 1;
            let text = format!("select {columns} as column_{number} from {from}pause");
            *client = self.nodes[0].connect();
            client.send(&wire::query(&text).unwrap()).unwrap();
            let mut is_there = false;
            polling::until_true("the read to be somewhere", LIMIT, || {
                let run = |cluster, more| {
                    let sql = format!(
                        "select count(*) from pg_stat_activity where query = '{text}' {more}"
                    );
                    self.admin_of(cluster, &sql) != "0"
                };
                is_there = run(1, "and wait_event = 'PgSleep'");
                is_there || run(0, "")
            })
            .unwrap();
            is_there
        });
        client
    }

    /// Waits until a node has asked all endpoints once more what they are, and has been answered.
    pub(crate) fn until_seen(&self, node: usize) {
        // The age, in milliseconds.
        let ages = || {
            let shown = self.nodes[node].console("SHOW ENDPOINTS");
            let age = |line: &str| line.split('|').nth(14).and_then(|age| age.parse().ok());
            shown.lines().map(age).collect::<Option<Vec<u64>>>()
        };
        let mut before: Vec<Option<u64>> = vec![None; self.clusters.len()];
        let mut is_again = vec![false; self.clusters.len()];
        let all = || {
            let Some(ages) = ages() else {
                return false;
            };
            for ((age, before), is_again) in ages.iter().zip(&mut before).zip(&mut is_again) {
                *is_again |= before.is_some_and(|before| *age < before);
                *before = Some(*age);
            }
            is_again.iter().all(|is_again| *is_again)
        };
        polling::until_true("the endpoints to be looked at", LIMIT, all).unwrap();
    }

    /// Waits until the reads of a new client at this node go to this cluster, and only there.
    pub(crate) fn until_read_at(&self, node: usize, cluster: usize) {
        let wanted = self.port(cluster);
        let mut client = self.nodes[node].connect();
        let what = format!("reads of node {node} at cluster {cluster}");
        // What functions do must be known by then, too.
        let calling = format!("{WHO} where pg_catalog.abs(port) > 0");
        self.until(&mut client, &what, |client| {
            let mut asked = [WHO, &calling].into_iter().cycle().take(10);
            asked.all(|sql| client.query(sql).unwrap() == wanted)
        });
    }
}

impl Node {
    pub(crate) fn login(&self) -> Login {
        self.server.login()
    }

    pub(crate) fn connect(&self) -> Wire {
        self.server.connect().unwrap()
    }

    /// Shows what it is at, before a test fails for what it does not.
    pub(crate) fn lament(&self, what: &str) {
        for topic in ["ENDPOINTS", "POOLS", "CLIENTS", "SERVERS"] {
            println!(
                "{what}: {topic}\n{}",
                self.console(&format!("SHOW {topic}"))
            );
        }
        let log = self.server.pooler.log_lines();
        println!("{}", log[log.len().saturating_sub(100)..].join("\n"));
    }

    /// What the console answers.
    pub(crate) fn console(&self, sql: &str) -> String {
        self.server.console(sql).unwrap()
    }
}
