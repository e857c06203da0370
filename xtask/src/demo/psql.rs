//! What the tour asks by psql, in the forms that it shows.

use std::process::Command;

use tidegate_harness::Failure;

use super::region::Region;
use super::scene::Scene;
use super::scene::TENANT;
use super::step::Steps;

/// Shows the endpoints of the tenant.
///
/// # Errors
/// [`Failure::Exited`] with what psql said.
pub(crate) fn endpoints(scene: &Scene, steps: &Steps, console: &str) -> Result<String, Failure> {
    let columns = [
        "name",
        "state",
        "primary",
        "timeline",
        "lag_ms",
        "rtt_us",
        "seen_ms_ago",
        "failures",
    ];
    steps.run_table(
        table(scene, steps, console, "SHOW ENDPOINTS"),
        TENANT,
        &columns,
    )
}

/// A psql that prints bare rows.
pub(crate) fn psql(scene: &Scene, steps: &Steps, name: &str, sql: &str) -> Command {
    let mut command = session(scene, steps, name);
    command.args(["-c", sql]);
    command
}

/// The same that stays.
pub(crate) fn session(scene: &Scene, steps: &Steps, name: &str) -> Command {
    let mut command = scene.cluster(Region::Fra).binaries().command("psql");
    command.args(["-XAt", steps.value(name)]);
    command
}

/// A psql that prints a table.
pub(crate) fn table(scene: &Scene, steps: &Steps, name: &str, sql: &str) -> Command {
    let mut command = scene.cluster(Region::Fra).binaries().command("psql");
    command.args(["-X", steps.value(name), "-c", sql]);
    command
}
