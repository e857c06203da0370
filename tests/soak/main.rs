//! A crowd of clients on a handful of servers of a real Postgres: two hundred that say whatever
//! comes to their minds and leave whenever they like, for ten seconds or as long as you ask for.
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
mod random;
mod transactions;

use std::env;
use std::io::Write;
use std::panic;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::descriptors;
use tidegate_harness::free_port;
use tidegate_harness::polling;
use tidegate_harness::wire::Wire;

use crate::client::Client;
use crate::client::Tally;
use crate::gauges::Gauges;

const CLIENTS: usize = 200;
const SERVERS: usize = 5;
const SECONDS: u64 = 8;
const SEED: u64 = 20_261_129;

type Act = fn(&mut Client<'_>);

/// What a client may do, and how often in proportion.
const ACTS: [(usize, Act); 17] = [
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
];

/// The same, less often: these cost a server, or keep one for long.
const RARE_ACTS: [(usize, Act); 3] = [
    (3, transactions::reset),
    (1, transactions::pin),
    (3, departures::depart),
];

/// Of a hundred acts, how many are rare ones.
const RARE_PERCENT: u64 = 6;

fn chosen(acts: &[(usize, Act)], client: &mut Client<'_>) -> Act {
    let sum = acts.iter().map(|(weight, _)| weight).sum();
    let mut at = client.random.below(sum);
    let found = acts.iter().find(|(weight, _)| {
        let is_it = at < *weight;
        at = at.saturating_sub(*weight);
        is_it
    });
    found.unwrap().1
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

fn live(mut client: Client<'_>, alarm: &Alarm) {
    let _watch = Watch(alarm);
    while !alarm.is_raised() {
        let acts = if client.random.chance(RARE_PERCENT) {
            &RARE_ACTS[..]
        } else {
            &ACTS[..]
        };
        chosen(acts, &mut client)(&mut client);
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = env::var(variable);
    given.map_or(otherwise, |text| text.parse().expect(variable))
}

fn start(http: u16) -> Option<PooledDatabase> {
    let configure = |config: &mut PoolerConfig| {
        config.node = format!(
            "max_unauthenticated_per_address = 1000\n[http]\naddress = \"127.0.0.1:{http}\"\n\
             [console]\nadmin_users = [\"olga\"]\n\
             [[console.user]]\nname = \"olga\"\nsecret = \"olga-password\""
        );
        config.pool = format!("pool_size = {SERVERS}");
        config.listener = "console = true".to_owned();
        // A login costs less than with SCRAM, which is tested elsewhere.
        config.tenant = "auth_type = \"md5\"".to_owned();
    };
    PooledDatabase::start(configure).unwrap()
}

#[test]
fn two_hundred_clients_on_five_servers_get_what_is_theirs_and_leave_nothing() {
    assert!(descriptors::allow(2000), "too few descriptors");
    let http = free_port().unwrap();
    let Some(mut pooled) = start(http) else {
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

    let (seconds, seed) = (
        number("TIDEGATE_SOAK_SECONDS", SECONDS),
        number("TIDEGATE_SOAK_SEED", SEED),
    );
    let (alarm, tally) = (Alarm::default(), Tally::default());
    thread::scope(|scope| {
        let (alarm, tally, login) = (&alarm, &tally, &login);
        let clients = (0..CLIENTS).map(|number| {
            let life = move || live(Client::new(number, seed, login, tally), alarm);
            scope.spawn(life)
        });
        let clients: Vec<_> = clients.collect();
        // It ends when the time is over, or early with a failure.
        let over = Duration::from_secs(seconds);
        drop(polling::until_true("a failure", over, || alarm.is_raised()));
        alarm.raise();
        let failures = clients.into_iter().filter_map(|client| client.join().err());
        if let Some(failure) = failures.last() {
            panic::resume_unwind(failure);
        }
    });
    gauges.must_be_as_before(pid);
    // Seen only where the test's output is shown.
    drop(writeln!(
        std::io::stdout(),
        "seed {seed}, {seconds} s: {tally:?}"
    ));
    Wire::connect(&login).unwrap();
}
