//! Real drivers, unmodified, through a Tidegate whose replica lags: each raises a counter and reads it.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use tidegate_harness::Failure;
use tidegate_harness::programs;
use tidegate_harness::skip;

use crate::stage::Plan;
use crate::stage::Stage;

const LAG: Duration = Duration::from_millis(80);

/// What a program prints last if it has seen everything.
const END: &str = "the tour is over\n";

/// The counters of the drivers.
const PLAN: Plan<'_> = Plan {
    nodes: &[&[20, 0]],
    sql: "insert into counters select n, 0 from generate_series(1, 7) n",
    ..Plan::SMALL
};

/// Runs a program that takes the counter and the port of the replica last.
fn reads_what_it_writes(
    program: &str,
    key: &str,
    pool: &str,
    arguments: impl FnOnce(&Stage) -> Vec<String>,
    run: impl FnOnce(&Path, &[&str]) -> Result<String, Failure>,
) {
    let Some(stage) = (Plan { pool, ..PLAN }).stage() else {
        return;
    };
    stage.clusters[1].delay_replay(LAG).unwrap();
    stage.until_read_at(0, 1);
    let mut arguments = arguments(&stage);
    arguments.extend([key.to_owned(), stage.port(1)]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/drivers");
    let taken = run(&folder.join(program), &arguments);
    if let Err(Failure::Missing { program }) = &taken {
        skip::tell(program);
    }
    if let Some(said) = skip::unless(taken) {
        assert!(said.ends_with(END), "{said}");
    }
}

fn url(stage: &Stage) -> Vec<String> {
    vec![stage.database.url_through(stage.nodes[0].server.port())]
}

fn dsn(stage: &Stage) -> Vec<String> {
    let (database, port) = (&stage.database, stage.nodes[0].server.port());
    vec![database.dsn_through(port, &database.user)]
}

/// What the program does with its counter, and where.
fn jdbc(scope: &str, stage: &Stage) -> Vec<String> {
    let (database, port) = (&stage.database, stage.nodes[0].server.port());
    let url = format!("jdbc:postgresql://127.0.0.1:{port}/{}", database.name);
    let (user, password) = (database.user.clone(), database.password.clone());
    vec![scope.to_owned(), url, user, password]
}

#[test]
fn psycopg_reads_what_it_writes() {
    reads_what_it_writes("psycopg_reads.py", "1", "", dsn, programs::python);
}

#[test]
fn asyncpg_reads_what_it_writes() {
    reads_what_it_writes("asyncpg_reads.py", "2", "", url, programs::python);
}

#[test]
fn node_postgres_reads_what_it_writes() {
    reads_what_it_writes("node/pg_reads.cjs", "3", "", url, programs::node);
}

#[test]
fn pgjdbc_reads_what_it_writes() {
    let arguments = |stage: &Stage| jdbc("statements", stage);
    reads_what_it_writes("java/Reads.java", "4", "", arguments, programs::java);
}

/// Blocks begin where their first statement says.
const FIRST_STATEMENT: &str = "transaction_routing = \"first_statement\"";

#[test]
fn psycopg_without_autocommit_reads_at_the_replica_and_writes_at_the_primary() {
    let program = "psycopg_blocks.py";
    reads_what_it_writes(program, "5", FIRST_STATEMENT, dsn, programs::python);
}

#[test]
fn asyncpg_in_transactions_reads_at_the_replica_and_writes_at_the_primary() {
    let program = "asyncpg_blocks.py";
    reads_what_it_writes(program, "6", FIRST_STATEMENT, url, programs::python);
}

#[test]
fn pgjdbc_without_autocommit_reads_at_the_replica_and_writes_at_the_primary() {
    let (program, arguments) = ("java/Reads.java", |stage: &Stage| jdbc("blocks", stage));
    reads_what_it_writes(program, "7", FIRST_STATEMENT, arguments, programs::java);
}
