//! What the steps of a connection and of a transaction cost, one by one: nanoseconds of one thread,
//! the median of many rounds. Compare two builds on one machine; the numbers of two machines say
//! nothing about each other.
//!
//! `cargo bench --bench steps`

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]
#![expect(
    clippy::unwrap_used,
    clippy::unreachable,
    reason = "a step that fails must end the measurement"
)]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tidegate::config;
use tidegate::config::Endpoint;
use tidegate::config::PoolMode;
use tidegate::config::PoolSettings;
use tidegate::config::Role;
use tidegate::pool;
use tidegate::pool::Checkout;
use tidegate::routing::Look;
use tidegate::routing::Lsn;
use tidegate::routing::Past;
use tidegate::routing::Preferences;
use tidegate::routing::Readers;
use tidegate::routing::Sighting;
use tidegate::routing::State;
use tidegate::routing::Topology;
use tidegate::routing::Wish;
use tidegate::sql::Session;
use tidegate::sql::StateEffects;
use tidegate::sql::reads::Declarations;
use tidegate::sql::reads::KnownFunctions;
use tidegate::sql::reads::Reads;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::error::Sender;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::proxy;
use tidegate_proto::proxy::Versions;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::Verdict;
use tidegate_proto::startup::ProtocolVersion;
use tidegate_proto::startup::StartupMessage;
use tidegate_world::Script;
use tidegate_world::World;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::runtime::LocalRuntime;

/// How long one round is, and how many there are.
const ROUND: Duration = Duration::from_millis(5);
const ROUNDS: usize = 41;

/// A session in which nothing is out of the ordinary.
struct Plain;

impl Session for Plain {
    fn is_reported(&self, _name: &str) -> bool {
        false
    }

    fn has_backslash_escapes(&self) -> bool {
        false
    }

    fn has_backslash_in_characters(&self) -> bool {
        false
    }
}

const SELECT: &[u8] =
    b"SELECT id, name, created_at FROM accounts WHERE owner = $1 AND state <> 'closed' ORDER BY id LIMIT 20";

const SELECT_WITH_TWO_CALLS: &[u8] =
    b"SELECT id, lower(name), created_at FROM accounts WHERE owner = $1 AND app.balance(id) > 10 ORDER BY id";

const SELECT_WITH_CALLS: &[u8] =
    b"SELECT count(*), lower(name), max(created_at) FROM accounts WHERE id IN ($1, $2) AND coalesce(a, 1) > 10";

const PROXY_V1: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.1 51234 6432\r\n";

fn main() {
    report("the header of a frame", || {
        let header = FrameHeader::parse(Sender::Frontend, black_box(b"Q\0\0\0\x20"));
        black_box(header.is_ok());
    });
    report("a PROXY v1 header", || {
        let header = proxy::parse(black_box(PROXY_V1), Versions::V1);
        black_box(header.is_ok());
    });
    let startup = startup_message();
    report("a startup packet", || {
        let message = StartupMessage::decode(black_box(&startup));
        black_box(message.is_ok());
    });
    let mut ledger = Ledger::new();
    report("the ledger's part of a simple transaction", || {
        let sent = ledger.sent(b'Q', Owner::Client);
        for tag in *black_box(b"TDC") {
            black_box(ledger.received(tag).is_ok());
        }
        black_box(ledger.ready(TransactionStatus::Idle).is_ok() && sent.is_ok());
    });
    report("the ledger's part of an extended transaction", || {
        for tag in *black_box(b"PBDES") {
            black_box(ledger.sent(tag, Owner::Client).is_ok());
        }
        for tag in *black_box(b"12TDC") {
            black_box(ledger.received(tag).is_ok());
        }
        black_box(ledger.ready(TransactionStatus::Idle).is_ok());
    });
    report("what a SELECT of a hundred bytes leaves behind", || {
        let mut text = StateEffects::new();
        text.feed(black_box(SELECT), &Plain);
        black_box(text.finish(&Plain).effects.pins);
    });
    reads();
    choices();
    logins();
    in_a_node();
}

/// What it takes to tell a read.
fn reads() {
    let mut declared = Declarations::default();
    for name in ["balance", "current_price", "distance", "total"] {
        declared.add(b"app", name.as_bytes(), true, false);
    }
    let catalog = Arc::new(declared.finish(15));
    let functions = KnownFunctions::new(Rc::default(), Some(catalog));
    for (name, text) in [
        ("whether a SELECT of a hundred bytes only reads", SELECT),
        (
            "the same, with two functions, one of them its own",
            SELECT_WITH_TWO_CALLS,
        ),
        ("the same, with four functions", SELECT_WITH_CALLS),
    ] {
        report(name, || {
            let mut reads = Reads::new();
            reads.feed(black_box(text), &Plain, &functions);
            black_box(reads.finish(&functions));
        });
    }
}

/// What it takes to choose where a read goes.
fn choices() {
    let wish = Wish::of(&PoolSettings::default());
    let now = tokio::time::Instant::now();
    let preferences = Preferences::default();
    for (name, round_trips) in [
        ("where a read goes: one replica", &[50, 1][..]),
        (
            "the same, three replicas of which one is nearest",
            &[50, 1, 20, 40],
        ),
        ("the same, three replicas that share", &[50, 10, 10, 10]),
        ("the same, fifteen replicas that share", &[10; 16]),
    ] {
        let topology = topology(round_trips, now);
        let mut readers = Readers::new();
        readers.refresh(&topology, &preferences, now);
        let primary = readers
            .get(0)
            .map(|reader| Arc::clone(&reader.endpoint))
            .unwrap();
        let (mut past, mut random) = (Past::default(), 0_u32);
        past.heard(Lsn(100));
        report(name, || {
            random = random.wrapping_add(0x9E37_79B9);
            black_box(readers.refresh(&topology, &preferences, now));
            let outstanding = |index| u32::from(index == 1);
            black_box(readers.choose(black_box(&wish), &mut past, outstanding, random, now));
        });
        report("the same, when there is news", || {
            topology.lost(&primary);
            black_box(readers.refresh(&topology, &preferences, now));
        });
    }
}

/// A primary and standbys, each of which has been asked often enough; so far away, in milliseconds.
fn topology(round_trips: &[u64], now: tokio::time::Instant) -> Topology {
    let endpoint = |(port, _): (u16, _)| {
        Arc::new(Endpoint {
            port,
            role: Role::Auto,
            ..Endpoint::default()
        })
    };
    let tenant = config::Tenant {
        endpoints: (0..).zip(round_trips).map(endpoint).collect(),
        ..config::Tenant::default()
    };
    let topology = Topology::new(&tenant, Arc::default());
    for _ in 0..4 {
        for (endpoint, round_trip) in tenant.endpoints.iter().zip(round_trips) {
            let is_primary = endpoint.port == 0;
            let sighting = Sighting {
                state: if is_primary {
                    State::Writable { timeline: 1 }
                } else {
                    State::Standby
                },
                started: i64::from(endpoint.port),
                system: Some(1),
                followed: (!is_primary).then_some(1),
                lsn: Lsn(100),
                received: None,
                lag: None,
                replay_age: None,
            };
            let look = Look {
                connected_at: now,
                asked_at: now,
                answered_at: now + Duration::from_millis(*round_trip),
            };
            topology.saw(endpoint, sighting, look);
        }
    }
    topology
}

/// Steps that need a pool, and whole transactions through a session, its client and its server in
/// memory.
fn in_a_node() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(LocalOptions::default())
        .unwrap();
    checkout_and_release(&runtime);
    let one = PoolSettings {
        pool_size: 1,
        ..PoolSettings::default()
    };
    let shared = PoolSettings {
        share_unnamed_statements: true,
        ..one.clone()
    };
    for (name, script, settings) in [
        (
            "a simple transaction, both ends in memory",
            &Script::SIMPLE,
            &one,
        ),
        (
            "the same with the extended protocol",
            &Script::EXTENDED,
            &one,
        ),
        (
            "the same with an unnamed statement that is shared",
            &Script::EXTENDED,
            &shared,
        ),
        (
            "the same with a prepared statement, under a name of the server's",
            &Script::PREPARED,
            &one,
        ),
    ] {
        transactions(
            &runtime,
            name,
            &World::with(PoolMode::Transaction, settings.clone()),
            script,
        );
    }
    for (name, script) in [
        ("a simple transaction at a replica", &Script::ROUTED),
        (
            "the same with a prepared statement",
            &Script::ROUTED_PREPARED,
        ),
    ] {
        let world = World::with_replica(PoolMode::Transaction, one.clone());
        transactions(&runtime, name, &world, script);
    }
}

fn transactions(runtime: &LocalRuntime, name: &str, world: &World, script: &'static Script) {
    let mut guest = runtime.block_on(world.connect("app", script));
    // The server that it has opened is known from now on.
    world.look();
    report(name, || {
        runtime.block_on(async {
            guest.say().await;
            guest.hear().await;
        });
    });
}

fn checkout_and_release(runtime: &LocalRuntime) {
    let world = World::new(PoolMode::Transaction, 1);
    // It leaves a server behind.
    let _guest = runtime.block_on(world.connect("app", &Script::SIMPLE));
    let pool = world.pool();
    let now = tokio::time::Instant::now();
    report("a server checked out and given back", || {
        match black_box(&pool).checkout(now) {
            Checkout::Ready(lease) => pool::release(lease, now),
            Checkout::Wait(_) | Checkout::Refused(_) => unreachable!("there is one"),
        }
    });
}

fn startup_message() -> Vec<u8> {
    let parameters = [
        ("user", "app"),
        ("database", "postgres"),
        ("application_name", "psql"),
        ("client_encoding", "UTF8"),
    ];
    let parameters = parameters.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut message = Vec::new();
    StartupMessage::encode(ProtocolVersion::V3_0, parameters, &mut message).unwrap();
    message
}

/// What a server does for a client that logs in with SCRAM.
#[expect(clippy::expect_used, reason = "what it measures must work")]
fn logins() {
    let nonce: RawNonce = [7; 18];
    let keys = ScramKeys::derive(b"pencil", b"sixteen bytes...", NonZeroU32::MIN);
    let secret = ScramSecret::from_keys(&keys, b"sixteen bytes...", NonZeroU32::MIN);
    let secret = secret.expect("a salt of a legal length");
    let text = secret.to_text();
    report("a SCRAM verifier is read", || {
        black_box(ScramSecret::parse(black_box(&text)).is_ok());
    });
    let challenge = |message: &[u8]| {
        let server = ServerFirst::new(secret.clone(), None, nonce);
        let challenged = server.client_first(Mechanism::ScramSha256, message);
        challenged.expect("the client's first message is one")
    };
    let client = ClientFirst::new(ClientBinding::Unsupported, &[1; 18]);
    let first = client.message();
    let (server_first, _) = challenge(&first);
    let client = client.server_first(&server_first, 1);
    let (last, _) = client.expect("the server's message is one").prove(&keys);
    report("the server's part of a SCRAM exchange", || {
        let (_, server) = challenge(black_box(&first));
        let verdict = server.client_final(black_box(&last));
        black_box(matches!(verdict, Ok(Verdict::Verified { .. })));
    });
}

/// Prints the median of a step's rounds.
#[expect(clippy::disallowed_methods, reason = "time is what it measures")]
fn report(name: &str, mut step: impl FnMut()) {
    let mut rounds = [0.0; ROUNDS];
    for nanoseconds in &mut rounds {
        let (begun, mut steps) = (Instant::now(), 0_u32);
        while begun.elapsed() < ROUND {
            for _ in 0..100 {
                step();
            }
            steps += 100;
        }
        *nanoseconds = begun.elapsed().as_secs_f64() * 1e9 / f64::from(steps);
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
    println!("{median:8.1} ns  {name}");
}
