//! Two thousand real sockets that stop in the middle of the handshake, and a process without
//! descriptors: whoever is honest is served, and what is held is given back.
#![cfg(test)]

use std::net::SocketAddr;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::descriptors;
use tidegate_harness::free_port;
use tidegate_harness::http_get;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire;
use tidegate_harness::wire::BEHIND_A_BALANCER;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::proxied;
use tidegate_proto::startup::SslRequest;

const SENDERS: usize = 2_000;
const LIMIT: Duration = Duration::from_mins(1);

/// Where a sender stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Nothing,
    HalfAHeader,
    HalfAnSslRequest,
    HalfAStartup,
    HalfAPassword,
}

const STAGES: [Stage; 5] = [
    Stage::Nothing,
    Stage::HalfAHeader,
    Stage::HalfAnSslRequest,
    Stage::HalfAStartup,
    Stage::HalfAPassword,
];

/// A sender that has stopped.
fn stopped(login: &Login, stage: Stage) -> Wire {
    let (header, startup) = (&login.before[..], login.startup().unwrap());
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let mut wire = Wire::open(login.address).unwrap();
    match stage {
        Stage::Nothing => {},
        Stage::HalfAHeader => wire.send(&half(header)).unwrap(),
        Stage::HalfAnSslRequest => {
            wire.send(&[header, &half(&SslRequest::BYTES)].concat())
                .unwrap();
        },
        Stage::HalfAStartup => wire.send(&[header, &half(&startup)].concat()).unwrap(),
        Stage::HalfAPassword => {
            wire.send(&[header, &startup].concat()).unwrap();
            wire.until_answered().unwrap();
            wire.send(b"p\0\0\0\x60SCRAM-SHA-256\0").unwrap();
        },
    }
    wire
}

/// A Tidegate whose logins may take so long, with its page of metrics on this port.
fn patient(timeout: &str, http: u16) -> Option<PooledDatabase> {
    let configure = |config: &mut PoolerConfig| {
        config.node = format!(
            "client_login_timeout = \"{timeout}\"\nmax_unauthenticated = 5000\n\
             max_unauthenticated_per_address = 5000\n[http]\naddress = \"127.0.0.1:{http}\""
        );
        config.listener = format!("{BEHIND_A_BALANCER}\nproxy_header_timeout = \"{timeout}\"");
    };
    PooledDatabase::start(configure).unwrap()
}

/// The value of a gauge now; a page may be as old as a second.
fn gauge(http: u16, name: &str) -> usize {
    let (_, page) = http_get(http, "/metrics").unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(name));
    value.map_or(0, |value| value.trim().parse().unwrap())
}

fn until_gauge(http: u16, name: &str, wanted: usize) {
    let is_it = || gauge(http, name) == wanted;
    polling::until_true(&format!("{name} {wanted}"), LIMIT, is_it).unwrap();
}

const UNAUTHENTICATED: &str = "tidegate_unauthenticated_connections ";
const OF_THE_TENANT: &str = "tidegate_tenant_clients{tenant=\"acme\"} ";

/// `None` if the machine could not open them all within the timeout.
fn serves_an_honest_client_among_slow_senders(timeout: &str) -> Option<()> {
    let http = free_port().unwrap();
    let Some(pooled) = patient(timeout, http) else {
        return Some(());
    };
    let login = pooled.login().behind(proxied("203.0.113.7").unwrap());
    let stages = STAGES.iter().cycle().take(SENDERS);
    let mut senders: Vec<_> = stages
        .map(|stage| (*stage, stopped(&login, *stage)))
        .collect();
    let is_full = || gauge(http, UNAUTHENTICATED) == SENDERS;
    polling::until_true("all senders", Duration::from_secs(5), is_full).ok()?;

    let mut honest = Wire::connect(&login).unwrap();
    assert_eq!(honest.query("select 6 * 7").unwrap(), "42");
    // Those who were asked for a password have a place at the tenant, until they are gone.
    let at_the_tenant = SENDERS / STAGES.len() + 1;
    let is_counted = || gauge(http, OF_THE_TENANT) == at_the_tenant;
    polling::until_true("the honest client", Duration::from_secs(3), is_counted).ok()?;
    if gauge(http, UNAUTHENTICATED) != SENDERS {
        return None;
    }

    for (stage, sender) in &mut senders {
        let said = sender.until_closed().unwrap();
        if matches!(stage, Stage::Nothing | Stage::HalfAHeader) {
            assert_eq!(said, [], "{stage:?}");
        }
    }
    until_gauge(http, UNAUTHENTICATED, 0);
    until_gauge(http, OF_THE_TENANT, 1);
    // Who was there all the time has noticed nothing.
    assert_eq!(honest.query("select 6 * 7").unwrap(), "42");
    drop(honest);
    until_gauge(http, OF_THE_TENANT, 0);
    Some(())
}

#[test]
fn two_thousand_slow_senders_on_real_sockets_do_not_keep_an_honest_client_out() {
    if !descriptors::allow(SENDERS as u64 + 500) {
        return skip::tell("descriptors for 2,000 sockets");
    }
    // A machine that needs longer to open them than they may stay gets another chance.
    let done = ["5s", "15s"]
        .into_iter()
        .find_map(serves_an_honest_client_among_slow_senders);
    done.expect("all senders were open at once");
}

#[test]
fn accept_emfile_keeps_listening() {
    let configure = |config: &mut PoolerConfig| {
        config.node =
            "client_login_timeout = \"10m\"\nmax_unauthenticated_per_address = 1000".to_owned();
        config.surroundings.descriptors_max = Some(96);
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let mut live: Vec<Wire> = (0..3).map(|_| pooled.connect().unwrap()).collect();
    live[0].query("begin").unwrap();
    // The pool has a server for the others as well.
    for client in &mut live {
        assert_eq!(client.query("select 1").unwrap(), "1");
    }
    let address: SocketAddr = pooled.login().address;
    let silent: Vec<Wire> = (0..200).map(|_| Wire::open(address).unwrap()).collect();
    pooled.pooler.wait_for_log("Too many open files").unwrap();

    // Those who are connected notice nothing, and nor does a transaction.
    for client in &mut live {
        assert_eq!(client.query("select 2").unwrap(), "2");
    }
    live[0].query("commit").unwrap();
    // Whoever comes now waits, and is served when there are descriptors again.
    let mut waiting = Wire::announce(&pooled.login()).unwrap();
    drop(silent);
    waiting.prove(&pooled.login()).unwrap();
    assert_eq!(waiting.query("select 3").unwrap(), "3");
    let mut next = pooled.connect().unwrap();
    next.send(&wire::query("select 4").unwrap()).unwrap();
    assert_eq!(next.rows().unwrap(), "4");
    // And a second time.
    let _silent: Vec<Wire> = (0..200).map(|_| Wire::open(address).unwrap()).collect();
    assert_eq!(next.query("select 5").unwrap(), "5");
}
