//! `cargo xtask bench`: Tidegate beside its peers, in rounds that alternate between them.
//!
//! Only figures of the same run compare: whatever else the machine does changes them all.

mod figures;
mod ground;
mod load;
mod options;
mod programs;
mod scenario;
mod table;
mod target;

use std::path::Path;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::ServerProcess;
use tidegate_harness::StopSignal;
use tidegate_harness::free_port;

use self::figures::Figures;
use self::ground::Ground;
use self::options::Extent;
use self::options::Sizes;
use self::programs::Programs;
use self::scenario::Scenario;
use self::target::Running;
use self::target::Stand;
use self::target::Target;
use crate::say;

pub(crate) use self::options::BenchOptions;

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
    let ground = Ground::prepare(&programs.rig, &sizes)?;
    let fake = Fake::start(&programs.rig)?;
    let mut figures = Figures::default();
    for scenario in &scenarios {
        let stand = Stand {
            programs: &programs,
            ground: &ground,
            scenario,
            fake_port: fake.port,
        };
        measure(&stand, &sizes, options, &mut figures)?;
        say::line(&table::block(scenario, &figures));
    }
    for gap in &figures.gaps {
        say::line(&format!("not measured: {gap}"));
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
        let is_wanted =
            options.targets.is_empty() || options.targets.iter().any(|name| name == target.name());
        if is_wanted && scenario.suits(target) && target.is_present(stand.programs) {
            running.push((target, target.start(stand)?));
        }
    }
    for _ in 0..sizes.rounds {
        let mut failed = Vec::new();
        for (target, place) in &running {
            let mut command = load::command(stand, place, sizes);
            command.args(["--seconds", &sizes.seconds.to_string()]);
            match load::run(command).and_then(|value| load::sample(&value)) {
                Ok(sample) => figures.add(&scenario.name, *target, sample),
                Err(failure) => {
                    let log = place.log();
                    let gap = format!("{} with {}: {failure}\n{log}", scenario.name, target.name());
                    failed.push((*target, gap));
                },
            }
        }
        for (target, gap) in failed {
            if sizes.extent == Extent::Smoke && target.is_ours() {
                return Err(Failure::Unexpected(gap));
            }
            figures.gaps.push(gap);
            running.retain(|(other, _)| *other != target);
        }
    }
    Ok(())
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
