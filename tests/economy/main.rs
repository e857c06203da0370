//! What a transaction may cost: no allocation, once its session is under way. And what a client may
//! take that does nothing.
//!
//! In a world in memory, whose clients and servers need none themselves.
#![cfg(test)]

mod tls;

use std::ops::Range;

use dhat::HeapStats;
use dhat::Profiler;
use rustls::version::TLS12;
use rustls::version::TLS13;
use tidegate::config::PoolMode;
use tidegate::config::PoolSettings;
use tidegate_world::Guest;
use tidegate_world::Script;
use tidegate_world::World;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;

use crate::tls::Line;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Until every buffer and table has the size that it keeps.
const TO_WARM_UP: u32 = 200;

const ROUNDS: u32 = 500;

/// Clients that are there first, and with those that are measured. Tables have doubled between both.
const IDLE_CLIENTS: Range<usize> = 1_000..2_000;

/// How clients take their turns.
#[derive(Debug, Clone, Copy)]
enum Turns {
    /// The one waits for its answer before the other speaks.
    OneByOne,
    /// Both speak before either hears: there is one server, and one of them waits.
    AtOnce,
}

/// What is said, by whom, and how.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    mode: PoolMode,
    script: &'static Script,
    turns: Turns,
    /// The application names of the two.
    names: [&'static str; 2],
    /// Unnamed statements are shared.
    shares: bool,
    /// Reads go to a replica.
    is_routed: bool,
}

const SIMPLE: Case = Case {
    name: "a simple query",
    mode: PoolMode::Transaction,
    script: &Script::SIMPLE,
    turns: Turns::OneByOne,
    names: ["app", "app"],
    shares: false,
    is_routed: false,
};

const CASES: [Case; 11] = [
    SIMPLE,
    Case {
        name: "a simple query that waits for a server",
        turns: Turns::AtOnce,
        ..SIMPLE
    },
    Case {
        name: "the extended protocol with an unnamed statement",
        script: &Script::EXTENDED,
        ..SIMPLE
    },
    Case {
        name: "an unnamed statement that is shared",
        script: &Script::EXTENDED,
        shares: true,
        ..SIMPLE
    },
    Case {
        name: "an unnamed statement that is shared by clients with settings of their own",
        script: &Script::EXTENDED,
        turns: Turns::AtOnce,
        names: ["this", "that"],
        shares: true,
        ..SIMPLE
    },
    Case {
        name: "a prepared statement",
        script: &Script::PREPARED,
        ..SIMPLE
    },
    Case {
        name: "a prepared statement of a client that waits for a server",
        script: &Script::PREPARED,
        turns: Turns::AtOnce,
        ..SIMPLE
    },
    Case {
        name: "queries of clients with settings of their own",
        names: ["this", "that"],
        ..SIMPLE
    },
    Case {
        name: "a query in session mode",
        mode: PoolMode::Session,
        ..SIMPLE
    },
    Case {
        name: "a read at a replica",
        script: &Script::ROUTED,
        is_routed: true,
        ..SIMPLE
    },
    Case {
        name: "a prepared statement at a replica",
        script: &Script::ROUTED_PREPARED,
        is_routed: true,
        ..SIMPLE
    },
];

/// What is counted, is counted for the whole process: one test, or the thread of another would be
/// counted along.
#[test]
fn a_transaction_allocates_nothing_and_tls_a_block_for_each_record() {
    let _profiler = Profiler::builder().testing().build();
    transactions_allocate_nothing();
    an_idle_client_takes_little();
    tls_allocates_a_block_for_each_record_and_keeps_none();
}

/// Blocks of one idle client, in a world in memory: its task, two of its own, and two of the imitation
/// of a socket.
const IDLE_BLOCKS_MAX: usize = 5;

/// Their bytes, with its part in the registry and among the keys, whose tables differ with the number of
/// processors: 717 with two.
const IDLE_BYTES_MAX: usize = 760;

fn an_idle_client_takes_little() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(LocalOptions::default());
    runtime.unwrap().block_on(async {
        let world = World::new(PoolMode::Transaction, 2);
        let mut guests = Vec::with_capacity(IDLE_CLIENTS.end);
        while guests.len() < IDLE_CLIENTS.start {
            guests.push(world.connect("app", &Script::SIMPLE).await);
        }
        let before = HeapStats::get();
        while guests.len() < IDLE_CLIENTS.end {
            guests.push(world.connect("app", &Script::SIMPLE).await);
        }
        let after = HeapStats::get();
        let bytes = (after.curr_bytes - before.curr_bytes) / IDLE_CLIENTS.len();
        let blocks = (after.curr_blocks - before.curr_blocks) / IDLE_CLIENTS.len();
        let each = format!("an idle client takes {bytes} bytes in {blocks} blocks");
        assert!(
            blocks <= IDLE_BLOCKS_MAX && bytes <= IDLE_BYTES_MAX,
            "{each}"
        );
    });
}

fn transactions_allocate_nothing() {
    let told: Vec<String> = CASES
        .into_iter()
        .filter_map(|case| {
            let allocated = allocations(case);
            (allocated > 0).then(|| format!("{}: {allocated} in {ROUNDS} rounds", case.name))
        })
        .collect();
    assert!(told.is_empty(), "allocations: {told:#?}");
}

/// rustls makes a block for each record, gives it back at once, and offers no way without.
fn tls_allocates_a_block_for_each_record_and_keeps_none() {
    let runtime = Builder::new_current_thread().build().unwrap();
    for version in [&TLS12, &TLS13] {
        let mut line = runtime.block_on(Line::new(version));
        for (asked, answered, records) in [(60, 200, 2), (60, 64 * 1024, 5), (20_000, 60, 3)] {
            let mut run = |rounds| {
                let mut allocated = 0;
                for _ in 0..rounds {
                    allocated += runtime.block_on(line.round(asked, answered));
                }
                allocated
            };
            run(TO_WARM_UP);
            let before = HeapStats::get().curr_bytes;
            let allocated = run(ROUNDS);
            assert_eq!(allocated, u64::from(ROUNDS) * records, "{version:?}");
            assert_eq!(HeapStats::get().curr_bytes, before, "{version:?}");
        }
    }
}

/// How often something is allocated in so many rounds.
fn allocations(case: Case) -> u64 {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(LocalOptions::default())
        .unwrap();
    let (mut guests, world) = runtime.block_on(async {
        // A session that keeps its server needs one of its own.
        let pool_size = if case.mode == PoolMode::Session { 2 } else { 1 };
        let settings = PoolSettings {
            pool_size,
            share_unnamed_statements: case.shares,
            ..PoolSettings::default()
        };
        let world = if case.is_routed {
            World::with_replica(case.mode, settings)
        } else {
            World::with(case.mode, settings)
        };
        let mut guests = Vec::new();
        for name in case.names {
            guests.push(world.connect(name, case.script).await);
        }
        // The servers that they have opened are known from now on. It is young enough until all is
        // counted: what is allocated for such news, once a second, is not a transaction's.
        world.look();
        (guests, world)
    });
    let mut run = |rounds| {
        runtime.block_on(async {
            for _ in 0..rounds {
                round(&mut guests, case.turns).await;
            }
        });
    };
    run(TO_WARM_UP);
    let before = HeapStats::get().total_blocks;
    run(ROUNDS);
    let after = HeapStats::get().total_blocks;
    drop((guests, world));
    after - before
}

async fn round(guests: &mut [Guest], turns: Turns) {
    match turns {
        Turns::OneByOne => {
            for guest in guests {
                guest.say().await;
                guest.hear().await;
            }
        },
        Turns::AtOnce => {
            for guest in &mut *guests {
                guest.say().await;
            }
            for guest in guests {
                guest.hear().await;
            }
        },
    }
}
