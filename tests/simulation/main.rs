//! A whole world in one process: clients, the pooler and servers, on a virtual clock, with a network
//! that cuts, delays and breaks, all drawn from a seed.
//!
//! A seed that fails is printed, and replays exactly: `TIDEGATE_SEED=n cargo test --test simulation`,
//! with `TIDEGATE_TRACE=1` and `-- --nocapture` to see all that happens in it. `TIDEGATE_SEEDS=n` runs
//! the first n seeds, for as long as they take.
#![cfg(test)]

mod challenge;
mod client;
mod dropped;
mod ends;
mod expectation;
mod life;
mod mail;
mod message;
mod nature;
mod network;
mod random;
mod scenes;
mod script;
mod seed;
mod server;
mod stage;
mod weather;
mod wire;
mod world;

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// How many seeds are run if nobody says otherwise.
const SEEDS: u64 = 200;

#[test]
fn in_every_world_each_client_hears_what_is_its_own_and_nothing_is_left_behind() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (first, end) = match (number("TIDEGATE_SEED"), number("TIDEGATE_SEEDS")) {
        (Some(seed), None) => (seed, seed + 1),
        (Some(seed), Some(count)) => (seed, seed + count),
        (None, count) => (0, count.unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let findings = seed::run(seed).findings;
                    if !findings.is_empty() {
                        failures.lock().unwrap().push((seed, findings));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    if let Some((seed, findings)) = failures.iter().min() {
        let seeds: Vec<_> = failures.iter().map(|(seed, _)| seed).collect();
        panic!(
            "TIDEGATE_SEED={seed} (of {seeds:?}):\n{}",
            findings.join("\n")
        );
    }
}

#[test]
fn the_same_seed_makes_the_same_world() {
    for seed in 0..12 {
        assert_eq!(seed::run(seed).hash, seed::run(seed).hash, "seed {seed}");
    }
}
