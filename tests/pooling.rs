//! Sharing servers: who gets one, when it goes back, and that nobody sees what another left.
#![cfg(test)]

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

fn pool_of(size: u32) -> impl FnOnce(&mut PoolerConfig) {
    move |config| config.pool = format!("pool_size = {size}")
}

fn session_pool_of(size: u32) -> impl FnOnce(&mut PoolerConfig) {
    move |config| config.pool = format!("pool_mode = \"session\"\npool_size = {size}")
}

fn process_id(client: &mut Wire) -> String {
    client.query("select pg_backend_pid()").unwrap()
}

/// How many servers the owner of the database has open.
fn server_count(pooled: &PooledDatabase) -> String {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() \
               and pid <> pg_backend_pid()";
    pooled.admin(sql).unwrap()
}

#[test]
fn thirty_clients_share_four_servers_and_each_gets_its_own_rows() {
    let Some(pooled) = PooledDatabase::start(pool_of(4)).unwrap() else {
        return;
    };
    let work = |client_number: u32| {
        let mut client = pooled.connect().unwrap();
        let mut servers = BTreeSet::new();
        for round in 0..20 {
            let canary = format!("canary {client_number} of round {round}");
            let sql = format!("begin; select '{canary}'; select pg_backend_pid(); commit");
            let rows = client.query(&sql).unwrap();
            let (seen, server) = rows.split_once('\n').unwrap();
            assert_eq!(seen, canary);
            servers.insert(server.to_owned());
            let extended = [
                wire::parse("", "select $1::text || repeat('.', 5000)").unwrap(),
                wire::bind("", "", &[&canary]).unwrap(),
                wire::execute("").unwrap(),
                wire::sync(),
            ];
            client.send(&extended.concat()).unwrap();
            let rows = client.rows().unwrap();
            assert_eq!(rows.trim_end_matches('.'), canary);
        }
        servers
    };
    let servers: BTreeSet<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..30)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        let servers = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap());
        servers.collect()
    });
    assert!((1..=4).contains(&servers.len()), "{servers:?}");
    assert_eq!(server_count(&pooled), servers.len().to_string());
}

#[test]
fn clients_take_turns_on_one_server() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let server = process_id(&mut first);
    for _ in 0..3 {
        assert_eq!(process_id(&mut second), server);
        assert_eq!(process_id(&mut first), server);
    }
}

#[test]
fn a_transaction_keeps_its_server() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first.query("begin").unwrap();
    let server = process_id(&mut first);
    for _ in 0..5 {
        assert_ne!(process_id(&mut second), server);
        assert_eq!(process_id(&mut first), server);
    }
    // A failed transaction is still one.
    first.query("select 1/0").unwrap_err();
    assert_ne!(process_id(&mut second), server);
    first.query("rollback").unwrap();
    first.query("begin; savepoint a").unwrap();
    first.query("rollback to a").unwrap();
    let server = process_id(&mut first);
    assert_ne!(process_id(&mut second), server);
}

#[test]
fn a_client_waits_until_a_server_is_free() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first
        .query("create table rows_of_the_first (id int)")
        .unwrap();
    first.query("begin").unwrap();
    second
        .send(&wire::query("select count(*) from rows_of_the_first").unwrap())
        .unwrap();
    second.until_read().unwrap();
    first
        .query("insert into rows_of_the_first values (1)")
        .unwrap();
    first.query("commit").unwrap();
    // It saw the row, so it ran after the commit; and there was no second server.
    assert_eq!(second.rows().unwrap(), "1");
    assert_eq!(server_count(&pooled), "1");
}

#[test]
fn who_waits_longest_is_served_first() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut first = pooled.connect().unwrap();
    first
        .query("create table turns (turn serial, who int)")
        .unwrap();
    let mut waiting: Vec<Wire> = (0..6).map(|_| pooled.connect().unwrap()).collect();
    first.query("begin").unwrap();
    for (number, client) in waiting.iter_mut().enumerate() {
        let sql = format!("insert into turns (who) values ({number})");
        client.send(&wire::query(&sql).unwrap()).unwrap();
        client.until_read().unwrap();
    }
    first.query("commit").unwrap();
    for client in &mut waiting {
        client.rows().unwrap();
    }
    let order = first.query("select who from turns order by turn").unwrap();
    assert_eq!(order, "0\n1\n2\n3\n4\n5");
}

#[test]
fn a_client_that_leaves_the_queue_takes_nobodys_turn() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut last) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first.query("begin").unwrap();
    for _ in 0..3 {
        let mut leaving = pooled.connect().unwrap();
        leaving
            .send(&wire::query("select 'unheard'").unwrap())
            .unwrap();
        leaving.until_read().unwrap();
    }
    last.send(&wire::query("select 'heard'").unwrap()).unwrap();
    last.until_read().unwrap();
    first.query("commit").unwrap();
    assert_eq!(last.rows().unwrap(), "heard");
}

#[test]
fn a_client_that_vanishes_in_a_transaction_leaves_nothing_of_it() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut next = pooled.connect().unwrap();
    next.query("create table unfinished (id int)").unwrap();
    for farewell in [&[][..], &wire::terminate()] {
        let mut vanishing = pooled.connect().unwrap();
        vanishing
            .query("begin; insert into unfinished values (1)")
            .unwrap();
        vanishing.send(farewell).unwrap();
        drop(vanishing);
        assert_eq!(next.query("select count(*) from unfinished").unwrap(), "0");
    }
}

#[test]
fn a_client_that_vanishes_in_the_middle_of_a_message_harms_nobody() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut next = pooled.connect().unwrap();
    let query = wire::query("select 'never finished'").unwrap();
    let copy = wire::query("begin; create table half (id int); copy half from stdin").unwrap();
    for said in [&query[..3], &query[..9], &copy[..]] {
        let mut vanishing = pooled.connect().unwrap();
        vanishing.send(said).unwrap();
        vanishing.until_read().unwrap();
        drop(vanishing);
        assert_eq!(next.query("select 'alive'").unwrap(), "alive");
    }
    // A large answer that nobody takes any more.
    let mut vanishing = pooled.connect().unwrap();
    let large = "select repeat('x', 1000) from generate_series(1, 100000)";
    vanishing.send(&wire::query(large).unwrap()).unwrap();
    vanishing.message().unwrap();
    drop(vanishing);
    assert_eq!(next.query("select 'alive'").unwrap(), "alive");
}

#[test]
fn in_session_mode_a_client_keeps_its_server() {
    let Some(pooled) = PooledDatabase::start(session_pool_of(2)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let servers = (process_id(&mut first), process_id(&mut second));
    assert_ne!(servers.0, servers.1);
    first
        .query("set work_mem = '7MB'; create temp table mine (id int)")
        .unwrap();
    for _ in 0..3 {
        assert_eq!((process_id(&mut first), process_id(&mut second)), servers);
    }
    assert_eq!(first.query("show work_mem").unwrap(), "7MB");
    assert_eq!(first.query("select count(*) from mine").unwrap(), "0");
}

#[test]
fn a_server_that_a_session_has_left_is_as_new() {
    let Some(pooled) = PooledDatabase::start(session_pool_of(1)).unwrap() else {
        return;
    };
    let (name, user) = (&pooled.database.name, &pooled.database.user);
    pooled
        .admin(&format!(
            "create role role_{name}; grant role_{name} to {user}"
        ))
        .unwrap();
    let mut first = pooled.connect().unwrap();
    let server = process_id(&mut first);
    first
        .query(&format!(
            "set work_mem = '7MB'; set session authorization {user}; create temp table left_behind (id int); \
             listen somewhere; prepare left_behind as select 1; select pg_advisory_lock(7); set role role_{name}",
        ))
        .unwrap();
    drop(first);
    let mut second = pooled.connect().unwrap();
    assert_eq!(process_id(&mut second), server);
    let traces = "select current_setting('work_mem'), current_user = session_user, \
                  to_regclass('pg_temp.left_behind') is null, \
                  (select count(*) from pg_listening_channels()), \
                  (select count(*) from pg_prepared_statements), \
                  (select count(*) from pg_locks where locktype = 'advisory')";
    assert_eq!(second.query(traces).unwrap(), "4MB|t|t|0|0|0");
}

#[test]
fn in_session_mode_the_next_client_waits_until_a_session_ends() {
    let Some(pooled) = PooledDatabase::start(session_pool_of(1)).unwrap() else {
        return;
    };
    let mut first = pooled.connect().unwrap();
    first.query("create table sessions (id int)").unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut second = pooled.connect().unwrap();
            second.query("select count(*) from sessions").unwrap()
        });
        first.query("insert into sessions values (1)").unwrap();
        drop(first);
        assert_eq!(second.join().unwrap(), "1");
    });
}

#[test]
fn in_statement_mode_a_transaction_block_is_refused() {
    let configure =
        |config: &mut PoolerConfig| config.pool = "pool_mode = \"statement\"".to_owned();
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    assert_eq!(client.query("select 1").unwrap(), "1");
    client.send(&wire::query("begin").unwrap()).unwrap();
    let refusal = client.farewell().unwrap();
    assert_eq!(refusal.sqlstate, "0A000", "{refusal}");
    assert_eq!(pooled.connect().unwrap().query("select 2").unwrap(), "2");
}

#[test]
fn an_idle_server_that_does_not_answer_is_replaced() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = "pool_size = 1\nserver_check_delay = \"0s\"".to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let server = process_id(&mut client);
    assert_eq!(process_id(&mut client), server, "it answers");
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &server]).status();
        assert!(sent.unwrap().success());
    };
    // Its connection looks as alive as ever.
    signal("-STOP");
    let other = process_id(&mut client);
    signal("-CONT");
    assert_ne!(other, server);
}

#[test]
fn a_server_whose_life_is_over_at_once_is_of_use_once() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = "pool_size = 1\nserver_lifetime = 0".to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let (first, second) = (process_id(&mut client), process_id(&mut client));
    assert_ne!(first, second);
}
