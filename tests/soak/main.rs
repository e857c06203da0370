//! A crowd of clients on a handful of servers of a real Postgres: two hundred that say whatever
//! comes to their minds and leave whenever they like, for eight seconds or as long as you ask for, in
//! each of the modes of a pool.
//!
//! Every row carries a canary that only its client and its statement have, and every answer is
//! compared with the only one that it can be. At the end every gauge is back where it began.
//!
//! `TIDEGATE_SOAK_SECONDS` and `TIDEGATE_SOAK_SEED` choose another length and another crowd. What
//! clients say follows from the seed; when they say it does not.
#![cfg(test)]

mod answer;
mod client;
mod departures;
mod gauges;
mod names;
mod queries;
mod transactions;

use std::env;
use std::io::Write;
use std::panic;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::descriptors;
use tidegate_harness::free_port;
use tidegate_harness::polling;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

use crate::client::Client;
use crate::client::Tally;
use crate::gauges::Gauges;

const SERVERS: usize = 5;
const SECONDS: u64 = 8;
const SEED: u64 = 20_261_129;

type Act = fn(&mut Client<'_>);

/// How a pool is used, and what its clients do.
struct Crowd {
    mode: &'static str,
    /// How many there are at once.
    clients: usize,
    /// What a client may do, and how often in proportion.
    acts: &'static [(u32, Act)],
    /// The same, less often: these cost a server, or keep one for long.
    rare_acts: &'static [(u32, Act)],
    /// Of a hundred acts, how many are a departure, so that others get a server too.
    leaving_percent: u32,
    /// Its part of the time, in quarters.
    quarters: u32,
}

const IN_TRANSACTION_MODE: Crowd = Crowd {
    mode: "transaction",
    clients: 200,
    acts: &[
        (8, queries::several_rows),
        (4, queries::several_queries),
        (4, queries::errors),
        (8, queries::extended),
        (8, queries::prepare),
        (12, queries::run_prepared),
        (8, queries::pipeline),
        (6, names::come_and_go),
        (4, queries::steps),
        (2, queries::large_rows),
        (3, queries::cancel),
        (4, transactions::savepoints),
        (3, transactions::block_in_a_pipeline),
        (3, transactions::copy_in),
        (3, transactions::copy_out),
        (5, transactions::set),
        (3, transactions::inspect),
    ],
    rare_acts: &[
        (3, transactions::reset),
        (1, transactions::pin),
        (3, departures::depart),
    ],
    leaving_percent: 0,
    quarters: 2,
};

/// The same acts: what is a client's for its transaction is its for as long as it stays. Each waits
/// at its login until all before it have gone.
const IN_SESSION_MODE: Crowd = Crowd {
    mode: "session",
    clients: 200,
    leaving_percent: 40,
    quarters: 1,
    ..IN_TRANSACTION_MODE
};

/// Without transaction blocks, which this mode does not know.
const IN_STATEMENT_MODE: Crowd = Crowd {
    mode: "statement",
    clients: 200,
    acts: &[
        (8, queries::several_rows),
        (4, queries::several_queries),
        (4, queries::errors),
        (8, queries::extended),
        (8, queries::prepare),
        (12, queries::run_prepared),
        (8, queries::pipeline),
        (4, queries::steps),
        (2, queries::large_rows),
        (3, transactions::copy_in),
        (3, transactions::copy_out),
        (3, transactions::inspect),
        (2, transactions::block),
    ],
    rare_acts: &[(3, transactions::reset), (1, transactions::pin)],
    leaving_percent: 0,
    quarters: 1,
};

/// Of a hundred acts, how many are rare ones.
const RARE_PERCENT: u32 = 6;

fn act(crowd: &Crowd, client: &mut Client<'_>) {
    let acts = if client.random.percent(RARE_PERCENT) {
        crowd.rare_acts
    } else {
        crowd.acts
    };
    let weights: Vec<u32> = acts.iter().map(|(weight, _)| *weight).collect();
    let (_, act) = acts[client.random.weighted(&weights)];
    act(client);
}

/// Raised at the end, or when a client fails.
#[derive(Debug, Default)]
struct Alarm(AtomicBool);

impl Alarm {
    fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Raises the alarm if its thread panics.
struct Watch<'a>(&'a Alarm);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.raise();
        }
    }
}

fn live(mut client: Client<'_>, crowd: &Crowd, alarm: &Alarm) {
    let _watch = Watch(alarm);
    while !alarm.is_raised() {
        act(crowd, &mut client);
        if client.random.percent(crowd.leaving_percent) {
            client.leave_politely();
            client.come_again();
        }
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = env::var(variable);
    given.map_or(otherwise, |text| text.parse().expect(variable))
}

fn start(mode: &str, http: u16) -> Option<PooledDatabase> {
    let configure = |config: &mut PoolerConfig| {
        config.node = format!(
            "max_unauthenticated_per_address = 1000\n[http]\naddress = \"127.0.0.1:{http}\"\n\
             [console]\nadmin_users = [\"olga\"]\n\
             [[console.user]]\nname = \"olga\"\nsecret = \"olga-password\""
        );
        config.pool = format!("pool_mode = \"{mode}\"\npool_size = {SERVERS}");
        config.listener = "console = true".to_owned();
        // A login costs less than with SCRAM, which is tested elsewhere.
        config.tenant = "auth_type = \"md5\"".to_owned();
    };
    PooledDatabase::start(configure).unwrap()
}

/// Crowds come one after the other: each is to have the machine for itself.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn two_hundred_clients_on_five_servers_get_what_is_theirs_and_leave_nothing() {
    come(&IN_TRANSACTION_MODE);
}

#[test]
fn a_crowd_that_takes_turns_at_whole_sessions_leaves_nothing_to_whoever_is_next() {
    come(&IN_SESSION_MODE);
}

#[test]
fn a_crowd_of_single_statements_gets_what_is_its_own() {
    come(&IN_STATEMENT_MODE);
}

fn come(crowd: &Crowd) {
    // Who was before us may have failed.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(descriptors::allow(2000), "too few descriptors");
    let http = free_port().unwrap();
    let Some(mut pooled) = start(crowd.mode, http) else {
        return;
    };
    pooled.admin(transactions::TABLE).unwrap();
    let grant = format!("grant all on soak_rows to {}", pooled.database.user);
    pooled.admin(&grant).unwrap();
    let login = pooled.login();
    let mut console = login.clone().as_user("olga").with_password("olga-password");
    console.database = "pgbouncer".to_owned();
    let pid = pooled.pooler.process().pid();
    let gauges = Gauges::before(&mut pooled, http, &console);
    gather(crowd, &login);
    gauges.must_be_as_before(pid);
    Wire::connect(&login).unwrap();
}

/// All clients at once, until the time is over.
fn gather(crowd: &Crowd, login: &Login) {
    let seconds = number("TIDEGATE_SOAK_SECONDS", SECONDS);
    let seed = number("TIDEGATE_SOAK_SEED", SEED);
    let (alarm, tally) = (Alarm::default(), Tally::default());
    thread::scope(|scope| {
        let (alarm, tally) = (&alarm, &tally);
        let clients = (0..crowd.clients).map(|number| {
            let life = move || live(Client::new(number, seed, login, tally), crowd, alarm);
            scope.spawn(life)
        });
        let clients: Vec<_> = clients.collect();
        // It ends when the time is over, or early with a failure.
        let over = Duration::from_secs(seconds) * crowd.quarters / 4;
        drop(polling::until_true("a failure", over, || alarm.is_raised()));
        alarm.raise();
        let failures = clients.into_iter().filter_map(|client| client.join().err());
        if let Some(failure) = failures.last() {
            panic::resume_unwind(failure);
        }
    });
    // Seen only where the test's output is shown.
    let mode = crowd.mode;
    drop(writeln!(
        std::io::stdout(),
        "{mode} mode, seed {seed}, {seconds} s: {tally:?}"
    ));
}
