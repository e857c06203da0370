//! Real drivers and PostgreSQL's own programs, unmodified, through Tidegate.
//!
//! What a driver test expects is first shown to hold for PostgreSQL itself.
#![cfg(test)]

mod gate;

use std::path::PathBuf;
use std::thread;

use tokio::task::LocalSet;
use tokio::task::spawn_local;
use tokio_postgres::Client;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use tidegate_harness::Failure;
use tidegate_harness::programs;
use tidegate_harness::skip;

use self::gate::Gate;

const MODES: [&str; 2] = ["transaction", "session"];

fn open(mode: &str) -> Option<Gate> {
    Gate::open(&format!("pool_mode = \"{mode}\"\npool_size = 5"), "", "")
}

fn through(gate: &Gate) -> String {
    gate.dsn_through(gate.port)
}

fn psql(gate: &Gate, sql: &str) -> String {
    gate.psql_through(gate.port, sql).unwrap()
}

fn psycopg(dsn: &str) -> Option<Result<String, Failure>> {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/drivers/psycopg_tour.py");
    match programs::python(&program, &[dsn]) {
        Err(Failure::Missing { program }) => {
            skip::unless(Err::<(), Failure>(Failure::Missing { program }));
            skip::tell("Python with psycopg");
            None
        },
        other => Some(other),
    }
}

#[test]
fn psycopg_takes_its_tour_through_postgres_itself() {
    let Some(gate) = open("transaction") else {
        return;
    };
    let Some(tour) = psycopg(&gate.database.dsn()) else {
        return;
    };
    assert!(tour.unwrap().ends_with("drop table ok\n"));
}

#[test]
fn psycopg_takes_its_tour_in_every_pool_mode() {
    for mode in MODES {
        let Some(gate) = open(mode) else { return };
        let Some(tour) = psycopg(&through(&gate)) else {
            return;
        };
        assert!(tour.unwrap().ends_with("drop table ok\n"), "{mode}");
    }
}

#[test]
fn psycopg_takes_eight_tours_at_once_on_five_servers() {
    let Some(gate) = open("transaction") else {
        return;
    };
    let dsn = through(&gate);
    thread::scope(|scope| {
        let tours: Vec<_> = (0..8).map(|_| scope.spawn(|| psycopg(&dsn))).collect();
        for tour in tours {
            if let Some(tour) = tour.join().unwrap() {
                tour.unwrap();
            }
        }
    });
}

#[test]
fn pgbench_runs_in_every_query_mode_and_pool_mode() {
    for mode in MODES {
        let Some(gate) = open(mode) else { return };
        let (binaries, dsn) = (gate.cluster.binaries(), through(&gate));
        binaries.pgbench(&dsn, &["-i", "-q", "-s", "1"]).unwrap();
        for query_mode in ["simple", "extended", "prepared"] {
            let arguments = ["-n", "-c", "5", "-t", "100", "-M", query_mode];
            let report = binaries.pgbench(&dsn, &arguments).unwrap();
            assert!(
                report.contains("actually processed: 500/500"),
                "{mode}: {report}"
            );
            assert!(
                !report.contains("failed transactions: 1"),
                "{mode}: {report}"
            );
        }
        let balance = "select (select sum(abalance) from pgbench_accounts) = \
                       (select sum(delta) from pgbench_history), \
                       (select count(*) from pgbench_history)";
        assert_eq!(psql(&gate, balance), "t|1500", "{mode}");
    }
}

#[test]
fn pgbench_with_more_clients_than_servers_loses_no_transaction() {
    let Some(gate) = open("transaction") else {
        return;
    };
    let (binaries, dsn) = (gate.cluster.binaries(), through(&gate));
    binaries.pgbench(&dsn, &["-i", "-q", "-s", "1"]).unwrap();
    for query_mode in ["simple", "extended"] {
        let arguments = ["-n", "-c", "40", "-j", "2", "-t", "25", "-M", query_mode];
        let report = binaries.pgbench(&dsn, &arguments).unwrap();
        assert!(report.contains("actually processed: 1000/1000"), "{report}");
    }
    assert_eq!(psql(&gate, "select count(*) from pgbench_history"), "2000");
    let log = gate.pooler.log_lines();
    assert!(
        !log.iter()
            .any(|line| line.contains("ERROR") || line.contains("WARN")),
        "{log:?}"
    );
    let servers = "select count(*) <= 5 from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
    assert_eq!(
        gate.cluster.psql_in(&gate.database.name, servers).unwrap(),
        "t"
    );
}

#[test]
fn pgbench_may_connect_anew_for_each_transaction() {
    for mode in MODES {
        let Some(gate) = open(mode) else { return };
        let (binaries, dsn) = (gate.cluster.binaries(), through(&gate));
        binaries.pgbench(&dsn, &["-i", "-q", "-s", "1"]).unwrap();
        let report = binaries
            .pgbench(&dsn, &["-n", "-S", "-C", "-c", "4", "-t", "10"])
            .unwrap();
        assert!(
            report.contains("actually processed: 40/40"),
            "{mode}: {report}"
        );
    }
}

#[test]
fn psql_copies_in_and_out_and_reads_large_results() {
    for mode in MODES {
        let Some(gate) = open(mode) else { return };
        let rows = "create table big as select g as id, repeat('x', 1000) as text \
                    from generate_series(1, 5000) g; select count(*) from big";
        assert_eq!(psql(&gate, rows), "5000", "{mode}");
        let out = psql(&gate, "copy big to stdout");
        assert_eq!(out.lines().count(), 5000, "{mode}");
        let copied = psql(&gate, "copy (select 1) to stdout");
        assert_eq!(copied, "1", "{mode}");
        assert_eq!(
            psql(&gate, "select repeat('y', 3000000)").len(),
            3_000_000,
            "{mode}"
        );
    }
}

/// Connects with tokio-postgres; the connection is driven by a local task until it ends.
async fn connect(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
    // Its end is the client's end; an error shows in the client's next call.
    spawn_local(async move { connection.await.ok() });
    client
}

/// tokio-postgres knows no `gssencmode`.
fn without_gssencmode(dsn: &str) -> String {
    dsn.replace(" gssencmode=disable", "")
}

async fn tokio_postgres_tour(dsn: &str) {
    let mut client = connect(dsn).await;
    client
        .batch_execute("create table t (id int primary key, name text)")
        .await
        .unwrap();
    let insert = client
        .prepare("insert into t values ($1, $2)")
        .await
        .unwrap();
    for id in 0..20_i32 {
        client
            .execute(&insert, &[&id, &format!("row {id}")])
            .await
            .unwrap();
    }
    // tokio-postgres sends what is awaited together as one pipeline.
    let select = client
        .prepare("select name from t where id = $1")
        .await
        .unwrap();
    let (first, second) = tokio::join!(
        client.query_one(&select, &[&1_i32]),
        client.query_one(&select, &[&2_i32])
    );
    assert_eq!(first.unwrap().get::<_, String>(0), "row 1");
    assert_eq!(second.unwrap().get::<_, String>(0), "row 2");
    let transaction = client.transaction().await.unwrap();
    transaction.execute("delete from t", &[]).await.unwrap();
    transaction.rollback().await.unwrap();
    let twice = client
        .execute(&insert, &[&1_i32, &"twice"])
        .await
        .unwrap_err();
    assert_eq!(twice.code(), Some(&SqlState::UNIQUE_VIOLATION));
    let count = client
        .query_one("select count(*) from t", &[])
        .await
        .unwrap();
    assert_eq!(count.get::<_, i64>(0), 20);
    let cancel = client.cancel_token();
    let query = client.batch_execute("select pg_sleep(30)");
    let (answer, cancelled) = tokio::join!(query, cancel_when_running(dsn, &cancel));
    cancelled.unwrap();
    assert_eq!(answer.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    client.batch_execute("drop table t").await.unwrap();
}

async fn cancel_when_running(
    dsn: &str,
    token: &tokio_postgres::CancelToken,
) -> Result<(), tokio_postgres::Error> {
    let other = connect(dsn).await;
    let running = "select count(*) from pg_stat_activity \
                   where query = 'select pg_sleep(30)' and datname = current_database()";
    while other.query_one(running, &[]).await?.get::<_, i64>(0) == 0 {}
    token.cancel_query(NoTls).await
}

#[tokio::test]
async fn tokio_postgres_takes_its_tour_through_postgres_itself() {
    let Some(gate) = open("transaction") else {
        return;
    };
    let dsn = without_gssencmode(&gate.database.dsn());
    LocalSet::new().run_until(tokio_postgres_tour(&dsn)).await;
}

#[tokio::test]
async fn tokio_postgres_takes_its_tour_in_every_pool_mode() {
    for mode in MODES {
        let Some(gate) = open(mode) else { return };
        let dsn = without_gssencmode(&through(&gate));
        LocalSet::new().run_until(tokio_postgres_tour(&dsn)).await;
    }
}
