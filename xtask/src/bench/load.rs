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
use super::regions::Routing;
use super::scenario::Backend;
use super::scenario::Shape;
use super::scenario::Way;
use super::target::Running;
use super::target::Stand;

/// How long one load runs before it is measured, and then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// In seconds.
    pub(crate) warm_up: f64,
    /// In seconds.
    pub(crate) seconds: f64,
    /// How long memory comes to rest before it is looked at, in seconds.
    pub(crate) settle: f64,
}

/// The command for one measurement of a scenario.
pub(crate) fn command(stand: &Stand<'_>, running: &Running, timing: Timing) -> Command {
    let scenario = stand.scenario;
    let (port, user) = match scenario.way {
        Way::Plain => (running.plain_port, TRUSTED),
        Way::Scram => (running.scram_port, PROVEN),
        Way::Tls => (running.tls_port, TRUSTED),
    };
    let mut command = command_as(stand, port, user, TRUSTED);
    if scenario.tenants > 1 {
        command = command_as(stand, port, running.tenant_user, running.tenant_database);
        command.args(["--tenants", &scenario.tenants.to_string()]);
    }
    if scenario.way == Way::Tls {
        command.arg("--tls-ca").arg(stand.ground.file("ca.crt"));
    }
    add_size(&mut command, stand, running, timing);
    command
}

/// A command whose clients are all of one tenant; how many they are is not said yet.
pub(crate) fn command_of_tenant(stand: &Stand<'_>, running: &Running, tenant: u32) -> Command {
    command_at(stand, running, running.plain_port, tenant)
}

/// The same by TLS.
pub(crate) fn command_of_tenant_by_tls(
    stand: &Stand<'_>,
    running: &Running,
    tenant: u32,
) -> Command {
    let mut command = command_at(stand, running, running.tls_port, tenant);
    command.arg("--tls-ca").arg(stand.ground.file("ca.crt"));
    command
}

fn command_at(stand: &Stand<'_>, running: &Running, port: u16, tenant: u32) -> Command {
    let number = |pattern: &str| pattern.replace("{}", &tenant.to_string());
    let (user, database) = (running.tenant_user, running.tenant_database);
    command_as(stand, port, &number(user), &number(database))
}

fn command_as(stand: &Stand<'_>, port: u16, user: &str, database: &str) -> Command {
    let mut command = Command::new(&stand.programs.rig);
    command.args(["load", "--to", &format!("127.0.0.1:{port}")]);
    command.args(["--user", user, "--database", database]);
    command.args(["--password", PASSWORD]);
    command.args(["--accounts", &stand.accounts.to_string()]);
    if stand.scenario.backend == Backend::Fake {
        command.arg("--unchecked");
    }
    command
}

/// How many clients do what, for how long, and which processes are watched.
pub(crate) fn add_size(
    command: &mut Command,
    stand: &Stand<'_>,
    running: &Running,
    timing: Timing,
) {
    let scenario = stand.scenario;
    command.args(["--clients", &scenario.clients.to_string()]);
    command.args(["--idle", &scenario.idle.to_string()]);
    command.args(["--warm-up", &timing.warm_up.to_string()]);
    command.args(["--seconds", &timing.seconds.to_string()]);
    command.args(["--settle", &timing.settle.to_string()]);
    if scenario.backend == Backend::Postgres {
        command.args(["--watch-tree", &stand.ground.pid.to_string()]);
    }
    if scenario.routing != Routing::Off {
        for (_, pid) in &stand.ground.replicas {
            command.args(["--watch-tree", &pid.to_string()]);
        }
    }
    if let Some(pid) = running.pid() {
        command.args(["--watch", &pid.to_string()]);
    }
    command.args(&scenario.load);
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

/// What a measurement says.
///
/// # Errors
/// If it says nothing: no transaction was answered, or no client was there.
pub(crate) fn sample(value: &Value, shape: Shape) -> Result<Sample, Failure> {
    let number = |key: &str| number(value, key);
    let mut sample = Sample::new();
    if let Some(crowd) = value.get("crowd").filter(|crowd| crowd.is_object()) {
        sample.insert(Metric::IdleBytes, idle_bytes(crowd)?);
        if shape == Shape::Memory {
            return Ok(sample);
        }
    }
    let transactions = number("transactions");
    if transactions < 1.0 {
        let nothing = "no transaction was answered";
        return Err(Failure::Unexpected(nothing.to_owned()));
    }
    let each = |ns: f64| ns / 1_000.0 / transactions;
    if let Some(calls) = value.get("system_calls") {
        let calls = calls.get("total").and_then(Value::as_f64).unwrap_or(0.0);
        // It was slower than it is: nothing else of it counts.
        return Ok(Sample::from([(Metric::SystemCalls, calls / transactions)]));
    }
    sample.insert(Metric::Throughput, transactions / number("seconds"));
    sample.insert(Metric::Megabytes, number("bytes") / 1e6 / number("seconds"));
    let (cpu, user) = (number("cpu_ns"), number("user_ns"));
    if cpu > 0.0 {
        sample.insert(Metric::Cpu, each(cpu));
        sample.insert(Metric::CpuUser, each(user));
        sample.insert(Metric::CpuSystem, each(cpu - user));
        // Nanoseconds for a byte are seconds for a gigabyte.
        sample.insert(Metric::SecondsPerGigabyte, cpu / number("bytes"));
        let grown = number("resident_peak") - number("resident_before");
        sample.insert(Metric::Growth, grown / 1e6);
    }
    if number("servers_cpu_ns") > 0.0 {
        sample.insert(Metric::CpuServers, each(number("servers_cpu_ns")));
    }
    for (metric, key) in [
        (Metric::P50, "p50_us"),
        (Metric::P95, "p95_us"),
        (Metric::P99, "p99_us"),
        (Metric::P999, "p999_us"),
    ] {
        sample.insert(metric, number(key));
    }
    if number("write_p50_us") > 0.0 {
        sample.insert(Metric::WriteP50, number("write_p50_us"));
        sample.insert(Metric::WriteP99, number("write_p99_us"));
    }
    Ok(sample)
}

fn idle_bytes(crowd: &Value) -> Result<f64, Failure> {
    let clients = number(crowd, "clients");
    if clients < 1.0 {
        return Err(Failure::Unexpected("no idle client came".to_owned()));
    }
    Ok((number(crowd, "after") - number(crowd, "before")) / clients)
}

fn number(value: &Value, key: &str) -> f64 {
    value.get(key).and_then(Value::as_f64).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn costs_are_per_transaction_and_per_byte() {
        let value = json!({
            "transactions": 1_000, "seconds": 2.0, "bytes": 5_000_000, "cpu_ns": 10_000_000,
            "user_ns": 2_000_000, "resident_peak": 3_000_000, "resident_before": 1_000_000,
        });
        let sample = sample(&value, Shape::Bytes).unwrap();
        let expected = [
            (Metric::Throughput, 500.0),
            (Metric::Cpu, 10.0),
            (Metric::CpuUser, 2.0),
            (Metric::CpuSystem, 8.0),
            (Metric::SecondsPerGigabyte, 2.0),
            (Metric::Megabytes, 2.5),
            (Metric::Growth, 2.0),
        ];
        for (metric, value) in expected {
            assert_eq!(sample.get(&metric), Some(&value), "{metric:?}");
        }
        assert!(!sample.contains_key(&Metric::CpuServers));
    }

    #[test]
    fn a_load_that_nobody_answered_is_a_failure() {
        let value = json!({"transactions": 0, "crowd": null});
        assert!(sample(&value, Shape::Transactions).is_err());
        assert!(sample(&value, Shape::Memory).is_err());
        let crowd = json!({"transactions": 0, "crowd": {"clients": 10, "before": 50, "after": 90}});
        let memory = sample(&crowd, Shape::Memory).unwrap();
        assert_eq!(memory, Sample::from([(Metric::IdleBytes, 4.0)]));
        assert!(sample(&crowd, Shape::Transactions).is_err());
    }

    #[test]
    fn a_traced_load_is_good_for_its_calls_only() {
        let value = json!({"transactions": 100, "system_calls": {"total": 420, "sendto": 200}});
        let sample = sample(&value, Shape::Transactions).unwrap();
        assert_eq!(sample, Sample::from([(Metric::SystemCalls, 4.2)]));
    }
}
