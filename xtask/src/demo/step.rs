//! One step of the tour: a sentence, what is typed, what comes back, and whether that is right.

use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::programs;

/// Counts the steps that were not as they should be.
#[derive(Debug)]
pub(crate) struct Steps {
    say: fn(&str),
    taken: usize,
    failed: usize,
}

impl Steps {
    /// Steps that are told line by line.
    pub(crate) fn told_by(say: fn(&str)) -> Self {
        Self {
            say,
            taken: 0,
            failed: 0,
        }
    }

    /// Says what the next step shows.
    pub(crate) fn begin(&mut self, title: &str) {
        self.taken += 1;
        (self.say)(&format!("\n{}. {title}", self.taken));
    }

    /// Runs a program that must succeed and print `expected`.
    pub(crate) fn run(&mut self, command: Command, expected: &str) {
        (self.say)(&format!("   $ {}", programs::line_of(&command)));
        match programs::output_of(command) {
            Ok(output) => self.judge(&output, expected),
            Err(failure) => self.fail(&failure.to_string()),
        }
    }

    /// Runs a program that must fail and say `expected`.
    pub(crate) fn run_refused(&mut self, command: Command, expected: &str) {
        (self.say)(&format!("   $ {}", programs::line_of(&command)));
        match programs::output_of(command) {
            Ok(output) => self.fail(&format!("was not refused:\n{output}")),
            Err(Failure::Exited { output, .. }) => self.judge(&output, expected),
            Err(failure) => self.fail(&failure.to_string()),
        }
    }

    /// Shows something that was found; a failure to find it fails the step.
    pub(crate) fn show(&mut self, found: Result<String, Failure>, expected: &str) {
        match found {
            Ok(text) => self.judge(&text, expected),
            Err(failure) => self.fail(&failure.to_string()),
        }
    }

    /// How many steps failed.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    fn judge(&mut self, output: &str, expected: &str) {
        (self.say)(&indented(output));
        if !output.contains(expected) {
            self.fail(&format!("expected to see: {expected}"));
        }
    }

    fn fail(&mut self, why: &str) {
        self.failed += 1;
        (self.say)(&indented(&format!("FAILED: {why}")));
    }
}

fn indented(text: &str) -> String {
    let lines = text
        .trim_end()
        .lines()
        .map(|line| format!("   {line}").trim_end().to_owned());
    lines.collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_step_that_prints_something_else_has_failed() {
        let mut steps = Steps::told_by(|_| ());
        steps.run(shell("echo right"), "right");
        assert_eq!(steps.failed(), 0);
        steps.run(shell("echo wrong"), "right");
        steps.run(shell("echo right; exit 1"), "right");
        assert_eq!(steps.failed(), 2);
    }

    #[test]
    fn a_refusal_must_be_the_expected_one() {
        let mut steps = Steps::told_by(|_| ());
        steps.run_refused(shell("echo no entry >&2; exit 2"), "no entry");
        assert_eq!(steps.failed(), 0);
        steps.run_refused(shell("echo no entry"), "no entry");
        steps.run_refused(shell("echo crashed >&2; exit 2"), "no entry");
        assert_eq!(steps.failed(), 2);
    }
}
