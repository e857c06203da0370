//! Holds what `src/sql/reads` takes for a read against PostgreSQL's own grammar: whatever the parse
//! tree shows to write must never be called a read.
//!
//! `cargo xtask grammar` runs it, over the regression scripts in the folders that it is given, over
//! statements that it makes up from a seed, and over both with their tokens changed at random. It
//! fails if a single one is taken for a read that is none, and prints how many reads are recognised.

mod generated;
#[allow(dead_code, reason = "the project's own, of which a part is used here")]
#[path = "../../../src/limits.rs"]
mod limits;
mod mutated;
mod random;
mod scripts;
#[allow(
    dead_code,
    unused_imports,
    reason = "the project's own, of which a part is used here"
)]
#[path = "../../../src/sql/mod.rs"]
mod sql;
mod tally;
mod tree;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use random::Random;
use tally::Tally;

/// How many statements are made up, and how many changed.
const GENERATED: u32 = 60_000;
const MUTATED: u32 = 400_000;

/// Chooses other ones.
const SEED_VARIABLE: &str = "TIDEGATE_SEED";

fn main() -> ExitCode {
    let seed = env::var(SEED_VARIABLE).ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = Random::new(seed);
    let folders: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let mut statements = scripts::statements(&folders);
    let mut is_sound = true;

    let mut tally = Tally::default();
    statements.iter().for_each(|text| tally.check(text));
    is_sound &= tally.report("regression scripts");

    let mut tally = Tally::default();
    for _ in 0..GENERATED {
        let text = generated::statement(&mut random);
        tally.check(&text);
        if statements.len() < 40_000 || random.below(10) == 0 {
            statements.push(text);
        }
    }
    is_sound &= tally.report("generated statements");

    let mut tally = Tally::default();
    for _ in 0..MUTATED {
        tally.check(&mutated::statement(&statements, &mut random));
    }
    is_sound &= tally.report("changed statements");
    println!("seed {seed}");
    if is_sound {
        ExitCode::SUCCESS
    } else {
        println!("a write was taken for a read");
        ExitCode::FAILURE
    }
}
