//! The tour: what a newcomer would try, in the order in which it makes sense.

use std::path::PathBuf;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::http_get;
use tidegate_harness::tools;

use super::scene::ELSEWHERE;
use super::scene::Scene;
use super::scene::TENANT;
use super::step::Steps;
use crate::say;

/// How many lines of the metrics are shown.
const METRICS_SHOWN: usize = 15;

/// Takes all steps and returns how many failed.
pub(crate) fn take(scene: &Scene) -> usize {
    let mut steps = Steps::told_by(say::line);
    query(scene, &mut steps);
    client_address(scene, &mut steps);
    refusal(scene, &mut steps);
    benchmark(scene, &mut steps);
    driver(scene, &mut steps);
    console(scene, &mut steps);
    metrics(scene, &mut steps);
    steps.failed()
}

/// How the tour went.
pub(crate) fn verdict(failed: usize) -> String {
    match failed {
        0 => "Every step went as it should.".to_owned(),
        1 => "One step FAILED.".to_owned(),
        _ => format!("{failed} steps FAILED."),
    }
}

fn query(scene: &Scene, steps: &mut Steps) {
    steps.begin("psql, through HAProxy and Tidegate, to a row");
    let sql = "select 6 * 7 as answer, current_user, current_database()";
    steps.run(psql(scene, &scene.client_url(), sql), "42");
}

fn client_address(scene: &Scene, steps: &mut Steps) {
    steps.begin("Tidegate knows the client by the address that HAProxy saw, not by HAProxy's own");
    let found = address_in_haproxy_log(scene).and_then(|address| {
        let line = scene.pooler.wait_for_log(&address)?;
        Ok(format!("HAProxy saw   {address}\nTidegate logs {line}"))
    });
    steps.show(found, TENANT);
}

/// HAProxy logs `127.0.0.1:40312 [date] front …` when a connection ends.
fn address_in_haproxy_log(scene: &Scene) -> Result<String, Failure> {
    let limit = std::time::Duration::from_secs(5);
    tidegate_harness::polling::until("a line in HAProxy's log", limit, || {
        let log = scene.haproxy.log();
        let line = log.lines().find(|line| line.contains(" front "));
        Ok(line
            .and_then(|line| line.split(' ').next())
            .map(str::to_owned))
    })
}

fn refusal(scene: &Scene, steps: &mut Steps) {
    steps.begin(
        "A client from a network that the tenant does not allow is refused, and told the address",
    );
    let mut command = psql(scene, &scene.elsewhere_url(), "select 1");
    command.args(["-v", "VERBOSITY=verbose"]);
    steps.run_refused(command, ELSEWHERE);
    steps.begin("… and the tenant's log says why");
    let found = scene.pooler.wait_for_log(ELSEWHERE);
    steps.show(found, TENANT);
}

fn benchmark(scene: &Scene, steps: &mut Steps) {
    steps.begin("pgbench fills its tables (COPY) and runs, simple and extended, and reconnecting");
    let url = scene.client_url();
    let mut fill = scene.cluster.binaries().command("pgbench");
    fill.args(["-i", "-q", "-s", "1", &url]);
    steps.run(fill, "");
    for mode in [&["-M", "simple"][..], &["-M", "extended"], &["-C", "-S"]] {
        let mut command = scene.cluster.binaries().command("pgbench");
        command
            .args(["-n", "-c", "4", "-T", "2"])
            .args(mode)
            .arg(&url);
        steps.run(command, "number of failed transactions: 0");
    }
}

fn driver(scene: &Scene, steps: &mut Steps) {
    let Ok(python) = tools::python() else {
        say::line("\n   (no psycopg here: install python3-venv to see a driver at work)");
        return;
    };
    steps.begin("psycopg: simple and extended queries, transactions, COPY, a pipeline, errors");
    let mut command = Command::new(python);
    command.arg(drivers_folder().join("psycopg_tour.py"));
    command.arg(scene.client_url());
    steps.run(command, "pipeline ok");
}

fn console(scene: &Scene, steps: &mut Steps) {
    steps.begin("The operator's console answers as PgBouncer's does");
    steps.run(psql(scene, &scene.console_url(), "show pools"), "cl_active");
}

fn metrics(scene: &Scene, steps: &mut Steps) {
    steps.begin("Metrics, for Prometheus (what it says of this tenant, in part)");
    let of_tenant = format!("tenant=\"{TENANT}\"");
    let found = http_get(scene.http_port(), "/metrics").map(|(_status, body)| {
        let lines = body
            .lines()
            .filter(|line| line.contains(&of_tenant) && !line.ends_with(" 0"));
        lines.take(METRICS_SHOWN).collect::<Vec<&str>>().join("\n")
    });
    steps.show(found, "tidegate_");
}

fn psql(scene: &Scene, url: &str, sql: &str) -> Command {
    let mut command = scene.cluster.binaries().command("psql");
    command.args(["-X", "-d", url, "-c", sql]);
    command
}

/// The test programs of the drivers, in the source of the project.
fn drivers_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/drivers")
}
