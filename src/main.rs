//! The `tidegate` command.

mod cli;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// An idle client is a few small blocks, allocated among those of logins that come and go: blocks of a
/// size have pages of their own here, and leave no holes to each other.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
