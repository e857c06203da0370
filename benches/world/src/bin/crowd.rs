//! Many clients in memory, idle but for a few transactions among them: what each of them takes, and
//! what a transaction costs.
//!
//! `crowd CLIENTS SECONDS [TRANSACTIONS_PER_SECOND]` prints one line of JSON.

use std::process::ExitCode;
use std::time::Duration;

use mimalloc::MiMalloc;
use tidegate::config::PoolMode;
use tidegate_world::Guest;
use tidegate_world::Script;
use tidegate_world::World;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::time::Instant;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How often the next transactions begin.
const BEAT: Duration = Duration::from_millis(10);

/// Servers that all of them share.
const SERVERS: u32 = 20;

/// Clients that are there before anything is measured, in transactions: what all share is there then.
const FIRST: usize = 100;

fn main() -> ExitCode {
    let arguments: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let (clients, seconds, rate) = match *arguments {
        [clients, seconds] => (clients, seconds, 5_000),
        [clients, seconds, rate] => (clients, seconds, rate),
        _ => return complain("usage: crowd CLIENTS SECONDS [TRANSACTIONS_PER_SECOND]"),
    };
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(LocalOptions::default());
    let Ok(runtime) = runtime else {
        return complain("error: there is no runtime");
    };
    let measured = runtime.block_on(measure(clients, Duration::from_secs(seconds), rate));
    match measured {
        Some(line) => {
            say(&line);
            ExitCode::SUCCESS
        },
        None => complain("error: /proc tells nothing of this process"),
    }
}

#[expect(clippy::print_stderr, reason = "it is a program")]
fn complain(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "its figures are what it is for")]
fn say(line: &str) {
    println!("{line}");
}

async fn measure(clients: u64, time: Duration, rate: u64) -> Option<String> {
    let world = World::new(PoolMode::Transaction, SERVERS);
    world.keep_ticking();
    let mut guests = Vec::new();
    let clients = usize::try_from(clients).ok()?;
    guests.reserve(clients);
    while guests.len() < FIRST.min(clients) {
        guests.push(world.connect("app", &Script::SIMPLE).await);
    }
    let before = resident()?;
    while guests.len() < clients {
        guests.push(world.connect("app", &Script::SIMPLE).await);
    }
    let after = resident()?;
    let each = after.saturating_sub(before) / clients.saturating_sub(FIRST).max(1);
    let cpu = cpu_nanoseconds()?;
    let done = keep_going(&mut guests, time, rate).await;
    let cpu = cpu_nanoseconds()?.saturating_sub(cpu);
    Some(format!(
        "{{\"clients\":{clients},\"resident_bytes\":{after},\"bytes_per_client\":{each},\
         \"transactions\":{done},\"cpu_nanoseconds_per_transaction\":{}}}",
        cpu / done.max(1)
    ))
}

/// Transactions at a steady rate, each of the next client in an order that jumps.
async fn keep_going(guests: &mut [Guest], time: Duration, rate: u64) -> u64 {
    let begin = Instant::now();
    let mut beats = tokio::time::interval(BEAT);
    let per_beat = rate * u64::try_from(BEAT.as_millis()).unwrap_or_default() / 1000;
    let mut done = 0;
    let mut at = 0;
    while begin.elapsed() < time {
        beats.tick().await;
        for _ in 0..per_beat {
            // Far from the one before, and no client twice before all had their turn.
            at = (at + 7_919 * 127) % guests.len().max(1);
            if let Some(guest) = guests.get_mut(at) {
                guest.say().await;
                guest.hear().await;
                done += 1;
            }
        }
    }
    done
}

/// Bytes of this process in memory.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// What this thread has run so far.
fn cpu_nanoseconds() -> Option<u64> {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    schedule.split_whitespace().next()?.parse().ok()
}
