//! The HTTP endpoints of a real process, while clients come and while it drains.
#![cfg(test)]

use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Pooler;
use tidegate_harness::Ready;
use tidegate_harness::StopSignal;
use tidegate_harness::free_port;
use tidegate_harness::http_get;
use tidegate_harness::polling;
use tokio_postgres::NoTls;

const LIMIT: Duration = Duration::from_mins(1);

struct Node {
    cluster: &'static Cluster,
    database: Database,
    port: u16,
    http: u16,
    pooler: Pooler,
}

impl Node {
    fn start() -> Option<Self> {
        let cluster = Cluster::shared()?;
        let database = cluster.database().unwrap();
        let (port, http) = (free_port().unwrap(), free_port().unwrap());
        let config = config(&database, port, http);
        let pooler = Pooler::start(&config, Ready::Http(http)).unwrap();
        Some(Self {
            cluster,
            database,
            port,
            http,
            pooler,
        })
    }

    fn dsn(&self) -> String {
        let user = format!("{}.acme", self.database.user);
        self.database.dsn_through(self.port, &user)
    }

    /// The value of a series, as it is written; `None` if there is none.
    fn series(&self, series: &str) -> Option<String> {
        let (status, page) = http_get(self.http, "/metrics").unwrap();
        assert_eq!(status, 200);
        let mut lines = page.lines();
        let value = |line: &str| Some(line.strip_prefix(series)?.trim().to_owned());
        lines.find_map(value)
    }

    /// Waits until a series has a value: a page may be as old as a second.
    fn wait_for(&self, series: &str, expected: &str) {
        let what = format!("{series} {expected}");
        let has_it = || self.series(series).as_deref() == Some(expected);
        polling::until_true(&what, LIMIT, has_it).unwrap();
    }
}

fn config(database: &Database, port: u16, http: u16) -> String {
    let (name, password, postgres) = (&database.user, &database.password, database.port);
    format!(
        r#"
[http]
address = "127.0.0.1:{http}"

[[listener]]
name = "main"
address = "127.0.0.1:{port}"

[[tenant]]
name = "acme"

[[tenant.endpoint]]
host = "127.0.0.1"
port = {postgres}

[[tenant.user]]
name = "{name}"
secret = "{password}"
"#
    )
}

#[test]
fn what_clients_do_is_counted_by_tenant() {
    let Some(node) = Node::start() else { return };
    let psql = node.cluster.binaries();
    assert_eq!(psql.psql(&node.dsn(), "select 1").unwrap(), "1");
    let wrong = node.dsn().replace("password=", "password=not-");
    assert!(psql.psql(&wrong, "select 1").is_err());
    let unknown = node.dsn().replace(".acme", ".nobody");
    assert!(psql.psql(&unknown, "select 1").is_err());

    node.wait_for("tidegate_logins_total{tenant=\"acme\"}", "1");
    node.wait_for("tidegate_xacts_total{tenant=\"acme\"}", "1");
    let refused = "tidegate_refused_connections_total{tenant=\"acme\",reason=\"authentication\"}";
    node.wait_for(refused, "1");
    let refused = "tidegate_refused_connections_total{reason=\"tenant_unknown\"}";
    node.wait_for(refused, "1");
    let (database, user) = (&node.database.name, &node.database.user);
    let labels = format!("tenant=\"acme\",database=\"{database}\",user=\"{user}\"");
    node.wait_for(
        &format!("tidegate_pool_servers{{{labels},state=\"idle\"}}"),
        "1",
    );
    node.wait_for("tidegate_tenant_clients{tenant=\"acme\"}", "0");
    node.wait_for("tidegate_unauthenticated_connections", "0");
    let (status, _) = http_get(node.http, "/healthz").unwrap();
    assert_eq!(status, 200);
    let (status, _) = http_get(node.http, "/").unwrap();
    assert_eq!(status, 404);
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the driver's task is the test's, and no worker's"
)]
async fn a_node_that_drains_is_not_ready_and_still_healthy() {
    let Some(mut node) = Node::start() else {
        return;
    };
    let (client, connection) =
        tokio_postgres::connect(&node.dsn().replace("gssencmode=disable", ""), NoTls)
            .await
            .unwrap();
    let driving = tokio::task::spawn(connection);
    client.batch_execute("begin").await.unwrap();
    node.pooler.process().signal(StopSignal::Terminate).unwrap();
    polling::until_true("/readyz to say no", LIMIT, || {
        http_get(node.http, "/readyz").is_ok_and(|(status, _)| status == 503)
    })
    .unwrap();
    assert_eq!(http_get(node.http, "/healthz").unwrap().0, 200);
    node.wait_for("tidegate_draining", "1");
    client.batch_execute("commit").await.unwrap();
    // The client is told to go at the end of its transaction, and then the process goes.
    drop(driving.await.unwrap());
    polling::until_true("the end of the process", LIMIT, || {
        http_get(node.http, "/healthz").is_err()
    })
    .unwrap();
}

#[test]
fn an_http_port_that_is_taken_is_told_before_anything_is_served() {
    let Some(node) = Node::start() else { return };
    let port = free_port().unwrap();
    let config = config(&node.database, port, node.http);
    let failed = Pooler::start(&config, Ready::Port(port)).unwrap_err();
    let said = failed.to_string();
    assert!(
        said.contains(&format!("http: cannot listen on 127.0.0.1:{}", node.http)),
        "{said}"
    );
}
