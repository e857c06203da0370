//! Runs the load generator and reads what it says.

use std::process::Command;

use serde_json::Value;
use tidegate_harness::Failure;
use tidegate_harness::programs;

use super::figures::Metric;
use super::figures::Sample;
use super::ground::PASSWORD;
use super::ground::PROVEN;
use super::ground::TRUSTED;
use super::options::Sizes;
use super::scenario::Backend;
use super::scenario::Way;
use super::target::Running;
use super::target::Stand;

/// The command for one measurement of a scenario.
pub(crate) fn command(stand: &Stand<'_>, running: &Running, sizes: &Sizes) -> Command {
    let scenario = stand.scenario;
    let (port, user) = match scenario.way {
        Way::Plain => (running.plain_port, TRUSTED),
        Way::Scram => (running.scram_port, PROVEN),
        Way::Tls => (running.tls_port, TRUSTED),
    };
    let mut command = Command::new(&stand.programs.rig);
    command.args(["load", "--to", &format!("127.0.0.1:{port}")]);
    if scenario.tenants > 1 {
        command.args(["--user", running.tenant_user]);
        command.args(["--database", running.tenant_database]);
        command.args(["--tenants", &scenario.tenants.to_string()]);
    } else {
        command.args(["--user", user, "--database", TRUSTED]);
    }
    command.args(["--password", PASSWORD]);
    command.args(["--clients", &scenario.clients.to_string()]);
    command.args(["--accounts", &sizes.accounts.to_string()]);
    command.args(["--warm-up", &sizes.warm_up.to_string()]);
    if scenario.way == Way::Tls {
        command.arg("--tls-ca").arg(stand.ground.file("ca.crt"));
    }
    if scenario.backend == Backend::Fake {
        command.arg("--unchecked");
    } else {
        command.args(["--watch-tree", &stand.ground.pid.to_string()]);
    }
    if let Some(pid) = running.pid() {
        command.args(["--watch", &pid.to_string()]);
    }
    command.args(&scenario.load);
    command
}

/// Runs it; what it measured.
///
/// # Errors
/// If it ended with an error, a client had one, or nothing was answered.
pub(crate) fn run(command: Command) -> Result<Value, Failure> {
    let text = programs::output_of(command)?;
    let odd = |error| Failure::Unexpected(format!("the load said {text}: {error}"));
    let value: Value = serde_json::from_str(&text).map_err(odd)?;
    if let Some(error) = value.get("first_error").and_then(Value::as_str) {
        return Err(Failure::Unexpected(error.to_owned()));
    }
    Ok(value)
}

/// What a measurement says of transactions.
///
/// # Errors
/// If there were none.
pub(crate) fn sample(value: &Value) -> Result<Sample, Failure> {
    let number = |key: &str| value.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let transactions = number("transactions");
    if transactions < 1.0 {
        return Err(Failure::Unexpected(
            "no transaction was answered".to_owned(),
        ));
    }
    let mut sample = Sample::new();
    sample.insert(Metric::Throughput, transactions / number("seconds"));
    let each = |ns: f64| ns / 1_000.0 / transactions;
    let (cpu, user) = (number("cpu_ns"), number("user_ns"));
    if cpu > 0.0 {
        sample.insert(Metric::Cpu, each(cpu));
        sample.insert(Metric::CpuUser, each(user));
        sample.insert(Metric::CpuSystem, each(cpu - user));
    }
    if number("servers_cpu_ns") > 0.0 {
        sample.insert(Metric::CpuServers, each(number("servers_cpu_ns")));
    }
    sample.insert(Metric::P50, number("p50_us"));
    sample.insert(Metric::P95, number("p95_us"));
    sample.insert(Metric::P99, number("p99_us"));
    sample.insert(Metric::P999, number("p999_us"));
    Ok(sample)
}
