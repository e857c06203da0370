//! The SQL console of a real process: psql and a driver on a unix socket and on loopback, while a
//! client of a tenant is at work.
#![cfg(test)]

use std::path::PathBuf;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Folder;
use tidegate_harness::Pooler;
use tidegate_harness::Ready;
use tidegate_harness::free_port;
use tidegate_harness::polling;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

const LIMIT: Duration = Duration::from_mins(1);

/// A Tidegate with a console on a unix socket, one on loopback, and one tenant, `acme`.
struct Node {
    cluster: &'static Cluster,
    database: Database,
    port: u16,
    socket_folder: PathBuf,
    pooler: Pooler,
}

impl Node {
    fn start() -> Option<Self> {
        let cluster = Cluster::shared()?;
        let database = cluster.database().unwrap();
        let (port, folder) = (free_port().unwrap(), Folder::new().unwrap());
        let socket_folder = folder.path().to_owned();
        let config = config(&database, port, &socket_folder, 7);
        let pooler = Pooler::start_in(folder, &config, Ready::Port(port)).unwrap();
        Some(Self {
            cluster,
            database,
            port,
            socket_folder,
            pooler,
        })
    }

    /// A connection string to the console, by the unix socket.
    fn console(&self, user: &str) -> String {
        let folder = self.socket_folder.display();
        format!("host={folder} port=1 dbname=pgbouncer user={user} password={user}-password")
    }

    /// What psql prints of an admin's command.
    fn ask(&self, command: &str) -> String {
        let psql = self.cluster.binaries();
        psql.psql(&self.console("olga"), command).unwrap()
    }

    /// What psql says of a command that is refused.
    fn refused(&self, user: &str, command: &str) -> String {
        let psql = self.cluster.binaries();
        psql.psql(&self.console(user), command)
            .unwrap_err()
            .to_string()
    }

    /// A client of the tenant, and the task that drives it.
    async fn client(&self) -> (tokio_postgres::Client, tokio::task::JoinHandle<()>) {
        let user = format!("{}.acme", self.database.user);
        let dsn = self.database.dsn_through(self.port, &user);
        let dsn = dsn.replace("gssencmode=disable", "application_name=a_client");
        connect(&dsn).await
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver's task is the test's, and no worker's"
)]
async fn connect(dsn: &str) -> (tokio_postgres::Client, tokio::task::JoinHandle<()>) {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
    // How the connection ends is seen by the client.
    let driving = tokio::task::spawn(async move { drop(connection.await) });
    (client, driving)
}

fn config(database: &Database, port: u16, sockets: &std::path::Path, pool_size: u32) -> String {
    let (name, password) = (&database.user, &database.password);
    let (postgres, socket) = (database.port, sockets.join(".s.PGSQL.1"));
    let socket = socket.display();
    format!(
        r#"
[node]
workers = 2

[console]
admin_users = ["olga"]
stats_users = ["stan"]

[[console.user]]
name = "olga"
secret = "olga-password"

[[console.user]]
name = "stan"
secret = "stan-password"

[[listener]]
name = "main"
address = "127.0.0.1:{port}"
console = true

[[listener]]
name = "console"
address = "{socket}"
console = true

[[tenant]]
name = "acme"
pool_size = {pool_size}

[[tenant.endpoint]]
host = "127.0.0.1"
port = {postgres}

[[tenant.user]]
name = "{name}"
secret = "{password}"
"#
    )
}

/// The fields of the first row that begins like this.
fn row(rows: &str, start: &str) -> Option<Vec<String>> {
    let row = rows.lines().find(|row| row.starts_with(start))?;
    Some(row.split('|').map(str::to_owned).collect())
}

#[tokio::test]
async fn a_client_is_seen_by_every_show() {
    let Some(node) = Node::start() else { return };
    let (client, _driving) = node.client().await;
    client
        .batch_execute("begin; select pg_backend_pid()")
        .await
        .unwrap();
    let version = concat!("Tidegate ", env!("CARGO_PKG_VERSION"));
    assert_eq!(node.ask("SHOW VERSION;"), version);

    let database = format!("acme.{}", node.database.name);
    let user = &node.database.user;
    let pools = node.ask("SHOW POOLS");
    let pool = row(&pools, &format!("{database}|{user}|1|0|0|0|1|0|0|0|")).expect(&pools);
    assert_eq!(pool[15], "transaction");
    row(&pools, "pgbouncer|pgbouncer|1|0|").expect(&pools);

    let clients = node.ask("SHOW CLIENTS");
    let seen = row(
        &clients,
        &format!("C|{user}|{database}|none|active|127.0.0.1|"),
    );
    let seen = seen.expect(&clients);
    assert_eq!(seen[7..9], ["127.0.0.1", &node.port.to_string()]);
    assert_eq!(seen[18], "a_client");
    row(&clients, "C|olga|pgbouncer|none|active|unix|0|").expect(&clients);

    let servers = node.ask("SHOW SERVERS");
    let server = row(
        &servers,
        &format!("S|{user}|{database}|none|active|127.0.0.1|"),
    );
    let server = server.expect(&servers);
    assert_eq!(server[6], node.database.port.to_string());
    assert_eq!(
        (&server[14], &server[15]),
        (&seen[15], &seen[14]),
        "linked both ways"
    );
    let pid = client.query_one("select pg_backend_pid()", &[]).await;
    assert_eq!(
        server[16],
        pid.unwrap().get::<_, i32>(0).to_string(),
        "remote_pid"
    );
}

#[tokio::test]
async fn what_a_client_did_is_counted_and_what_it_holds_is_seen() {
    let Some(node) = Node::start() else { return };
    let (client, _driving) = node.client().await;
    client.batch_execute("begin; select 1").await.unwrap();
    let (database, user) = (format!("acme.{}", node.database.name), &node.database.user);
    client.batch_execute("commit").await.unwrap();
    let counted = |rows: &str| row(rows, &format!("{database}|"));
    let totals = polling::until("the commit in the counters", LIMIT, || {
        let totals = counted(&node.ask("SHOW STATS_TOTALS")).expect("a row of the database");
        Ok((totals[2] == "1").then_some(totals))
    });
    let totals: Vec<u64> = totals.unwrap()[1..]
        .iter()
        .map(|number| number.parse().unwrap())
        .collect();
    assert!(
        totals[2] >= 2 && totals[3] > 0 && totals[4] > 0,
        "{totals:?}"
    );
    let stats = counted(&node.ask("SHOW STATS")).unwrap();
    assert_eq!(stats.len(), 23);
    assert_eq!(stats[2], "1");
    let databases = node.ask("SHOW DATABASES");
    let held = counted(&databases).expect(&databases);
    assert_eq!(
        held[1..4],
        [
            "127.0.0.1",
            &node.database.port.to_string(),
            &node.database.name
        ]
    );
    assert_eq!((&*held[5], &*held[12], &*held[14]), ("7", "1", "1"));
    row(&node.ask("SHOW LISTS"), "used_clients|2").unwrap();
    row(&node.ask("SHOW USERS"), &format!("{user}.acme|||")).unwrap();
    row(&node.ask("SHOW CONFIG"), "max_client_conn|1000|1000|yes").unwrap();
}

#[test]
fn who_may_not_is_refused() {
    let Some(node) = Node::start() else { return };
    let psql = node.cluster.binaries();
    let stats = node.console("stan");
    assert!(psql.psql(&stats, "SHOW POOLS").is_ok());
    for command in ["RELOAD", "KILL_CLIENT 1", "SET max_client_conn = 1"] {
        let said = node.refused("stan", command);
        assert!(
            said.contains("ERROR:  08P01: admin access needed"),
            "{said}"
        );
    }
    let wrong = stats.replace("stan-password", "olga-password");
    let said = psql.psql(&wrong, "SHOW POOLS").unwrap_err().to_string();
    assert!(said.contains("password authentication failed"), "{said}");
    let said = node.refused("nobody", "SHOW POOLS");
    assert!(said.contains("password authentication failed"), "{said}");
    let said = node.refused("olga", "SHOW ME;");
    assert!(
        said.contains("ERROR:  08P01: invalid command 'SHOW ME;', use SHOW HELP;"),
        "{said}"
    );
}

#[test]
fn a_reload_from_the_console_is_the_reload_of_sighup() {
    let Some(node) = Node::start() else { return };
    let path = node.pooler.folder().join("tidegate.toml");
    let write = |pool_size, more: &str| {
        let config = config(&node.database, node.port, &node.socket_folder, pool_size);
        std::fs::write(&path, format!("{config}{more}")).unwrap();
    };
    write(9, "");
    node.ask("RELOAD;");
    node.pooler.wait_for_log("configuration reloaded").unwrap();
    node.pooler.wait_for_log("tenant acme: pool_size").unwrap();

    write(11, "nonsense = 1\n");
    let said = node.refused("olga", "RELOAD");
    assert!(said.contains("F0000: RELOAD failed, see logs"), "{said}");
    assert!(said.contains("tidegate.toml:"), "{said}");
    assert!(said.contains("nonsense"), "{said}");
    node.pooler.wait_for_log("reload refused").unwrap();
}

#[tokio::test]
async fn kill_client_ends_that_client() {
    let Some(node) = Node::start() else { return };
    let (client, _driving) = node.client().await;
    let (other, _driving_other) = node.client().await;
    client.simple_query("select 1").await.unwrap();
    other.simple_query("select 1").await.unwrap();
    let clients = node.ask("SHOW CLIENTS");
    let id = row(&clients, &format!("C|{}|", node.database.user)).expect(&clients)[20].clone();
    assert!(
        node.refused("olga", "KILL_CLIENT 2147483647")
            .contains("client not found")
    );
    node.ask(&format!("KILL_CLIENT {id}"));
    // The first of the two is the one that came first.
    assert!(client.simple_query("select 1").await.is_err());
    other.simple_query("select 1").await.unwrap();
}

#[tokio::test]
async fn a_driver_that_prepares_and_wants_binary_results_is_answered() {
    let Some(node) = Node::start() else { return };
    let port = node.port;
    let dsn =
        format!("host=127.0.0.1 port={port} dbname=tidegate user=stan password=stan-password");
    let (console, _driving) = connect(&dsn).await;
    let pools = console.query("SHOW POOLS;", &[]).await.unwrap();
    let own = pools.last().unwrap();
    assert_eq!(own.get::<_, &str>("database"), "pgbouncer");
    assert_eq!(own.get::<_, i32>("cl_active"), 1);
    assert_eq!(own.get::<_, Option<&str>>("load_balance_hosts"), None);
    let statement = console.prepare("SHOW LISTS").await.unwrap();
    for _ in 0..2 {
        let lists = console.query(&statement, &[]).await.unwrap();
        assert_eq!(lists.len(), 14);
        assert_eq!(lists[3].get::<_, &str>("list"), "pools");
    }
    let error = console.query("RELOAD", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::PROTOCOL_VIOLATION));
    assert!(console.query("SHOW VERSION", &[]).await.is_ok());
}

#[test]
fn psql_tells_who_and_where_it_is() {
    let Some(node) = Node::start() else { return };
    let said = node.ask("\\conninfo");
    assert!(
        said.contains("pgbouncer") && said.contains("olga"),
        "{said}"
    );
    let line = node.pooler.wait_for_log("console session ended").unwrap();
    for part in ["client=unix(", "user=\"olga\"", "reason=\"terminated\""] {
        assert!(line.contains(part), "{line}");
    }
}
