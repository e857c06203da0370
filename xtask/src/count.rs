//! `cargo xtask count`: how many instructions a transaction costs, in a world in memory, against what
//! it cost before.
//!
//! Instructions hardly differ from run to run, so that a change that makes transactions dearer is
//! seen on any machine. Counted is what a session's task does, by callgrind; see
//! `benches/world/src/bin/transactions.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::programs;

use crate::install;
use crate::say;

/// What is counted: the task of a session, and whatever it calls.
const SESSION: &str = "<tidegate::session::run::Session as core::future::future::Future>::poll";

/// The kinds of transactions, as the program calls them.
const KINDS: [&str; 7] = [
    "extended",
    "prepared",
    "routed",
    "routed-prepared",
    "shared",
    "simple",
    "waiting",
];

/// Transactions until every buffer and table has the size that it keeps, and those that are counted.
const TO_WARM_UP: u64 = 400;
const COUNTED: u64 = 1000;

/// How much more than before is no accident, in percent.
const RISE_MAX: u64 = 3;

/// What transactions cost, in instructions, by kind.
type Costs = BTreeMap<String, u64>;

/// Counts, and compares with the file or replaces it.
///
/// # Errors
/// If a transaction costs more than the file says, or something could not be run.
pub(crate) fn run(is_written: bool) -> Result<(), Failure> {
    install::install_packages(&["valgrind"])?;
    let program = build()?;
    let costs = KINDS
        .into_iter()
        .map(|kind| Ok((kind.to_owned(), cost(&program, kind)?)))
        .collect::<Result<Costs, Failure>>()?;
    let file = root().join("benches/instructions.toml");
    if is_written {
        let text = toml::to_string(&costs).map_err(|error| unexpected(&error))?;
        let text = format!("{HEADER}{text}");
        return fs::write(&file, text).map_err(Failure::io("write the file of instructions"));
    }
    let text = fs::read_to_string(&file).map_err(Failure::io("read the file of instructions"))?;
    let known: Costs = toml::from_str(&text).map_err(|error| unexpected(&error))?;
    let (lines, is_dearer) = compare(&costs, &known);
    for line in &lines {
        say::line(line);
    }
    if is_dearer {
        return Err(Failure::Unexpected(format!(
            "a transaction costs over {RISE_MAX} % more than {} says; if it is worth it, say so in the \
             commit that runs  cargo xtask count --write",
            file.display()
        )));
    }
    Ok(())
}

const HEADER: &str = "# Instructions per transaction within a session's task: `cargo xtask count` compares, and\n\
                      # `cargo xtask count --write` writes them anew.\n";

/// One line for each kind, and whether one costs more than it may.
fn compare(costs: &Costs, known: &Costs) -> (Vec<String>, bool) {
    let mut is_dearer = false;
    let lines = costs.iter().map(|(kind, cost)| {
        let Some(before) = known.get(kind) else {
            is_dearer = true;
            return format!("{kind:16} {cost:6} instructions: not in the file yet");
        };
        let is_too_much = *cost > before + before * RISE_MAX / 100;
        is_dearer |= is_too_much;
        let remark = if is_too_much { "  too many" } else { "" };
        format!("{kind:16} {cost:6} instructions, {before} before{remark}")
    });
    let lines = lines.collect();
    (lines, is_dearer)
}

/// What one transaction of a kind costs.
fn cost(program: &Path, kind: &str) -> Result<u64, Failure> {
    let fewer = instructions(program, kind, TO_WARM_UP)?;
    let more = instructions(program, kind, TO_WARM_UP + COUNTED)?;
    match more.checked_sub(fewer) {
        Some(counted) if fewer > 0 => Ok(counted / COUNTED),
        _ => Err(Failure::Unexpected(format!(
            "callgrind saw nothing of {SESSION}: is it called otherwise by now?"
        ))),
    }
}

fn instructions(program: &Path, kind: &str, transactions: u64) -> Result<u64, Failure> {
    let mut command = Command::new("valgrind");
    command.args([
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "--log-fd=1",
    ]);
    command.arg(format!("--toggle-collect={SESSION}"));
    command.arg(program).args([kind, &transactions.to_string()]);
    collected(&programs::output_of(command)?)
}

/// The figure in `==123== Collected : 456`.
fn collected(output: &str) -> Result<u64, Failure> {
    let figure = output
        .lines()
        .find_map(|line| line.split_once("Collected :"));
    figure
        .and_then(|(_, figure)| figure.trim().parse().ok())
        .ok_or_else(|| Failure::Unexpected(format!("callgrind told no figure:\n{output}")))
}

/// The program, built as a release is but for what takes long.
fn build() -> Result<PathBuf, Failure> {
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--profile", "count"]);
    command.args(["-p", "tidegate-world", "--bin", "transactions"]);
    programs::output_of(command)?;
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join("count/transactions"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn unexpected(error: &dyn std::error::Error) -> Failure {
    Failure::Unexpected(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(simple: u64) -> Costs {
        BTreeMap::from([("simple".to_owned(), simple)])
    }

    #[test]
    fn only_a_rise_over_the_limit_or_something_new_is_refused() {
        let is_dearer = |now, before: &Costs| compare(&costs(now), before).1;
        assert!(!is_dearer(1030, &costs(1000)));
        assert!(is_dearer(1031, &costs(1000)));
        assert!(!is_dearer(500, &costs(1000)));
        assert!(is_dearer(1000, &Costs::new()));
    }

    #[test]
    fn the_figure_is_found_among_what_callgrind_says() {
        let output = "==7== Events    : Ir\n==7== Collected : 123456\n==7==\n";
        assert_eq!(collected(output).unwrap(), 123_456);
        collected("==7== nothing").unwrap_err();
    }
}
