//! Runs transactions of one kind in memory, for a tool that counts instructions to watch.
//!
//! `transactions KIND COUNT`

use std::process::ExitCode;

use tidegate::config::PoolMode;
use tidegate::config::PoolSettings;
use tidegate_world::Guest;
use tidegate_world::Script;
use tidegate_world::Side;
use tidegate_world::World;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;

/// Clients, which take turns with one server.
const CLIENTS: usize = 4;

/// How often the endpoints are looked at: long before what they said is too old.
const ROUNDS_PER_LOOK: usize = 25;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_default();
    let count = arguments.next().and_then(|count| count.parse().ok());
    match (script(&kind), count) {
        (Some(script), Some(count)) => run(script, &kind, count),
        _ => usage(),
    }
}

fn script(kind: &str) -> Option<&'static Script> {
    match kind {
        "simple" | "waiting" => Some(&Script::SIMPLE),
        "extended" | "shared" => Some(&Script::EXTENDED),
        "prepared" => Some(&Script::PREPARED),
        "routed" => Some(&Script::ROUTED),
        "routed-prepared" => Some(&Script::ROUTED_PREPARED),
        _ => None,
    }
}

#[expect(clippy::print_stderr, reason = "it is a program")]
fn usage() -> ExitCode {
    eprintln!(
        "usage: transactions simple|waiting|extended|shared|prepared|routed|routed-prepared COUNT"
    );
    ExitCode::FAILURE
}

#[expect(clippy::print_stderr, reason = "it is a program")]
fn run(script: &'static Script, kind: &str, count: usize) -> ExitCode {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: there is no runtime: {error}");
            return ExitCode::FAILURE;
        },
    };
    runtime.block_on(async {
        let settings = PoolSettings {
            pool_size: 1,
            share_unnamed_statements: kind == "shared",
            ..PoolSettings::default()
        };
        let is_routed = script.answered_by == Side::Replica;
        let world = if is_routed {
            World::with_replica(PoolMode::Transaction, settings)
        } else {
            World::with(PoolMode::Transaction, settings)
        };
        let mut guests = Vec::new();
        for _ in 0..CLIENTS {
            guests.push(world.connect("app", script).await);
        }
        // The servers that they have opened are known from now on.
        world.look();
        let mut rounds = count / CLIENTS;
        while rounds > 0 {
            if rounds.is_multiple_of(ROUNDS_PER_LOOK) {
                world.look();
            }
            rounds -= 1;
            if kind == "waiting" {
                all_at_once(&mut guests).await;
            } else {
                one_by_one(&mut guests).await;
            }
        }
    });
    ExitCode::SUCCESS
}

async fn one_by_one(guests: &mut [Guest]) {
    for guest in guests {
        guest.say().await;
        guest.hear().await;
    }
}

async fn all_at_once(guests: &mut [Guest]) {
    for guest in &mut *guests {
        guest.say().await;
    }
    for guest in guests {
        guest.hear().await;
    }
}
