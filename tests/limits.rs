//! Limits on clients, servers, attempts and failed logins: what a client is told that is one too
//! many, and that a limit holds exactly while everybody comes and goes.
#![cfg(test)]

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::polling;
use tidegate_harness::wire::BEHIND_A_BALANCER;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::ServerReport;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::proxied;
use tidegate_harness::wire::query;

const LIMIT: Duration = Duration::from_mins(1);

/// What one case has in its configuration.
type Change = fn(&mut PoolerConfig);

/// A second user of the tenant.
const OTHER: &str = "[[tenant.user]]\nname = \"other\"\nsecret = \"other\"";

fn start(configure: impl FnOnce(&mut PoolerConfig)) -> Option<PooledDatabase> {
    PooledDatabase::start(configure).unwrap()
}

/// A cluster's roles are shared by its databases.
fn create_other(pooled: &PooledDatabase) {
    let sql = "do $$ begin create role other login password 'other'; \
               exception when duplicate_object or unique_violation then null; end $$";
    pooled.admin(sql).unwrap();
}

fn other(pooled: &PooledDatabase) -> Login {
    pooled.login().as_user("other").with_password("other")
}

/// What a client hears that is not let in.
fn refusal(login: &Login) -> ServerReport {
    let error = Wire::connect(login).unwrap_err();
    error.report().unwrap_or_else(|| panic!("{error}")).clone()
}

/// Clients as this one, until one is refused; they stay.
fn fill(login: &Login) -> Vec<Wire> {
    let more = std::iter::from_fn(|| Wire::connect(login).ok());
    more.take(100).collect()
}

/// Waits until a client as this one is let in: one that left a moment ago may still be counted.
fn until_admitted(login: &Login) -> Wire {
    polling::until("a login", LIMIT, || Ok(Wire::connect(login).ok())).unwrap()
}

fn assert_told(report: &ServerReport, message: &str) {
    assert_eq!(
        (report.severity.as_str(), report.sqlstate.as_str()),
        ("FATAL", "53300"),
        "{report}"
    );
    assert_eq!(report.message, message, "{report}");
    assert!(
        !report.detail.is_empty() && !report.hint.is_empty(),
        "{report}"
    );
}

#[test]
fn one_client_too_many_is_told_whose_limit_it_is_and_gets_in_when_another_leaves() {
    let settings: [(&str, Change); 3] = [
        ("user", |config| {
            config.user = "max_user_client_connections = 3".to_owned();
        }),
        ("tenant", |config| {
            config.tenant = "max_client_conn = 3".to_owned();
        }),
        ("node", |config| {
            config.node = "max_client_conn = 3".to_owned();
        }),
    ];
    for (whose, configure) in settings {
        let with_other = |config: &mut PoolerConfig| {
            configure(config);
            config.more = OTHER.to_owned();
        };
        let Some(pooled) = start(with_other) else {
            return;
        };
        create_other(&pooled);
        let mut held = fill(&pooled.login());
        assert_eq!(held.len(), 3, "{whose}");
        let told = refusal(&pooled.login());
        assert_told(&told, &format!("too many connections for this {whose}"));
        assert!(told.detail.contains("3 clients"), "{told}");
        // The limit of a user is no other user's.
        match whose {
            "user" => drop(Wire::connect(&other(&pooled)).unwrap()),
            _ => assert_eq!(refusal(&other(&pooled)).message, told.message),
        }
        held.pop();
        let mut next = until_admitted(&pooled.login());
        assert_eq!(next.query("select 1").unwrap(), "1");
        assert_told(&refusal(&pooled.login()), &told.message);
    }
}

#[test]
fn a_client_that_fails_to_log_in_gives_its_place_back() {
    let configure = |config: &mut PoolerConfig| config.tenant = "max_client_conn = 1".to_owned();
    let Some(pooled) = start(configure) else {
        return;
    };
    let wrong = pooled.login().with_password("wrong");
    for _ in 0..4 {
        // While one asks for a password it is counted; what it holds is free again afterwards.
        polling::until("a wrong password", LIMIT, || {
            Ok((refusal(&wrong).sqlstate == "28P01").then_some(()))
        })
        .unwrap();
    }
    until_admitted(&pooled.login());
}

#[test]
fn who_names_a_tenant_without_a_place_is_not_asked_for_a_password() {
    let configure = |config: &mut PoolerConfig| config.tenant = "max_client_conn = 1".to_owned();
    let Some(pooled) = start(configure) else {
        return;
    };
    let _held = Wire::connect(&pooled.login()).unwrap();
    let mut guessing = Wire::announce(&pooled.login()).unwrap();
    assert_eq!(
        guessing.message().unwrap().report().unwrap().sqlstate,
        "53300"
    );
}

/// Clients who work at once; how many had a server at the same time, at most.
fn most_at_once(logins: &[Login]) -> i64 {
    let (now, most) = (AtomicI64::new(0), AtomicI64::new(0));
    thread::scope(|scope| {
        for login in logins.iter().cycle().take(8) {
            scope.spawn(|| {
                for _ in 0..3 {
                    let mut client = Wire::connect(login).unwrap();
                    client.query("begin").unwrap();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    client.query("select 1").unwrap();
                    now.fetch_sub(1, Ordering::SeqCst);
                    client.query("commit").unwrap();
                }
            });
        }
    });
    most.into_inner()
}

#[test]
fn servers_are_never_more_than_allowed_and_everybody_gets_a_turn() {
    let settings: [(Change, usize, i64); 4] = [
        (|config| config.pool = "pool_size = 2".to_owned(), 2, 4),
        (
            |config| config.pool = "max_user_connections = 1".to_owned(),
            2,
            2,
        ),
        (
            |config| config.tenant = "max_db_connections = 3".to_owned(),
            1,
            3,
        ),
        (
            |config| config.node = "max_server_connections = 2".to_owned(),
            1,
            2,
        ),
    ];
    for (configure, users, allowed) in settings {
        let with_other = |config: &mut PoolerConfig| {
            configure(config);
            config.more = OTHER.to_owned();
        };
        let Some(pooled) = start(with_other) else {
            return;
        };
        create_other(&pooled);
        let logins = [pooled.login(), other(&pooled)];
        let most = most_at_once(&logins[..users]);
        assert!(most <= allowed, "{most} of {allowed}");
        let few = format!(
            "select count(*) <= {allowed} from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()"
        );
        polling::until_true("few servers", LIMIT, || pooled.admin(&few).unwrap() == "t").unwrap();
    }
}

#[test]
fn a_server_that_nobody_uses_makes_room_for_a_client_who_waits_whatever_limit_is_reached() {
    let settings: [(Change, &str, &str); 3] = [
        // Of the same user, in another database.
        (
            |config| config.pool = "max_user_connections = 1".to_owned(),
            "",
            "postgres",
        ),
        // Of another user of the same tenant.
        (
            |config| config.tenant = "max_db_connections = 1".to_owned(),
            "other",
            "",
        ),
        // Of another tenant.
        (
            |config| config.node = "max_server_connections = 1".to_owned(),
            "other.globex",
            "",
        ),
    ];
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let globex = format!(
        "[[tenant]]\nname = \"globex\"\n[[tenant.endpoint]]\nhost = \"127.0.0.1\"\nport = {}\n{OTHER}",
        cluster.port()
    );
    for (configure, user, database) in settings {
        let Some(pooled) = start(|config| {
            configure(config);
            config.more = format!("{OTHER}\n{globex}");
        }) else {
            return;
        };
        create_other(&pooled);
        let first = pooled.login();
        let mut second = first.clone();
        if !user.is_empty() {
            second = second.as_user(user).with_password("other");
        }
        if !database.is_empty() {
            database.clone_into(&mut second.database);
        }
        // They are at home on different workers: the first is where the fewest clients are.
        let mut first = Wire::connect(&first).unwrap();
        let mut second = Wire::connect(&second).unwrap();
        assert_eq!(first.query("select 'first'").unwrap(), "first");
        assert_eq!(second.query("select 'second'").unwrap(), "second");
    }
}

#[test]
fn a_limit_on_clients_holds_exactly_while_clients_come_and_go() {
    let configure = |config: &mut PoolerConfig| config.tenant = "max_client_conn = 5".to_owned();
    let Some(pooled) = start(configure) else {
        return;
    };
    let (held, login) = (AtomicI64::new(0), pooled.login());
    let come_and_go = || {
        let mut admitted = 0;
        for _ in 0..8 {
            let mut client = match Wire::connect(&login) {
                Ok(client) => client,
                Err(error) => {
                    assert_eq!(error.sqlstate(), "53300", "{error}");
                    continue;
                },
            };
            let now = held.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(now <= 5, "{now} clients");
            assert_eq!(client.query("select 1").unwrap(), "1");
            held.fetch_sub(1, Ordering::SeqCst);
            admitted += 1;
        }
        admitted
    };
    let admitted: u32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(come_and_go)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!(admitted >= 5, "{admitted}");
    // Not one place was lost, and not one won.
    let held: Vec<Wire> = (0..5).map(|_| until_admitted(&login)).collect();
    assert_told(&refusal(&login), "too many connections for this tenant");
    drop(held);
}

#[test]
fn attempts_above_the_rate_are_refused_before_a_password_is_asked_for() {
    let configure = |config: &mut PoolerConfig| {
        config.tenant = "connection_rate = { per_second = 1, burst = 4 }".to_owned();
    };
    let Some(pooled) = start(configure) else {
        return;
    };
    let let_in = fill(&pooled.login());
    // A slow machine may gain a token meanwhile, never lose one.
    assert!((4..100).contains(&let_in.len()), "{}", let_in.len());
    // Wrong passwords are attempts, too.
    let guess = pooled.login().with_password("wrong");
    let told = polling::until("a rate that is reached", LIMIT, || {
        let told = refusal(&guess);
        Ok((told.sqlstate == "53300").then_some(told))
    });
    let told = told.unwrap();
    assert_told(&told, "connections for this tenant are opened too fast");
    assert!(told.hint.contains("Try again in"), "{told}");
}

#[test]
fn a_user_above_its_rate_takes_nothing_from_the_others() {
    let configure = |config: &mut PoolerConfig| {
        config.user = "connection_rate = { per_second = 1, burst = 2 }".to_owned();
        config.tenant = "connection_rate = { per_second = 1, burst = 40 }".to_owned();
        config.more = OTHER.to_owned();
    };
    let Some(pooled) = start(configure) else {
        return;
    };
    create_other(&pooled);
    let told = polling::until("a rate that is reached", LIMIT, || {
        Ok(Wire::connect(&pooled.login()).err())
    });
    let told = told.unwrap().report().unwrap().clone();
    assert_told(&told, "connections for this user are opened too fast");
    for _ in 0..30 {
        // Refused or, if time has passed, let in: what it takes from its tenant is its own rate.
        drop(Wire::connect(&pooled.login()));
    }
    for _ in 0..12 {
        Wire::connect(&other(&pooled)).unwrap();
    }
}

fn throttled(config: &mut PoolerConfig) {
    config.node = "login_failures_before_delay = 3\nlogin_failure_delay = \"1h\"\n\
                   login_failure_delay_max = \"1h\""
        .to_owned();
    config.listener = BEHIND_A_BALANCER.to_owned();
    config.more = OTHER.to_owned();
}

#[test]
fn who_fails_too_often_waits_by_address_and_tenant_and_nobody_else_does() {
    let second = |config: &mut PoolerConfig| {
        throttled(config);
        config.more.push_str("\n[[tenant]]\nname = \"globex\"\n[[tenant.endpoint]]\n\
             host = \"127.0.0.1\"\nport = 1\n[[tenant.user]]\nname = \"other\"\nsecret = \"other\"\n");
    };
    let Some(pooled) = start(second) else { return };
    let from = |address: &str| pooled.login().behind(proxied(address).unwrap());
    let wrong = from("203.0.113.7").with_password("wrong");
    for _ in 0..3 {
        assert_eq!(refusal(&wrong).sqlstate, "28P01");
    }
    for login in [
        wrong,
        from("203.0.113.7"),
        from("::ffff:203.0.113.7"),
        from("203.0.113.7").as_user("other"),
    ] {
        let told = refusal(&login);
        assert_told(&told, "too many failed logins from 203.0.113.7");
        let mut words = told.hint.split(' ');
        let seconds = words.find_map(|word| word.parse::<u32>().ok());
        let is_an_hour = seconds.is_some_and(|seconds| (3_000..=3_600).contains(&seconds));
        assert!(is_an_hour && told.hint.contains(" seconds"), "{told}");
    }
    // Another address of the same tenant; the same address at another tenant is asked for its password.
    Wire::connect(&from("203.0.113.8")).unwrap();
    let elsewhere = from("203.0.113.7")
        .as_user("other.globex")
        .with_password("wrong");
    assert_eq!(refusal(&elsewhere).sqlstate, "28P01");
}

#[test]
fn addresses_of_one_ipv6_network_fail_together() {
    let Some(pooled) = start(throttled) else {
        return;
    };
    let from = |address: &str| pooled.login().behind(proxied(address).unwrap());
    for host in 1..=3 {
        let wrong = from(&format!("2001:db8:1:2::{host}")).with_password("wrong");
        assert_eq!(refusal(&wrong).sqlstate, "28P01");
    }
    let told = refusal(&from("2001:db8:1:2:ffff::9"));
    assert_told(&told, "too many failed logins from 2001:db8:1:2:ffff::9");
    Wire::connect(&from("2001:db8:1:3::1")).unwrap();
}

#[test]
fn guesses_made_at_once_shut_their_address_out_as_those_made_one_by_one() {
    let Some(pooled) = start(throttled) else {
        return;
    };
    let login = pooled.login().behind(proxied("203.0.113.7").unwrap());
    let wrong = login.clone().with_password("wrong");
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| refusal(&wrong));
        }
    });
    assert_told(&refusal(&login), "too many failed logins from 203.0.113.7");
}

/// A client that has said who it wants to be, and has been asked for a proof.
fn begin(login: &Login) -> Wire {
    let mut wire = Wire::announce(login).unwrap();
    wire.until_answered().unwrap();
    wire
}

#[test]
fn connections_that_do_not_log_in_are_limited_by_address_and_in_all() {
    let configure = |config: &mut PoolerConfig| {
        config.node = "max_unauthenticated_per_address = 3\nmax_unauthenticated = 5".to_owned();
        config.listener = BEHIND_A_BALANCER.to_owned();
    };
    let Some(pooled) = start(configure) else {
        return;
    };
    let from = |address: &str| pooled.login().behind(proxied(address).unwrap());
    let mut held: Vec<Wire> = (0..3).map(|_| begin(&from("203.0.113.7"))).collect();
    let closed = |login: &Login| Wire::announce(login).unwrap().until_closed().unwrap();
    assert_eq!(closed(&from("203.0.113.7")), []);
    // Another address has places of its own, as long as there are any in all.
    Wire::connect(&from("203.0.113.8")).unwrap();
    held.push(begin(&from("203.0.113.8")));
    held.push(begin(&from("203.0.113.9")));
    assert_eq!(closed(&from("203.0.113.10")), []);
    drop(held);
    for address in ["203.0.113.7", "203.0.113.8", "203.0.113.10"] {
        until_admitted(&from(address));
    }
}

#[test]
fn a_server_that_cannot_be_had_is_not_asked_for_without_a_pause_while_others_serve() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = "pool_size = 2\nserver_login_retry = 0".to_owned();
    };
    let Some(pooled) = start(configure) else {
        return;
    };
    let user = &pooled.database.user;
    let alone = format!("alter role {user} connection limit 1");
    pooled.admin(&alone).unwrap();
    let mut holder = Wire::connect(&pooled.login()).unwrap();
    holder.query("begin").unwrap();
    let mut waiting = Wire::connect(&pooled.login()).unwrap();
    waiting.send(&query("select 'served'").unwrap()).unwrap();
    pooled.pooler.wait_for_log("could not be opened").unwrap();
    assert_eq!(holder.query("select pg_sleep(1)").unwrap(), "");
    holder.query("commit").unwrap();
    assert_eq!(waiting.rows().unwrap(), "served");
    let log = pooled.pooler.log_lines();
    let tries = log
        .iter()
        .filter(|line| line.contains("could not be opened"));
    let tries = tries.count();
    assert!((1..100).contains(&tries), "{tries} tries");
}
