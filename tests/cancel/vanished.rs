//! What becomes of the query of a client that is not there any more.

use std::fs;
use std::process::Command;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::polling;
use tidegate_harness::wire;

use crate::LIMIT;
use crate::Lock;
use crate::WAITS;
use crate::pool_of;
use crate::until_waiting;

#[test]
fn the_query_of_a_client_that_vanishes_is_cancelled_and_its_server_lent_to_nobody() {
    for pool in ["pool_size = 1", "pool_size = 1\npool_mode = \"session\""] {
        let configure = |config: &mut PoolerConfig| config.pool = pool.to_owned();
        let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
            return;
        };
        let _lock = Lock::hold(&pooled);
        for in_front in ["", "begin; ", "create temp table mine (id int); "] {
            let mut vanishing = pooled.connect().unwrap();
            let server = vanishing.query("select pg_backend_pid()").unwrap();
            let sql = format!("{in_front}{WAITS}");
            vanishing.send(&wire::query(&sql).unwrap()).unwrap();
            until_waiting(&pooled, "1");
            drop(vanishing);
            until_waiting(&pooled, "0");
            let mut next = pooled.connect().unwrap();
            let sql = "select 'clean', pg_backend_pid(), to_regclass('pg_temp.mine') is null";
            let row = next.query(sql).unwrap();
            let fields: Vec<&str> = row.split('|').collect();
            assert_eq!((fields[0], fields[2]), ("clean", "t"));
            assert_ne!(fields[1], server, "{in_front}");
        }
    }
}

#[test]
fn a_query_that_its_server_reads_only_after_the_cancel_request_does_not_run_on() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let _lock = Lock::hold(&pooled);
    let mut vanishing = pooled.connect().unwrap();
    let server = vanishing.query("select pg_backend_pid()").unwrap();
    signal("-STOP", &server);
    vanishing.send(&wire::query(WAITS).unwrap()).unwrap();
    drop(vanishing);
    // The first request finds a server that has nothing to do yet.
    let signaled = || pending_signals(&server) != 0;
    polling::until_true("a signal for the server", LIMIT, signaled).unwrap();
    signal("-CONT", &server);
    until_gone(&pooled, &server);
}

#[test]
fn what_a_client_that_vanishes_had_said_behind_its_query_does_not_run_on_either() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let _lock = Lock::hold(&pooled);
    let mut vanishing = pooled.connect().unwrap();
    let server = vanishing.query("select pg_backend_pid()").unwrap();
    let both = [wire::query(WAITS).unwrap(), wire::query(WAITS).unwrap()];
    vanishing.send(&both.concat()).unwrap();
    until_waiting(&pooled, "1");
    drop(vanishing);
    until_gone(&pooled, &server);
}

fn until_gone(pooled: &PooledDatabase, server: &str) {
    let sql = format!("select count(*) from pg_stat_activity where pid = {server}");
    let has_gone = || pooled.admin(&sql).unwrap() == "0";
    polling::until_true("the end of the server", LIMIT, has_gone).unwrap();
}

/// Sends a signal to a server of the database's.
fn signal(name: &str, process_id: &str) {
    let sent = Command::new("kill").args([name, process_id]).status();
    assert!(sent.unwrap().success());
}

/// The signals that wait for a process, of those that it has, as a bit mask.
fn pending_signals(process_id: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    u64::from_str_radix(mask.unwrap().trim(), 16).unwrap()
}
