//! `cargo xtask bench`: Tidegate beside its peers, in rounds that alternate between them.
//!
//! Only figures of the same run compare: whatever else the machine does changes them all.

mod chart;
mod figures;
mod goals;
mod ground;
mod load;
mod machine;
mod noise;
mod options;
mod programs;
mod record;
mod regions;
mod scenario;
mod table;
mod target;

use std::fs;
use std::path::Path;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::ServerProcess;
use tidegate_harness::StopSignal;
use tidegate_harness::free_port;
use tidegate_harness::tools::on_path;

use self::figures::Figures;
use self::figures::Gap;
use self::figures::Sample;
use self::ground::Ground;
use self::load::Timing;
use self::machine::Machine;
use self::options::Extent;
use self::options::Sizes;
use self::programs::Programs;
use self::regions::Routing;
use self::scenario::Scenario;
use self::scenario::Shape;
use self::target::Running;
use self::target::Stand;
use self::target::Target;
use crate::say;

pub(crate) use self::options::BenchOptions;

/// Long enough for thousands of transactions, slow as they are then.
const TRACED_SECONDS: f64 = 1.0;

/// With these it is seen whether a scenario works.
const SMOKE_TARGETS: [Target; 5] = [
    Target::Tidegate2,
    Target::PgBouncer,
    Target::Relay,
    Target::Routed,
    Target::Unrouted,
];

/// Measures, and prints what came of it.
///
/// # Errors
/// If something does not build or start; in a smoke run, if any scenario fails with a program of
/// ours.
pub(crate) fn run(options: &BenchOptions) -> Result<(), Failure> {
    let sizes = Sizes::of(options);
    let scenarios = chosen(options, &sizes)?;
    if options.list {
        for scenario in &scenarios {
            say::line(&format!("{:<20} {}", scenario.name, scenario.about));
        }
        return Ok(());
    }
    let programs = Programs::prepare(options, sizes.extent)?;
    let replicas = scenarios.iter().map(|scenario| scenario.routing.replicas());
    let ground = Ground::prepare(&programs.rig, &sizes, replicas.max().unwrap_or(0))?;
    let fake = Fake::start(&programs.rig)?;
    let noisy = Fake::start(&programs.rig)?;
    let machine = Machine::this(&programs, ground.cluster.binaries().major());
    let mut figures = Figures::default();
    for scenario in &scenarios {
        let stand = Stand {
            programs: &programs,
            ground: &ground,
            scenario,
            fake_port: fake.port,
            noisy_port: noisy.port,
            accounts: sizes.accounts,
        };
        measure(&stand, &sizes, options, &mut figures)?;
        say::line(&table::block(scenario, &figures, &machine));
    }
    report(options, &sizes, &figures, &programs, &machine)
}

/// The end of a run: what is missing, the goals, and the files.
fn report(
    options: &BenchOptions,
    sizes: &Sizes,
    figures: &Figures,
    programs: &Programs,
    machine: &Machine,
) -> Result<(), Failure> {
    for gap in &figures.gaps {
        say::line(&format!("not measured: {gap}"));
    }
    for (_, variable, program) in programs.peers() {
        if program.is_none() {
            say::line(&format!("not measured: what {variable} would name"));
        }
    }
    if sizes.extent == Extent::Smoke {
        // Its figures mean nothing.
        say::line("every scenario works");
        return Ok(());
    }
    let description = machine.description();
    say::line(&format!("\n{}\n\n{description}", goals::table(figures)));
    let path = record::write(figures, sizes, machine)?;
    say::line(&format!("written to {}", path.display()));
    if let Some(path) = &options.svg {
        let chart = chart::svg(figures, &description);
        fs::write(path, chart).map_err(Failure::io(format!("write {}", path.display())))?;
    }
    Ok(())
}

/// The scenarios that were asked for, or all that belong to this extent.
fn chosen(options: &BenchOptions, sizes: &Sizes) -> Result<Vec<Scenario>, Failure> {
    let mut scenarios = scenario::all(sizes);
    if let Some(unknown) = options
        .scenarios
        .iter()
        .find(|name| !scenarios.iter().any(|scenario| scenario.name == **name))
    {
        let names: Vec<&str> = scenarios.iter().map(|known| known.name.as_str()).collect();
        let names = names.join(", ");
        return Err(Failure::Unexpected(format!(
            "no scenario {unknown}; there are {names}"
        )));
    }
    scenarios.retain(|scenario| match options.scenarios.as_slice() {
        [] => sizes.extent != Extent::Quick || scenario.is_quick,
        names => names.contains(&scenario.name),
    });
    Ok(scenarios)
}

/// One scenario with every target: all are started, then measured in turn, round by round.
fn measure(
    stand: &Stand<'_>,
    sizes: &Sizes,
    options: &BenchOptions,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let scenario = stand.scenario;
    let mut running: Vec<(Target, Running)> = Vec::new();
    for target in Target::ALL {
        let is_wanted = match options.targets.as_slice() {
            [] => sizes.extent != Extent::Smoke || SMOKE_TARGETS.contains(&target),
            names => names.iter().any(|name| name == target.name()),
        };
        if !is_wanted || !scenario.suits(target) || !target.is_present(stand.programs) {
            continue;
        }
        if let Some(why) = target.cannot(stand) {
            figures.gaps.push(gap(scenario, target, why));
            continue;
        }
        start(target, stand, figures, &mut running)?;
    }
    for round in 0..sizes.rounds {
        if round > 0 {
            // Nobody is always the first, nor always behind the same other.
            running.rotate_left(1);
            if scenario.idle > 0 {
                // What the crowd of the last round gave back would be used again by this one's.
                restart(&mut running, stand, figures)?;
            }
        }
        keep_those_that_work(&mut running, stand, sizes, figures, |place| {
            measure_once(stand, place, sizes)
        })?;
    }
    if scenario.is_traced && sizes.extent != Extent::Smoke && on_path("strace").is_some() {
        // Nothing can be traced that is no process of its own.
        running.retain(|(_, place)| place.pid().is_some());
        keep_those_that_work(&mut running, stand, sizes, figures, |place| {
            trace(stand, place, sizes)
        })?;
    }
    Ok(())
}

fn restart(
    running: &mut Vec<(Target, Running)>,
    stand: &Stand<'_>,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let targets: Vec<Target> = running.drain(..).map(|(target, _)| target).collect();
    for target in targets {
        start(target, stand, figures, running)?;
    }
    Ok(())
}

/// Starts a target. One that does not start is left out, if it is not ours.
fn start(
    target: Target,
    stand: &Stand<'_>,
    figures: &mut Figures,
    running: &mut Vec<(Target, Running)>,
) -> Result<(), Failure> {
    match target.start(stand) {
        Ok(place) => running.push((target, place)),
        Err(failure) if target.is_ours() => return Err(failure),
        Err(failure) => figures
            .gaps
            .push(gap(stand.scenario, target, failure.to_string())),
    }
    Ok(())
}

/// Measures each target once. One that fails is left out from then on, if it is not ours.
fn keep_those_that_work(
    running: &mut Vec<(Target, Running)>,
    stand: &Stand<'_>,
    sizes: &Sizes,
    figures: &mut Figures,
    measure: impl Fn(&Running) -> Result<Sample, Failure>,
) -> Result<(), Failure> {
    let name = &stand.scenario.name;
    let mut failed = Vec::new();
    for (target, place) in running.iter() {
        match measure(place) {
            Ok(sample) => figures.add(name, *target, sample),
            Err(failure) => {
                let why = format!("{failure}\n{}", place.log());
                failed.push(gap(stand.scenario, *target, why));
            },
        }
    }
    for gap in failed {
        if sizes.extent == Extent::Smoke && gap.target.is_ours() {
            return Err(Failure::Unexpected(gap.to_string()));
        }
        running.retain(|(other, _)| *other != gap.target);
        figures.gaps.push(gap);
    }
    Ok(())
}

fn gap(scenario: &Scenario, target: Target, why: String) -> Gap {
    Gap {
        scenario: scenario.name.clone(),
        target,
        why,
    }
}

fn measure_once(stand: &Stand<'_>, place: &Running, sizes: &Sizes) -> Result<Sample, Failure> {
    let shape = stand.scenario.shape;
    if let Shape::Noise(disturbance) = shape {
        return noise::sample(stand, place, sizes, disturbance);
    }
    if stand.scenario.routing != Routing::Off {
        return regions::sample(stand, place, sizes);
    }
    let value = load::run(load::command(stand, place, sizes.timing()))?;
    load::sample(&value, shape)
}

/// Counts system calls, which makes everything slow: apart from the rounds.
fn trace(stand: &Stand<'_>, place: &Running, sizes: &Sizes) -> Result<Sample, Failure> {
    let folder = Folder::new()?;
    let timing = Timing {
        seconds: TRACED_SECONDS,
        ..sizes.timing()
    };
    let mut command = load::command(stand, place, timing);
    command.arg("--strace").arg(folder.path().join("strace"));
    let value = load::run(command)?;
    load::sample(&value, stand.scenario.shape)
}

/// The PostgreSQL that costs nothing.
#[derive(Debug)]
struct Fake {
    // Dropped in this order: first the process ends, then its folder goes.
    _process: ServerProcess,
    _folder: Folder,
    port: u16,
}

impl Fake {
    fn start(rig: &Path) -> Result<Self, Failure> {
        let folder = Folder::new()?;
        let port = free_port()?;
        let mut command = Command::new(rig);
        command.args(["fake-postgres", "--listen", &format!("127.0.0.1:{port}")]);
        let log = folder.path().join("log");
        let name = "the PostgreSQL that costs nothing";
        let process = ServerProcess::start(name, command, &log, StopSignal::Terminate)?;
        Ok(Self {
            _process: process,
            _folder: folder,
            port,
        })
    }
}
