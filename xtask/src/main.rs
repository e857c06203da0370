//! The project's own commands: `cargo xtask test`, `demo`, `count`, `grammar` and `bench`.
//!
//! They install what they lack (see `install`), start only private servers, and leave none
//! running.

mod bench;
mod count;
mod demo;
mod grammar;
mod install;
mod say;
mod test_programs;
mod test_run;

use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use tidegate_harness::Failure;

/// The commands of the project Tidegate.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test, the integration tests against each installed PostgreSQL.
    Test {
        /// Only tests whose name contains this.
        #[arg(long)]
        filter: Option<String>,
    },
    /// Count the instructions of a transaction, and compare with what it cost before.
    Count {
        /// Keep what is counted as what it costs.
        #[arg(long)]
        write: bool,
    },
    /// Hold what is taken for a read against PostgreSQL's own grammar.
    Grammar,
    /// Show Tidegate at work: a PostgreSQL in three regions, and a Tidegate behind HAProxy in two.
    Demo {
        /// Take the tour and end.
        #[arg(long)]
        once: bool,
    },
    /// Measure Tidegate beside other poolers, a bare relay and PostgreSQL itself.
    Bench(bench::BenchOptions),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Test { filter } => test_run::run(filter.as_deref()),
        Command::Count { write } => count::run(write),
        Command::Grammar => grammar::run(),
        Command::Demo { once } => demo::run(once),
        Command::Bench(options) => bench::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    say::error(&format!("error: {failure:?}"));
    ExitCode::FAILURE
}
