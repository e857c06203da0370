//! psql and pgbench, PostgreSQL's own programs, through Tidegate.
#![cfg(test)]

use std::path::PathBuf;

use tidegate_harness::Cluster;
use tidegate_harness::PooledDatabase;

const MODES: [&str; 2] = ["transaction", "session"];

/// What pgbench does in its every mode: a pipeline, between statements outside of it.
const PIPELINE: &str = "\
\\set id random(1, 1000)
begin;
\\startpipeline
update pgbench_accounts set abalance = abalance + 1 where aid = :id;
select abalance from pgbench_accounts where aid = :id;
insert into pgbench_history (tid, bid, aid, delta, mtime) values (1, 1, :id, 1, now());
\\endpipeline
commit;
select abalance from pgbench_accounts where aid = :id \\gset
";

/// A database behind a Tidegate with five servers, with the tables of pgbench; they are filled by
/// COPY through it.
fn filled(mode: &str) -> Option<PooledDatabase> {
    let pooled = open(mode)?;
    bench(&pooled, &["-i", "-q", "-s", "1"]);
    assert_eq!(
        pooled
            .psql("select count(*) from pgbench_accounts")
            .unwrap(),
        "100000"
    );
    Some(pooled)
}

fn open(mode: &str) -> Option<PooledDatabase> {
    let pool = format!("pool_mode = \"{mode}\"\npool_size = 5");
    PooledDatabase::start(|config| config.pool = pool).unwrap()
}

fn bench(pooled: &PooledDatabase, arguments: &[&str]) -> String {
    let binaries = pooled.cluster().binaries();
    binaries.pgbench(&pooled.dsn(), arguments).unwrap()
}

/// Runs pgbench until so many transactions are done.
fn runs(pooled: &PooledDatabase, arguments: &[&str], transactions: u32) {
    let report = bench(pooled, arguments);
    let processed = format!("actually processed: {transactions}/{transactions}");
    assert!(report.contains(&processed), "{arguments:?}: {report}");
    let failed = "number of failed transactions: 0 ";
    assert!(report.contains(failed), "{arguments:?}: {report}");
}

/// The sum of all balances is what was booked, and so much was booked.
fn assert_booked(pooled: &PooledDatabase, transactions: u32) {
    let balance = "select (select sum(abalance) from pgbench_accounts) = \
                   (select sum(delta) from pgbench_history), \
                   (select count(*) from pgbench_history)";
    let booked = format!("t|{transactions}");
    assert_eq!(pooled.psql(balance).unwrap(), booked);
}

#[test]
fn pgbench_runs_in_every_query_mode_and_pool_mode() {
    for mode in MODES {
        let Some(pooled) = filled(mode) else { return };
        for query_mode in ["simple", "extended", "prepared"] {
            let arguments = ["-n", "-c", "5", "-t", "100", "-M", query_mode];
            runs(&pooled, &arguments, 500);
        }
        assert_booked(&pooled, 1500);
    }
}

#[test]
fn pgbench_may_connect_anew_for_each_transaction() {
    for mode in MODES {
        let Some(pooled) = filled(mode) else { return };
        for query_mode in ["simple", "extended", "prepared"] {
            let arguments = ["-n", "-C", "-c", "4", "-t", "10", "-M", query_mode];
            runs(&pooled, &arguments, 40);
        }
        assert_booked(&pooled, 120);
    }
}

#[test]
fn pgbench_with_more_clients_than_servers_loses_no_transaction() {
    let Some(pooled) = filled("transaction") else {
        return;
    };
    // In prepared mode all clients of a thread wait while one of them prepares, even those that hold
    // a server in a transaction: more clients than servers would never end.
    for query_mode in ["simple", "extended"] {
        let arguments = ["-n", "-c", "40", "-j", "2", "-t", "25", "-M", query_mode];
        runs(&pooled, &arguments, 1000);
    }
    assert_booked(&pooled, 2000);
    let log = pooled.pooler.log_lines();
    let is_bad = |line: &&String| line.contains("ERROR") || line.contains("WARN");
    assert_eq!(log.iter().find(is_bad), None);
    let servers = "select count(*) <= 5 from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
    assert_eq!(pooled.admin(servers).unwrap(), "t");
}

#[test]
fn pgbench_sends_pipelines() {
    for mode in MODES {
        let Some(pooled) = filled(mode) else { return };
        let script = pooled.pooler.folder().join("pipeline.sql");
        std::fs::write(&script, PIPELINE).unwrap();
        let script = script.to_str().unwrap();
        for (reconnects, query_mode) in [
            (None, "extended"),
            (None, "prepared"),
            (Some("-C"), "extended"),
            (Some("-C"), "prepared"),
        ] {
            let mut arguments = vec!["-n", "-c", "5", "-t", "20", "-M", query_mode, "-f", script];
            arguments.extend(reconnects);
            runs(&pooled, &arguments, 100);
        }
        assert_booked(&pooled, 400);
    }
}

#[test]
fn pgbench_fills_its_tables_in_every_way() {
    for mode in MODES {
        let Some(pooled) = filled(mode) else { return };
        // By the server, with vacuum and foreign keys, in partitions.
        bench(&pooled, &["-i", "-q", "-I", "dtGvpf", "--partitions", "3"]);
        runs(&pooled, &["-n", "-c", "2", "-t", "10"], 20);
        assert_booked(&pooled, 20);
    }
}

#[test]
fn psql_copies_in_and_out_and_reads_large_results() {
    for mode in MODES {
        let Some(pooled) = open(mode) else { return };
        let psql = |sql: &str| pooled.psql(sql).unwrap();
        let rows = "create table big as select g as id, repeat('x', 1000) as text \
                    from generate_series(1, 5000) g; select count(*) from big";
        assert_eq!(psql(rows), "5000", "{mode}");
        assert_eq!(psql("copy big to stdout").lines().count(), 5000, "{mode}");
        assert_eq!(psql("copy (select 1) to stdout"), "1", "{mode}");
        assert_eq!(psql("select repeat('y', 3000000)").len(), 3_000_000);
    }
}

/// What psql prints on its tour: its output, then its errors.
fn psql_tour(cluster: &Cluster, dsn: &str) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/drivers/psql/tour.sql");
    let mut command = cluster.binaries().command("psql");
    // It shows the name of the script in its errors.
    command.current_dir(script.parent().unwrap());
    command.args(["-X", "-d", dsn, "-f", "tour.sql"]);
    let output = command.output().unwrap();
    let (rows, errors) = (output.stdout, output.stderr);
    let said = String::from_utf8([rows, b"\n--- errors\n".to_vec(), errors].concat()).unwrap();
    // `\watch` prints the time, and a notification the process that sent it.
    let lines = said.lines().filter(|line| !line.ends_with("(every 0.01s)"));
    let lines = lines.map(|line| line.split(" from server process").next().unwrap_or(line));
    lines.collect::<Vec<&str>>().join("\n")
}

#[test]
fn psql_prints_what_it_prints_without_tidegate() {
    for mode in MODES {
        let Some(pooled) = open(mode) else { return };
        let direct = psql_tour(pooled.cluster(), &pooled.database.dsn());
        let pooled = psql_tour(pooled.cluster(), &pooled.dsn());
        for (number, (line, expected)) in pooled.lines().zip(direct.lines()).enumerate() {
            assert_eq!(line, expected, "{mode}: line {}", number + 1);
        }
        assert_eq!(pooled, direct, "{mode}");
        // It has come to its end, and no command of it was unknown.
        assert!(direct.contains("\nDROP SCHEMA\n"), "{direct}");
        assert!(!direct.contains("invalid command"), "{direct}");
    }
}
