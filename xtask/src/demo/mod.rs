//! `cargo xtask demo`: a real PostgreSQL in each of three regions behind Tidegates, each
//! behind a real HAProxy that sends PROXY headers, a tour through what that gives, and then
//! connection strings to play with.
//!
//! Everything is private to this run: free ports, temporary folders, gone at the end. The regions
//! are on this machine, as far from one another as relays make them.

mod columns;
mod failover;
mod names;
mod psql;
mod region;
mod scene;
mod session;
mod site;
mod step;
mod tour;

use std::process::Command;

use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use tidegate_harness::Failure;

use self::scene::Scene;
use self::step::Steps;
use crate::install;
use crate::say;

/// Starts everything and takes the tour; then waits for Ctrl-C, unless `once`.
///
/// # Errors
/// If something is missing or does not start, and if a step is not as it should be.
pub(crate) fn run(once: bool) -> Result<(), Failure> {
    let installed = install::install_for_demo()?;
    for missing in &installed.missing {
        say::error(&format!("missing: {missing}"));
    }
    build()?;
    say::line("starting three regions …");
    let mut scene = Scene::start()?;
    say::line(&scene.picture());
    say::line("\nWhat the names below stand for (paste it into a shell of yours):\n");
    say::line(&scene.names().definitions());
    let mut steps = Steps::told_by(say::line, scene.names());
    tour::take(&mut scene, &mut steps)?;
    say::line("\nEvery step went as it should.");
    if once {
        return Ok(());
    }
    say::line(&farewell(&scene));
    wait_for_the_end()
}

/// What one can do now.
fn farewell(scene: &Scene) -> String {
    let names = scene.names();
    let psql = |name: &str, more: &str| format!("  psql '{}'{more}\n", names.value(name));
    [
        "\nIt is yours now. A client in ams, a client in syd, and what each node knows:\n\n",
        &psql("AMS", ""),
        &psql("SYD", ""),
        &psql("CONSOLE", " -xc 'SHOW ENDPOINTS'"),
        &psql("SYD_CONSOLE", " -xc 'SHOW ENDPOINTS'"),
        "\nCtrl-C ends everything.",
    ]
    .concat()
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

fn wait_for_the_end() -> Result<(), Failure> {
    let signals = Signals::new([SIGINT, SIGTERM]);
    let mut signals = signals.map_err(Failure::io("listen for Ctrl-C"))?;
    // The values of the scene are dropped when this returns, and end their servers.
    let _signal = signals.forever().next();
    say::line("\nending …");
    Ok(())
}
