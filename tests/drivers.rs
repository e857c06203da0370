//! Real drivers, unmodified, through Tidegate: each takes a tour of what applications do with it.
//!
//! A tour checks every row that it gets. It is first shown to hold for PostgreSQL itself; then it is
//! taken in transaction mode, where its eight clients share three servers, and in session mode.
#![cfg(test)]

mod drivers {
    pub(crate) mod sqlx_tour;
    pub(crate) mod tokio_postgres_tour;
}

use std::path::Path;
use std::path::PathBuf;
use std::thread;

use tidegate_harness::Database;
use tidegate_harness::Failure;
use tidegate_harness::PooledDatabase;
use tidegate_harness::programs;
use tidegate_harness::skip;
use tokio::task::LocalSet;

use self::drivers::sqlx_tour;
use self::drivers::tokio_postgres_tour;

/// Pool modes, and how many servers a pool has. A session keeps its server, so that there all
/// clients of a tour must have one.
const POOLS: [(&str, u32); 2] = [("transaction", 3), ("session", 12)];

/// What a program prints last if it has seen everything.
const END: &str = "the tour is over\n";

fn open(mode: &str, pool_size: u32) -> Option<PooledDatabase> {
    let pool = format!("pool_mode = \"{mode}\"\npool_size = {pool_size}");
    PooledDatabase::start(|config| {
        config.pool = pool;
        // More log in at once than one address usually may.
        config.node = "max_unauthenticated_per_address = 1000".to_owned();
    })
    .unwrap()
}

/// Takes a tour to PostgreSQL and through Tidegate in both pool modes.
fn takes_its_tour(tour: impl Fn(&Database, u16)) {
    for (mode, pool_size) in POOLS {
        let Some(pooled) = open(mode, pool_size) else {
            return;
        };
        if mode == "transaction" {
            tour(&pooled.database, pooled.database.port);
        }
        tour(&pooled.database, pooled.port());
    }
}

/// Runs the program of a driver; says so if the machine lacks what it needs.
fn run(
    program: &str,
    arguments: &[&str],
    with: impl Fn(&Path, &[&str]) -> Result<String, Failure>,
) -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/drivers");
    let taken = with(&folder.join(program), arguments);
    if let Err(Failure::Missing { program }) = &taken {
        skip::tell(program);
    }
    skip::unless(taken)
}

fn node(program: &str, database: &Database, port: u16) {
    let url = database.url_through(port);
    if let Some(said) = run(program, &[&url], programs::node) {
        assert!(said.ends_with(END), "{said}");
    }
}

fn psycopg(database: &Database, port: u16) {
    let dsn = database.dsn_through(port, &database.user);
    if let Some(said) = run("psycopg_tour.py", &[&dsn], programs::python) {
        assert!(said.ends_with("drop table ok\n"), "{said}");
    }
}

/// A local task drives each connection, as its application would.
fn local(tour: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    LocalSet::new().block_on(&runtime.unwrap(), tour);
}

#[test]
fn psycopg_takes_its_tour() {
    takes_its_tour(psycopg);
}

#[test]
fn psycopg_takes_eight_tours_at_once() {
    // Some steps hold a server while they wait for a second one.
    let Some(pooled) = open("transaction", 16) else {
        return;
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| psycopg(&pooled.database, pooled.port()));
        }
    });
}

#[test]
fn asyncpg_takes_its_tour() {
    takes_its_tour(|database, port| {
        let url = database.url_through(port);
        if let Some(said) = run("asyncpg_tour.py", &[&url], programs::python) {
            assert!(said.ends_with(END), "{said}");
        }
    });
}

#[test]
fn node_postgres_takes_its_tour() {
    takes_its_tour(|database, port| node("node/pg_tour.cjs", database, port));
}

#[test]
fn postgres_js_takes_its_tour() {
    takes_its_tour(|database, port| node("node/postgres_tour.cjs", database, port));
}

#[test]
fn pgjdbc_takes_its_tour() {
    takes_its_tour(|database, port| {
        let url = format!("jdbc:postgresql://127.0.0.1:{port}/{}", database.name);
        let arguments = [&url, &database.user, &database.password].map(String::as_str);
        if let Some(said) = run("java/Tour.java", &arguments, programs::java) {
            assert!(said.ends_with(END), "{said}");
        }
    });
}

#[test]
fn tokio_postgres_takes_its_tour() {
    takes_its_tour(|database, port| {
        local(tokio_postgres_tour::take(&database.url_through(port)));
    });
}

#[test]
fn sqlx_takes_its_tour() {
    takes_its_tour(|database, port| local(sqlx_tour::take(&database.url_through(port))));
}
