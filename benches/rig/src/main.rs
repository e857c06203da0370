//! The programs of the benchmark, which `cargo xtask bench` runs: a load generator, a relay without
//! any knowledge, a PostgreSQL that costs nothing.
//!
//! They are one binary apart from `xtask`, so that nobody builds TLS who only wants to run a test.

mod clock;
mod error;
mod fake;
mod histogram;
mod load;
mod process;
mod relay;
mod runtime;
mod say;
mod tables;

use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;
use rustix::process::Resource;
use rustix::process::Rlimit;

use crate::error::RigError;

/// The programs of Tidegate's benchmark.
#[derive(Debug, Parser)]
#[command(name = "tidegate-rig")]
struct Arguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Copy bytes between clients and servers.
    Relay(relay::RelayOptions),
    /// Answer as a PostgreSQL would that has nothing to do.
    FakePostgres(fake::FakeOptions),
    /// Be many clients, and say how they fared, as JSON.
    Load(Box<load::LoadOptions>),
    /// Print the SQL that makes the tables.
    Tables(tables::TableOptions),
}

fn main() -> ExitCode {
    allow_descriptors();
    let done = match Arguments::parse().program {
        Program::Relay(options) => relay::run(&options),
        Program::FakePostgres(options) => fake::run(options),
        Program::Load(options) => load::run(&options),
        Program::Tables(options) => {
            say::line(&tables::sql(&options));
            Ok(())
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// As many descriptors as the system lets a process have. If it does not, opening one fails later.
fn allow_descriptors() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, raised).ok();
}

fn report(error: &RigError) -> ExitCode {
    say::error(&format!("error: {error}"));
    ExitCode::FAILURE
}
