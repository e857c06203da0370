//! A quiet tenant beside a noisy one: thousands of clients that wait for few servers, and others
//! whose results never end; or clients that log in over TLS, one after the other.

use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::ServerProcess;
use tidegate_harness::StopSignal;

use super::figures::Metric;
use super::figures::Sample;
use super::load;
use super::load::Timing;
use super::options::Sizes;
use super::scenario::Disturbance;
use super::scenario::NOISY;
use super::scenario::Shape;
use super::target::Running;
use super::target::Stand;

/// Clients that wait for servers, each of which is busy for a twentieth of a second at a time.
const WAITING: u32 = 2_000;
/// Clients that read large results, one after the other.
const GREEDY: u32 = 2;
/// Clients that log in at once.
const STRANGERS: u32 = 16;
/// Enough for the noisy clients to come, in seconds.
const ARRIVAL: f64 = 3.0;
/// Longer than any measurement, in seconds.
const FOREVER: &str = "600";

/// Measures the quiet tenant alone and beside the other.
///
/// # Errors
/// If a client of either could not do what it wants.
pub(crate) fn sample(
    stand: &Stand<'_>,
    running: &Running,
    sizes: &Sizes,
    disturbance: Disturbance,
) -> Result<Sample, Failure> {
    let shape = Shape::Noise(disturbance);
    let mut timing = sizes.timing();
    let alone = load::run(quiet(stand, running, timing))?;
    let mut sample = load::sample(&alone, shape)?;
    let mut noise = match disturbance {
        Disturbance::Results => results(stand, running, sizes)?,
        Disturbance::Logins => logins(stand, running, sizes)?,
    };
    timing.warm_up = ARRIVAL.min(sizes.seconds);
    let beside = load::run(quiet(stand, running, timing))?;
    for one in &mut noise {
        one.is_alive()?;
    }
    let beside = load::sample(&beside, shape)?;
    let of = |sample: &Sample| sample.get(&Metric::P99).copied().unwrap_or(0.0);
    let (alone, beside) = (of(&sample), of(&beside));
    sample.insert(Metric::P99Beside, beside);
    sample.insert(Metric::NoiseRatio, beside / alone);
    Ok(sample)
}

fn results(stand: &Stand<'_>, running: &Running, sizes: &Sizes) -> Result<Vec<Noise>, Failure> {
    let waiting = sizes.scaled(WAITING).to_string();
    let slow = ["--query", "SELECT pg_sleep(0.050)", "--clients", &waiting];
    let bytes = sizes.large_bytes;
    let huge = format!("SELECT repeat('x', {bytes})");
    let greedy = GREEDY.to_string();
    let huge = ["--query", &huge, "--clients", &greedy, "--think-ms", "50"];
    let start = |words: &[&str]| {
        let mut command = load::command_of_tenant(stand, running, NOISY);
        command.args(["--kind", "text", "--rows", "1"]).args(words);
        Noise::start(command)
    };
    Ok(vec![start(&slow)?, start(&huge)?])
}

fn logins(stand: &Stand<'_>, running: &Running, sizes: &Sizes) -> Result<Vec<Noise>, Failure> {
    let mut command = load::command_of_tenant_by_tls(stand, running, NOISY);
    let clients = sizes.scaled(STRANGERS).to_string();
    command.args(["--kind", "login", "--clients", &clients]);
    // Ports of one address run out: a closed connection keeps its own for a minute.
    command.args(["--sources", "200"]);
    Ok(vec![Noise::start(command)?])
}

/// The clients whose latency counts; they are of one tenant.
fn quiet(stand: &Stand<'_>, running: &Running, timing: Timing) -> Command {
    let mut command = load::command_of_tenant(stand, running, 0);
    load::add_size(&mut command, stand, running, timing);
    command
}

/// Clients of the other tenant. They end when this is dropped.
#[derive(Debug)]
struct Noise {
    // Dropped in this order: first the process ends, then its folder goes.
    process: ServerProcess,
    _folder: Folder,
}

impl Noise {
    fn start(mut command: Command) -> Result<Self, Failure> {
        let folder = Folder::new()?;
        command.args(["--seconds", FOREVER]);
        let log = folder.path().join("log");
        let process = ServerProcess::start("the noise", command, &log, StopSignal::Kill)?;
        Ok(Self {
            process,
            _folder: folder,
        })
    }

    /// Whether it is still making noise: what ended early disturbed nobody.
    fn is_alive(&mut self) -> Result<(), Failure> {
        match self.process.ended()? {
            None => Ok(()),
            Some(status) => Err(Failure::Died {
                program: "the noise".to_owned(),
                status,
                log: self.process.log(),
            }),
        }
    }
}
