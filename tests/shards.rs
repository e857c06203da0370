//! A pool that lives on several workers: one limit, and servers that go to where clients wait.
#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::polling;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::bind;
use tidegate_harness::wire::execute;
use tidegate_harness::wire::parse;
use tidegate_harness::wire::sync;

const LIMIT: Duration = Duration::from_mins(1);

/// One worker's part of a pool is meant for so many clients; the next is at home elsewhere.
const SHARD: usize = 10;

fn start(configure: impl FnOnce(&mut PoolerConfig)) -> Option<PooledDatabase> {
    PooledDatabase::start(configure).unwrap()
}

fn connect(login: &Login, count: usize) -> Vec<Wire> {
    (0..count).map(|_| Wire::connect(login).unwrap()).collect()
}

/// Begins a transaction, and tells whose.
fn begin(client: &mut Wire) -> String {
    client.query("begin").unwrap();
    client.query("select pg_backend_pid()").unwrap()
}

fn commit(clients: &mut [Wire]) {
    for client in clients {
        client.query("commit").unwrap();
    }
}

/// The server processes of the database, but for the one that is asked.
fn backends(direct: &mut Wire) -> BTreeSet<String> {
    let sql = "select string_agg(pid::text, ' ') from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid() \
               and backend_type = 'client backend'";
    let pids = direct.query(sql).unwrap();
    pids.split_whitespace().map(str::to_owned).collect()
}

/// A way to the database past the pooler.
fn direct(pooled: &PooledDatabase) -> Wire {
    Wire::connect(&pooled.direct_login()).unwrap()
}

/// Ends what goes on beside a test, also when that fails.
struct Bell<'a>(&'a AtomicBool);

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks for one thing after the other, and counts the answers.
fn keep_busy(mut client: Wire, is_over: &AtomicBool, answers: &AtomicU32) {
    while !is_over.load(Ordering::Relaxed) {
        client.query("select pg_sleep(0.01)").unwrap();
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until every client has had another turn.
fn until_all_have_a_turn(answers: &[AtomicU32]) {
    let count = |answers: &AtomicU32| answers.load(Ordering::Relaxed);
    let before: Vec<u32> = answers.iter().map(count).collect();
    let had_one = || {
        answers
            .iter()
            .zip(&before)
            .all(|(now, before)| count(now) > *before)
    };
    polling::until_true("a turn of every client", LIMIT, had_one).unwrap();
}

/// Clients at two workers, the servers that the first ones have opened, as many as there may be, and
/// a statement and a setting on each of these.
fn two_parts(pooled: &PooledDatabase) -> (Vec<Wire>, Vec<Wire>, BTreeSet<String>) {
    let mut here = connect(&pooled.login(), SHARD);
    let there = connect(&pooled.login(), SHARD);
    for (number, client) in here.iter_mut().enumerate() {
        let setting = format!("set application_name = 'here {number}'");
        client.query(&setting).unwrap();
    }
    let servers: BTreeSet<_> = here.iter_mut().map(begin).collect();
    assert_eq!(servers.len(), SHARD);
    for client in &mut here {
        let parsed = parse("mine", "select 'here' || $1").unwrap();
        client.send(&[parsed, sync()].concat()).unwrap();
        client.until(b'Z').unwrap();
    }
    commit(&mut here);
    (here, there, servers)
}

#[test]
fn servers_that_are_idle_at_one_worker_go_to_the_clients_of_another() {
    let configure = |config: &mut PoolerConfig| config.pool = "pool_size = 11".to_owned();
    let Some(pooled) = start(configure) else {
        return;
    };
    let mut direct = direct(&pooled);
    let (mut here, mut there, mut servers) = two_parts(&pooled);
    let taken: BTreeSet<_> = there.iter_mut().map(begin).collect();
    assert_eq!(taken.len(), SHARD);
    servers.extend(taken.iter().cloned());
    assert!(servers.len() <= 11, "nine have moved: {servers:?}");
    assert!(backends(&mut direct).is_subset(&servers));
    // Nothing of their former clients has come along.
    for client in &mut there {
        let name = client.query("show application_name").unwrap();
        assert!(!name.starts_with("here"), "{name}");
        let parsed = parse("mine", "select 'there' || $1").unwrap();
        let bound = bind("", "mine", &["!"]).unwrap();
        let whole = [parsed, bound, execute("").unwrap(), sync()];
        client.send(&whole.concat()).unwrap();
        assert_eq!(client.rows().unwrap(), "there!");
    }
    commit(&mut there);
    // And back again; their own clients have what they had.
    for (number, client) in here.iter_mut().enumerate() {
        begin(client);
        let name = client.query("show application_name").unwrap();
        assert_eq!(name, format!("here {number}"));
        let bound = bind("", "mine", &["!"]).unwrap();
        let rest = [bound, execute("").unwrap(), sync()];
        client.send(&rest.concat()).unwrap();
        assert_eq!(client.rows().unwrap(), "here!");
    }
    assert!(backends(&mut direct).is_subset(&servers));
}

#[test]
fn a_worker_whose_clients_have_every_server_gives_some_to_those_that_wait_elsewhere() {
    let configure = |config: &mut PoolerConfig| config.pool = "pool_size = 11".to_owned();
    let Some(pooled) = start(configure) else {
        return;
    };
    let (is_over, mut direct) = (AtomicBool::new(false), direct(&pooled));
    let answers: Vec<AtomicU32> = (0..4 * SHARD).map(|_| AtomicU32::new(0)).collect();
    let seen = thread::scope(|scope| {
        let bell = Bell(&is_over);
        // Nobody here is ever idle: each of eleven clients and more waits for its next turn.
        let here = connect(&pooled.login(), SHARD);
        let there = connect(&pooled.login(), SHARD);
        let more = connect(&pooled.login(), 2 * SHARD);
        let all = here.into_iter().chain(there).chain(more);
        for (client, answers) in all.zip(&answers) {
            scope.spawn(|| keep_busy(client, &is_over, answers));
        }
        let full = || Ok((backends(&mut direct).len() == 11).then_some(()));
        polling::until("every server at work", LIMIT, full).unwrap();
        let mut seen = BTreeSet::new();
        for _ in 0..20 {
            let now = backends(&mut direct);
            assert!(now.len() <= 11, "{now:?}");
            seen.extend(now);
        }
        until_all_have_a_turn(&answers);
        drop(bell);
        seen
    });
    assert!(
        seen.len() <= 11,
        "servers move and are not opened anew: {seen:?}"
    );
}

#[test]
fn a_busy_pool_gives_another_of_its_tenant_a_share_of_their_limit() {
    let configure = |config: &mut PoolerConfig| config.tenant = "max_db_connections = 4".to_owned();
    let Some(pooled) = start(configure) else {
        return;
    };
    let mut quiet = pooled.login();
    "postgres".clone_into(&mut quiet.database);
    let (is_over, mut direct) = (AtomicBool::new(false), direct(&pooled));
    let answers: Vec<AtomicU32> = (0..9).map(|_| AtomicU32::new(0)).collect();
    thread::scope(|scope| {
        let bell = Bell(&is_over);
        for (client, answers) in connect(&pooled.login(), 9).into_iter().zip(&answers) {
            scope.spawn(|| keep_busy(client, &is_over, answers));
        }
        let full = || Ok((backends(&mut direct).len() == 4).then_some(()));
        polling::until("every server at work", LIMIT, full).unwrap();
        // Half of them, while it needs as many.
        let mut clients = connect(&quiet, 4);
        begin(&mut clients[0]);
        begin(&mut clients[1]);
        let left = || Ok((backends(&mut direct).len() <= 2).then_some(()));
        polling::until("half of the servers", LIMIT, left).unwrap();
        until_all_have_a_turn(&answers);
        commit(&mut clients[..2]);
        drop(clients);
        drop(bell);
    });
}
