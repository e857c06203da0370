//! `cargo xtask test`: every test, once; then those that may start a PostgreSQL against each further
//! version of it.
//!
//! What a test prints passes through as it comes. At the end stands what was skipped and why, and
//! the sum. A run in which nothing ran has failed.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Command;
use std::process::Stdio;
use std::thread;

use tidegate_harness::Failure;
use tidegate_harness::VERSION_VARIABLE;
use tidegate_harness::Version;
use tidegate_harness::skip;

use crate::install;
use crate::say;
use crate::test_programs;

/// Runs the tests whose name contains `filter`, or all.
///
/// # Errors
/// If a test failed or none ran, or something could not be installed.
pub(crate) fn run(filter: Option<&str>) -> Result<(), Failure> {
    let installed = install::install()?;
    let versions = Version::installed();
    let mut sum = Sum {
        skipped: installed.missing,
        ..Sum::default()
    };
    let required = skip::promise();
    let first = versions.first().copied();
    run_cargo(&["--workspace"], filter, first, &required, &mut sum)?;
    let programs = test_programs::that_may_start_servers()?;
    let mut selection = vec!["-p", "tidegate"];
    selection.extend(programs.iter().flat_map(|name| ["--test", name]));
    for version in versions.iter().skip(1) {
        run_cargo(&selection, filter, Some(*version), &required, &mut sum)?;
    }
    for version in Version::ALL
        .iter()
        .filter(|version| !versions.contains(version))
    {
        sum.skipped.push(format!(
            "all tests against PostgreSQL ({})",
            version.as_str()
        ));
    }
    report(&sum, &versions);
    verdict(&sum)
}

/// What the runs of cargo came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    passed: u64,
    failed: u64,
    /// Whether a run ended with an error: a test failed, or something did not compile.
    broken: bool,
    skipped: Vec<String>,
}

impl Sum {
    /// Counts a line such as `test result: ok. 5 passed; 0 failed; 0 ignored; …`, and keeps a line
    /// that says what was skipped.
    fn read(&mut self, line: &str, against: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, " passed");
            self.failed += number_before(result, " failed");
        } else if let Some(skipped) = line.strip_prefix(skip::SKIPPED) {
            self.skipped
                .push(format!("{} (run against {against})", skipped.trim()));
        }
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    before
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

fn run_cargo(
    selection: &[&str],
    filter: Option<&str>,
    version: Option<Version>,
    required: &str,
    sum: &mut Sum,
) -> Result<(), Failure> {
    let against = version.map_or("no PostgreSQL", Version::as_str);
    say::line(&format!(
        "\n=== cargo test {} (PostgreSQL: {against})",
        selection.join(" ")
    ));
    let mut command = Command::new("cargo");
    command
        .args(["test", "--no-fail-fast"])
        .args(selection)
        .args(filter);
    command
        .env(skip::REQUIRED_VARIABLE, required)
        .stdin(Stdio::null());
    if let Some(version) = version {
        command.env(VERSION_VARIABLE, version.as_str());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Failure::io("start cargo"))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let reader = thread::spawn(move || follow(errors, say::error));
    let lines = follow(output, say::line);
    let more = reader.join().unwrap_or_default();
    for line in lines.iter().chain(&more) {
        sum.read(line, against);
    }
    let status = child.wait().map_err(Failure::io("wait for cargo"))?;
    sum.broken |= !status.success();
    Ok(())
}

/// Passes each line on as it comes, and returns those that count.
fn follow(stream: Option<impl Read>, pass_on: fn(&str)) -> Vec<String> {
    let Some(stream) = stream else {
        return Vec::new();
    };
    let mut kept = Vec::new();
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream);
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|bytes| bytes > 0)
    {
        let text = String::from_utf8_lossy(&line)
            .trim_end_matches('\n')
            .to_owned();
        pass_on(&text);
        if text.starts_with("test result: ") || text.starts_with(skip::SKIPPED) {
            kept.push(text);
        }
        line.clear();
    }
    kept
}

fn report(sum: &Sum, versions: &[Version]) {
    let names: Vec<String> = versions.iter().map(|version| described(*version)).collect();
    say::line("\n=== summary");
    say::line(&format!(
        "integration tests ran against: {}",
        names.join(", ")
    ));
    for skipped in &sum.skipped {
        say::line(&format!("skipped: {skipped}"));
    }
    let (passed, failed, skipped) = (sum.passed, sum.failed, sum.skipped.len());
    say::line(&format!(
        "total: {passed} passed, {failed} failed, {skipped} skipped"
    ));
}

fn verdict(sum: &Sum) -> Result<(), Failure> {
    if sum.broken || sum.failed > 0 {
        return Err(Failure::Unexpected("not every test passed".to_owned()));
    }
    if sum.passed == 0 {
        return Err(Failure::Unexpected("no test ran".to_owned()));
    }
    Ok(())
}

fn described(version: Version) -> String {
    let major = version.binaries().map(|found| found.major().to_string());
    format!(
        "PostgreSQL {} ({})",
        major.unwrap_or_default(),
        version.as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_test_programs_add_up() {
        let mut sum = Sum::default();
        sum.read(
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
            "18",
        );
        sum.read(
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured",
            "18",
        );
        sum.read("test a_test ... ok", "18");
        sum.read("SKIPPED a_test: this machine has no HAProxy", "18");
        let skipped = vec!["a_test: this machine has no HAProxy (run against 18)".to_owned()];
        assert_eq!(
            sum,
            Sum {
                passed: 17,
                failed: 3,
                broken: false,
                skipped
            }
        );
    }

    #[test]
    fn a_run_in_which_nothing_ran_has_failed() {
        let failure = verdict(&Sum::default()).unwrap_err();
        assert_eq!(failure.to_string(), "no test ran");
        let one = Sum {
            passed: 1,
            ..Sum::default()
        };
        assert!(verdict(&one).is_ok());
    }

    #[test]
    fn a_failed_test_or_a_broken_build_fails_the_run() {
        let failed = Sum {
            passed: 9,
            failed: 1,
            ..Sum::default()
        };
        let broken = Sum {
            passed: 9,
            broken: true,
            ..Sum::default()
        };
        assert!(verdict(&failed).is_err());
        assert!(verdict(&broken).is_err());
    }
}
