//! A run as JSON: every sample, so that nobody has to measure again to ask something else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tidegate_harness::Failure;
use tidegate_harness::programs;

use super::figures::Figures;
use super::goals;
use super::machine::Machine;
use super::options::Sizes;
use super::programs::output_folder;

/// Writes it into the folder `bench` of the build output, and returns where.
///
/// # Errors
/// [`Failure::Io`].
pub(crate) fn write(
    figures: &Figures,
    sizes: &Sizes,
    machine: &Machine,
) -> Result<PathBuf, Failure> {
    let folder = output_folder()?.join("bench");
    fs::create_dir_all(&folder).map_err(Failure::io("make the folder of the results"))?;
    let mut date = Command::new("date");
    date.args(["-u", "+%Y-%m-%dT%H-%M-%S"]);
    let date = programs::output_of(date)?.trim().to_owned();
    let path = folder.join(format!("{date}.json"));
    let text = format!("{:#}\n", document(figures, sizes, machine));
    fs::write(&path, text).map_err(Failure::io(format!("write {}", path.display())))?;
    Ok(path)
}

fn document(figures: &Figures, sizes: &Sizes, machine: &Machine) -> Value {
    let mut scenarios = Map::new();
    for (scenario, target, samples) in figures.measured() {
        let samples: Vec<Value> = samples
            .iter()
            .map(|sample| {
                let entries = sample.iter();
                let entries =
                    entries.map(|(metric, value)| (metric.name().to_owned(), json!(value)));
                Value::Object(entries.collect())
            })
            .collect();
        let targets = scenarios.entry(scenario).or_insert_with(|| json!({}));
        if let Value::Object(targets) = targets {
            targets.insert(target.name().to_owned(), Value::Array(samples));
        }
    }
    let goals: Vec<Value> = goals::ALL
        .iter()
        .map(|goal| {
            let judgement = goal.judge(figures);
            json!({
                "figure": goal.figure,
                "wanted": goal.wanted(),
                "value": judgement.value,
                "verdict": judgement.verdict,
            })
        })
        .collect();
    let gaps: Vec<String> = figures.gaps.iter().map(ToString::to_string).collect();
    json!({
        "machine": machine.description(),
        "rounds": sizes.rounds,
        "seconds": sizes.seconds,
        "scenarios": scenarios,
        "goals": goals,
        "not_measured": gaps,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures::Metric;
    use crate::bench::figures::Sample;
    use crate::bench::target::Target;

    #[test]
    fn every_sample_is_kept_under_its_scenario_and_target() {
        let mut figures = Figures::default();
        for cpu in [11.0, 12.0] {
            let sample = Sample::from([(Metric::Cpu, cpu)]);
            figures.add("simple-32", Target::Relay, sample);
        }
        let document = document(&figures, &Sizes::FULL, &Machine::default());
        let samples = document.pointer("/scenarios/simple-32/relay").unwrap();
        assert_eq!(*samples, json!([{"cpu_us": 11.0}, {"cpu_us": 12.0}]));
        assert_eq!(
            document.pointer("/goals/0/verdict"),
            Some(&json!("not measured"))
        );
    }
}
