//! What becomes of the query of a client that is not there any more.

use std::fs;
use std::io;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::polling;
use tidegate_harness::wire;

use crate::LIMIT;
use crate::Lock;
use crate::WAITS;
use crate::begin_to_wait;
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

#[test]
fn what_runs_is_cancelled_though_the_way_to_the_server_has_broken_and_it_knows_nothing_of_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let configure = |config: &mut PoolerConfig| {
        config.endpoint_port = Some(port);
        config.pool = "pool_size = 1".to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let ways = pass_on(listener, pooled.database.port);
    let _lock = Lock::hold(&pooled);
    let mut client = pooled.connect().unwrap();
    begin_to_wait(&pooled, &mut client);
    let (to_pooler, _to_server) = ways.recv().unwrap();
    to_pooler.shutdown(Shutdown::Both).unwrap();
    until_waiting(&pooled, "0");
}

/// Passes on to Postgres, and gives out both ends of each way: a server hears nothing of the end of its own.
fn pass_on(listener: TcpListener, server_port: u16) -> Receiver<(TcpStream, TcpStream)> {
    let (sender, ways) = mpsc::channel();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut server = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
            let [mut from_server, to_server] = [(); 2].map(|()| server.try_clone().unwrap());
            let [mut to_client, way] = [(); 2].map(|()| client.try_clone().unwrap());
            sender.send((way, to_server)).ok();
            thread::spawn(move || io::copy(&mut client, &mut server));
            thread::spawn(move || {
                io::copy(&mut from_server, &mut to_client).ok();
                to_client.shutdown(Shutdown::Both).ok();
            });
        }
    });
    ways
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
