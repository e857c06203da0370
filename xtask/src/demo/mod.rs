//! `cargo xtask demo`: a real PostgreSQL behind Tidegate behind a real HAProxy that sends PROXY
//! headers, a tour through what that gives, and then a connection string to play with.
//!
//! Everything is private to this run: free ports, a temporary folder, gone at the end.

mod scene;
mod step;
mod tour;

use std::process::Command;

use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use tidegate_harness::Failure;

use self::scene::Scene;
use crate::install;
use crate::say;

/// Starts everything and takes the tour; then waits for Ctrl-C, unless `once`.
///
/// # Errors
/// If something is missing or does not start; with `once`, also if a step failed.
pub(crate) fn run(once: bool) -> Result<(), Failure> {
    let installed = install::install()?;
    for missing in &installed.missing {
        say::error(&format!("missing: {missing}"));
    }
    build()?;
    let scene = Scene::start()?;
    say::line(&scene.picture());
    let failed = tour::take(&scene);
    say::line(&format!("\n{}", tour::verdict(failed)));
    if once {
        return if failed == 0 {
            Ok(())
        } else {
            Err(broken(failed))
        };
    }
    say::line(&format!(
        "\nTry it:\n  psql '{}'\n  psql '{}'\n\nCtrl-C ends everything.",
        scene.client_url(),
        scene.console_url()
    ));
    wait_for_the_end()
}

fn build() -> Result<(), Failure> {
    say::line("building tidegate …");
    let mut command = Command::new("cargo");
    command.args([
        "build",
        "--quiet",
        "--package",
        "tidegate",
        "--bin",
        "tidegate",
    ]);
    tidegate_harness::programs::output_of(command).map(drop)
}

fn broken(failed: usize) -> Failure {
    Failure::Unexpected(format!("{failed} steps of the tour failed"))
}

fn wait_for_the_end() -> Result<(), Failure> {
    let signals = Signals::new([SIGINT, SIGTERM]);
    let mut signals = signals.map_err(Failure::io("listen for Ctrl-C"))?;
    // The values of the scene are dropped when this returns, and end their servers.
    let _signal = signals.forever().next();
    say::line("\nending …");
    Ok(())
}
