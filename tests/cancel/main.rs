//! Cancel requests against real servers: whose query they end, and whose they never do.
//!
//! A query that "waits" waits for an advisory lock that a connection past the pooler holds, so that
//! a test decides when it goes on: one that was not cancelled answers when the lock is given up.
#![cfg(test)]

mod vanished;

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire;
use tidegate_harness::wire::BEHIND_A_BALANCER;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_harness::wire::proxied;

const LIMIT: Duration = Duration::from_mins(1);

/// Answers when the lock is free; leaves nothing behind in the session.
const WAITS: &str = "select 'through' from pg_advisory_xact_lock(7)";

/// How PostgreSQL says that it cancelled.
const CANCELED: &str = "57014";

fn pool_of(size: u32) -> impl FnOnce(&mut PoolerConfig) {
    move |config| config.pool = format!("pool_size = {size}")
}

/// Holds the lock that [`WAITS`] waits for, until it is dropped.
struct Lock(Wire);

impl Lock {
    fn hold(pooled: &PooledDatabase) -> Self {
        let mut wire = Wire::connect(&pooled.direct_login()).unwrap();
        wire.query("select pg_advisory_lock(7)").unwrap();
        Self(wire)
    }

    fn give_up(mut self) {
        self.0.query("select pg_advisory_unlock(7)").unwrap();
    }
}

/// How many queries wait for the lock, as the server sees it.
fn waiting(pooled: &PooledDatabase) -> String {
    let sql = "select count(*) from pg_stat_activity \
               where datname = current_database() and wait_event = 'advisory'";
    pooled.admin(sql).unwrap()
}

fn until_waiting(pooled: &PooledDatabase, count: &str) {
    let what = format!("{count} waiting queries");
    polling::until_true(&what, LIMIT, || waiting(pooled) == count).unwrap();
}

/// Lets a client wait for the lock.
fn begin_to_wait(pooled: &PooledDatabase, client: &mut Wire) {
    client.send(&wire::query(WAITS).unwrap()).unwrap();
    until_waiting(pooled, "1");
}

/// Sends a cancel request as it is, and waits until its connection is closed.
fn send_cancel(pooled: &PooledDatabase, before: &[u8], request: &[u8]) {
    let mut other = Wire::open(pooled.login().address).unwrap();
    other.send(&[before, request].concat()).unwrap();
    let answer = other.until_closed().unwrap();
    assert_eq!(answer, [], "a cancel request is never answered");
}

/// Waits for that many lines about cancel requests that ended like this.
fn until_logged(pooled: &PooledDatabase, reason: &str, count: usize) {
    let is_it = |line: &String| line.contains("cancel request") && line.contains(reason);
    let found = || {
        pooled
            .pooler
            .log_lines()
            .iter()
            .filter(|line| is_it(line))
            .count()
            >= count
    };
    polling::until_true(&format!("{count} cancel requests: {reason}"), LIMIT, found).unwrap();
}

fn assert_canceled(answer: Result<String, WireError>) {
    let error = answer.unwrap_err();
    assert_eq!(error.sqlstate(), CANCELED, "{error}");
}

#[test]
fn a_cancel_request_ends_the_query_and_the_session_goes_on() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let lock = Lock::hold(&pooled);
    let mut client = pooled.connect().unwrap();
    let server = client.query("select pg_backend_pid()").unwrap();
    begin_to_wait(&pooled, &mut client);
    client.cancel().unwrap();
    assert_canceled(client.rows());
    assert_eq!(client.query("select pg_backend_pid()").unwrap(), server);
    lock.give_up();
    // The next query is not cancelled by what ended the last one.
    assert_eq!(client.query(WAITS).unwrap(), "through");
}

#[test]
fn a_cancelled_pipeline_and_a_cancelled_transaction_end_as_postgres_ends_them() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let _lock = Lock::hold(&pooled);
    let mut client = pooled.connect().unwrap();
    let pipeline = [
        wire::parse("", WAITS).unwrap(),
        wire::bind("", "", &[]).unwrap(),
        wire::execute("").unwrap(),
        wire::execute("").unwrap(),
        wire::sync(),
        wire::query("select 'behind the sync'").unwrap(),
    ];
    client.send(&pipeline.concat()).unwrap();
    until_waiting(&pooled, "1");
    client.cancel().unwrap();
    assert_canceled(client.rows());
    assert_eq!(client.rows().unwrap(), "behind the sync");

    client
        .query("begin; create table half_done (id int)")
        .unwrap();
    begin_to_wait(&pooled, &mut client);
    client.cancel().unwrap();
    assert_canceled(client.rows());
    let aborted = client.query("select 1").unwrap_err();
    assert_eq!(aborted.sqlstate(), "25P02", "{aborted}");
    client.query("rollback").unwrap();
    let rows = client.query("select to_regclass('half_done') is null");
    assert_eq!(rows.unwrap(), "t");
}

#[test]
fn a_key_that_is_not_the_sessions_cancels_nothing() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let lock = Lock::hold(&pooled);
    let (mut client, other) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    begin_to_wait(&pooled, &mut client);
    let (process_id, key) = client.cancel_key();
    let (other_process_id, other_key) = other.cancel_key();
    let mut flipped = key.to_vec();
    flipped[3] ^= 1;
    let longer = [key, &[0; 28]].concat();
    let wrong = [
        (process_id, flipped.as_slice()),
        (process_id ^ 1, key),
        (process_id, other_key),
        (other_process_id, key),
        (process_id, &longer),
        (0, &[0; 4]),
    ];
    for (process_id, key) in wrong {
        send_cancel(
            &pooled,
            &[],
            &wire::cancel_request(process_id, key).unwrap(),
        );
    }
    until_logged(&pooled, "no such session", wrong.len());
    lock.give_up();
    assert_eq!(client.rows().unwrap(), "through");
}

#[test]
fn a_request_that_is_cut_off_or_malformed_cancels_nothing() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let lock = Lock::hold(&pooled);
    let mut client = pooled.connect().unwrap();
    begin_to_wait(&pooled, &mut client);
    let request = client.cancel_request().unwrap();
    let mut too_long = request.clone();
    too_long[3] = u8::MAX;
    for broken in [&request[..15], &request[..8], &too_long[..]] {
        let mut other = Wire::open(pooled.login().address).unwrap();
        other.send(broken).unwrap();
        other.finish().unwrap();
        assert_eq!(other.until_closed().unwrap(), []);
    }
    lock.give_up();
    assert_eq!(client.rows().unwrap(), "through");
}

#[test]
fn cancel_wrong_tenant() {
    // Whoever only knows the key cancels nothing from a network that could not have logged in.
    let configure = |config: &mut PoolerConfig| {
        config.listener = BEHIND_A_BALANCER.to_owned();
        config.tenant = "network.allow = [\"203.0.113.0/24\"]".to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let _lock = Lock::hold(&pooled);
    let allowed = proxied("203.0.113.7").unwrap();
    let mut client = Wire::connect(&pooled.login().behind(allowed.clone())).unwrap();
    begin_to_wait(&pooled, &mut client);
    let request = client.cancel_request().unwrap();
    send_cancel(&pooled, &proxied("198.51.100.7").unwrap(), &request);
    until_logged(&pooled, "network not admitted", 1);
    assert_eq!(waiting(&pooled), "1");
    send_cancel(&pooled, &allowed, &request);
    assert_canceled(client.rows());
}

#[test]
fn cancel_late_does_not_hit_next_client() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let lock = Lock::hold(&pooled);
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let server = "select pg_backend_pid()";
    assert_eq!(first.query(server).unwrap(), second.query(server).unwrap());
    begin_to_wait(&pooled, &mut second);
    // The first client's last query ran on the server that now works for the second.
    for _ in 0..20 {
        first.cancel().unwrap();
    }
    until_logged(&pooled, "handed on", 20);
    lock.give_up();
    assert_eq!(second.rows().unwrap(), "through");
}

#[test]
fn cancel_requests_in_any_moment_hit_the_client_that_they_are_for_or_nobody() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let canceling = || {
        let mut client = pooled.connect().unwrap();
        for round in 0..60_u32 {
            let sql = format!("select count(*) from generate_series(1, {})", round * 500);
            client.send(&wire::query(&sql).unwrap()).unwrap();
            client.cancel().unwrap();
            match client.rows() {
                Ok(rows) => assert_eq!(rows, (round * 500).to_string()),
                Err(error) => assert_eq!(error.sqlstate(), CANCELED, "{error}"),
            }
        }
    };
    let honest = |number: usize| {
        let mut client = pooled.connect().unwrap();
        for round in 0..150 {
            let canary = format!("{number} of {round}");
            let sql = format!("select '{canary}' from generate_series(1, 300) limit 1");
            assert_eq!(client.query(&sql).unwrap(), canary);
        }
    };
    thread::scope(|scope| {
        for number in 0..2 {
            scope.spawn(canceling);
            scope.spawn(move || honest(number));
        }
    });
}

#[test]
fn a_client_of_protocol_3_2_has_a_long_key_and_cancels_with_all_of_it() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let _lock = Lock::hold(&pooled);
    let mut login = pooled.login();
    login.protocol_minor = 2;
    let mut client = Wire::connect(&login).unwrap();
    let (process_id, key) = client.cancel_key();
    assert_eq!(key.len(), 32);
    let beginnings =
        [4, 31].map(|length| wire::cancel_request(process_id, &key[..length]).unwrap());
    begin_to_wait(&pooled, &mut client);
    for request in &beginnings {
        send_cancel(&pooled, &[], request);
    }
    until_logged(&pooled, "no such session", 2);
    assert_eq!(waiting(&pooled), "1");
    client.cancel().unwrap();
    assert_canceled(client.rows());
}

#[test]
fn ctrl_c_in_psql_cancels_with_short_and_with_long_keys() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let _lock = Lock::hold(&pooled);
    for (version, more) in [
        (Version::Distribution, ""),
        (Version::V18, " max_protocol_version=3.2"),
    ] {
        let Some(binaries) = skip::unless(version.binaries()) else {
            skip::tell("psql of that version");
            continue;
        };
        let mut psql = binaries.command("psql");
        psql.args(["-X", "-d", &format!("{}{more}", pooled.dsn()), "-c", WAITS]);
        let psql = psql.stdin(Stdio::null()).stdout(Stdio::null());
        let mut psql = psql.stderr(Stdio::piped()).spawn().unwrap();
        until_waiting(&pooled, "1");
        let pid = psql.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let mut said = String::new();
        psql.stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        psql.wait().unwrap();
        assert!(
            said.contains("canceling statement due to user request"),
            "{version:?}: {said}"
        );
    }
}

#[test]
fn a_cancel_request_of_a_client_in_the_queue_harms_nobody() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let lock = Lock::hold(&pooled);
    let (mut first, mut queued) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    begin_to_wait(&pooled, &mut first);
    queued
        .send(&wire::query("select 'served'").unwrap())
        .unwrap();
    queued.until_read().unwrap();
    queued.cancel().unwrap();
    until_logged(&pooled, "handed on", 1);
    lock.give_up();
    // Neither the query that is in front of it nor the queue is disturbed.
    assert_eq!(first.rows().unwrap(), "through");
    assert_eq!(queued.rows().unwrap(), "served");
}

#[test]
fn in_session_mode_a_cancel_request_ends_the_query_too() {
    let configure = |config: &mut PoolerConfig| config.pool = "pool_mode = \"session\"".to_owned();
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let _lock = Lock::hold(&pooled);
    let mut client = pooled.connect().unwrap();
    begin_to_wait(&pooled, &mut client);
    client.cancel().unwrap();
    assert_canceled(client.rows());
    assert_eq!(client.query("select 'on'").unwrap(), "on");
}

#[test]
fn a_client_that_has_left_has_no_key_any_more() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let lock = Lock::hold(&pooled);
    let mut leaving = pooled.connect().unwrap();
    leaving.query("select 1").unwrap();
    let request = leaving.cancel_request().unwrap();
    leaving.send(&wire::terminate()).unwrap();
    leaving.until_closed().unwrap();
    let mut next = pooled.connect().unwrap();
    begin_to_wait(&pooled, &mut next);
    pooled.pooler.wait_for_log("reason=\"terminated\"").unwrap();
    send_cancel(&pooled, &[], &request);
    until_logged(&pooled, "no such session", 1);
    lock.give_up();
    assert_eq!(next.rows().unwrap(), "through");
}

#[test]
fn a_cancelled_copy_ends_and_the_session_goes_on() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let _lock = Lock::hold(&pooled);
    let mut client = pooled.connect().unwrap();
    let copy = format!("copy ({WAITS}) to stdout");
    client.send(&wire::query(&copy).unwrap()).unwrap();
    until_waiting(&pooled, "1");
    client.cancel().unwrap();
    assert_canceled(client.rows());
    assert_eq!(client.query("select 'on'").unwrap(), "on");
}

/// Passes on to Postgres, but keeps every cancel request to itself, open and undelivered; returns
/// how many there are.
fn keep_cancel_requests(listener: TcpListener, server_port: u16) -> Arc<AtomicUsize> {
    let kept = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&kept);
    thread::spawn(move || {
        let mut requests = Vec::new();
        for mut client in listener.incoming().flatten() {
            let mut opening = [0; 8];
            client.read_exact(&mut opening).unwrap();
            if opening.ends_with(&80_877_102_u32.to_be_bytes()) {
                requests.push(client);
                count.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let mut server = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
            server.write_all(&opening).unwrap();
            let mut from_server = server.try_clone().unwrap();
            let mut to_client = client.try_clone().unwrap();
            thread::spawn(move || io::copy(&mut client, &mut server));
            thread::spawn(move || io::copy(&mut from_server, &mut to_client));
        }
    });
    kept
}

#[test]
fn a_client_that_cancels_without_end_opens_only_a_few_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let configure = |config: &mut PoolerConfig| config.endpoint_port = Some(port);
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let kept = keep_cancel_requests(listener, pooled.database.port);
    let lock = Lock::hold(&pooled);
    let mut client = pooled.connect().unwrap();
    begin_to_wait(&pooled, &mut client);
    let mut requests = Vec::new();
    for _ in 0..50 {
        let mut request = Wire::open(pooled.login().address).unwrap();
        request.send(&client.cancel_request().unwrap()).unwrap();
        request.socket().set_nonblocking(true).unwrap();
        requests.push(request);
    }
    until_logged(&pooled, "handed on", 50);
    // Those on their way are open: by the end of it their client hears that the server was told.
    let is_open = |request: &&Wire| {
        let read = request.socket().read(&mut [0]);
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    };
    let open = || requests.iter().filter(is_open).count() == kept.load(Ordering::SeqCst);
    polling::until_true("the end of the others", LIMIT, open).unwrap();
    lock.give_up();
    assert_eq!(client.rows().unwrap(), "through");
    assert!((1..=4).contains(&kept.load(Ordering::SeqCst)), "{kept:?}");
}
