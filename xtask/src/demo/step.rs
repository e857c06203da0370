//! One step of the tour: a sentence, what is typed, what comes back, and whether that is right.
//!
//! The first thing that is not as it should be ends the tour.

use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::programs;

use super::columns;
use super::names::Names;
use super::session::Session;

/// No line is longer, so that a screen of ordinary size shows all of it.
const LINE_CHARACTERS_MAX: usize = 100;

/// In front of everything that belongs to a step.
const MARGIN: &str = "   ";

/// Shows the steps.
#[derive(Debug)]
pub(crate) struct Steps {
    say: fn(&str),
    names: Names,
    taken: usize,
}

impl Steps {
    /// Steps that are told line by line, with these names for what psql is given.
    pub(crate) fn told_by(say: fn(&str), names: Names) -> Self {
        let taken = 0;
        Self { say, names, taken }
    }

    /// Says what the next step shows.
    pub(crate) fn begin(&mut self, title: &str) {
        self.taken += 1;
        (self.say)(&format!("\n{}. {title}", self.taken));
    }

    /// A sentence on what is seen.
    pub(crate) fn remark(&self, sentence: &str) {
        (self.say)(&folded(sentence, MARGIN, ""));
    }

    /// What a name stands for.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.names.value(name)
    }

    /// Shows what is typed into a shell.
    pub(crate) fn typed(&self, line: &str) {
        let line = self.names.shortened(line);
        (self.say)(&folded(&format!("$ {line}"), MARGIN, " \\"));
    }

    /// Runs a program that must succeed, and returns what it printed.
    ///
    /// # Errors
    /// As [`programs::output_of`].
    pub(crate) fn run(&self, command: Command) -> Result<String, Failure> {
        self.typed(&programs::line_of(&command));
        let output = programs::output_of(command)?;
        self.show(&output);
        Ok(output)
    }

    /// Runs a program that prints a table, and shows some columns of it: see [`columns::chosen`].
    ///
    /// # Errors
    /// As [`programs::output_of`].
    pub(crate) fn run_table(
        &self,
        command: Command,
        first: &str,
        names: &[&str],
    ) -> Result<String, Failure> {
        self.typed(&programs::line_of(&command));
        let table = columns::chosen(&programs::output_of(command)?, first, names);
        for line in table.lines() {
            (self.say)(format!("{MARGIN}{line}").trim_end());
        }
        Ok(table)
    }

    /// Runs a program that must fail, and returns what it said.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] if it does not fail.
    pub(crate) fn run_refused(&self, command: Command) -> Result<String, Failure> {
        self.typed(&programs::line_of(&command));
        match programs::output_of(command) {
            Ok(output) => Err(wrong(&format!("it was not refused:\n{output}"))),
            Err(Failure::Exited { output, .. }) => {
                self.show(&output);
                Ok(output)
            },
            Err(failure) => Err(failure),
        }
    }

    /// Starts a psql that stays.
    ///
    /// # Errors
    /// As [`Session::start`].
    pub(crate) fn enter(&self, command: Command) -> Result<Session, Failure> {
        self.typed(&programs::line_of(&command));
        Session::start(command)
    }

    /// Types a line there, and returns what is answered.
    ///
    /// # Errors
    /// As [`Session::hear`].
    pub(crate) fn ask(&self, session: &mut Session, line: &str) -> Result<String, Failure> {
        self.say_to(session, line)?;
        self.hear(session)
    }

    /// Types a line there, and does not wait.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub(crate) fn say_to(&self, session: &mut Session, line: &str) -> Result<(), Failure> {
        (self.say)(&format!("{MARGIN}shop=> {line}"));
        session.send(line)
    }

    /// What is answered there.
    ///
    /// # Errors
    /// As [`Session::hear`].
    pub(crate) fn hear(&self, session: &mut Session) -> Result<String, Failure> {
        let answer = session.hear()?;
        self.show(&answer);
        Ok(answer)
    }

    /// Shows what came.
    pub(crate) fn show(&self, output: &str) {
        for line in output.trim_end().lines() {
            (self.say)(&folded(line, MARGIN, ""));
        }
    }
}

/// Fails unless the text has all of these words.
///
/// # Errors
/// [`Failure::Unexpected`] with what is not there.
pub(crate) fn expect(text: &str, expected: &[&str]) -> Result<(), Failure> {
    match expected.iter().find(|words| !text.contains(**words)) {
        None => Ok(()),
        Some(words) => Err(wrong(&format!("no `{words}` in:\n{text}"))),
    }
}

/// Fails unless something is so.
///
/// # Errors
/// [`Failure::Unexpected`] with what is not so.
pub(crate) fn demand(is_so: bool, what: &str) -> Result<(), Failure> {
    if is_so { Ok(()) } else { Err(wrong(what)) }
}

fn wrong(what: &str) -> Failure {
    Failure::Unexpected(format!("the tour is not as it should be: {what}"))
}

/// A line that is broken at blanks where it would be too long. `tie` is what shows that it goes on.
fn folded(line: &str, margin: &str, tie: &str) -> String {
    let line = line.trim_end();
    let room = LINE_CHARACTERS_MAX - margin.len() - tie.len();
    if line.chars().count() <= room {
        return format!("{margin}{line}").trim_end().to_owned();
    }
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in line.split(' ') {
        if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > room {
            lines.push(format!("{margin}{current}{tie}"));
            current = format!("    {word}");
        } else {
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
    }
    lines.push(format!("{margin}{current}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn steps() -> Steps {
        Steps::told_by(|_| (), Names::default())
    }

    #[test]
    fn a_program_that_fails_ends_the_tour() {
        assert_eq!(steps().run(shell("echo right")).unwrap(), "right\n");
        steps().run(shell("echo right; exit 1")).unwrap_err();
    }

    #[test]
    fn a_refusal_is_one_only_if_the_program_fails() {
        let told = steps().run_refused(shell("echo no entry >&2; exit 2"));
        assert_eq!(told.unwrap(), "no entry\n");
        steps().run_refused(shell("echo no entry")).unwrap_err();
    }

    #[test]
    fn what_is_expected_must_all_be_there() {
        expect("a row of syd", &["row", "syd"]).unwrap();
        expect("a row of syd", &["row", "fra"]).unwrap_err();
        demand(true, "").unwrap();
        demand(false, "").unwrap_err();
    }

    #[test]
    fn a_long_line_is_broken_at_a_blank_and_says_so() {
        assert_eq!(folded("short", "   ", " \\"), "   short");
        let long = ["word"; 30].join(" ");
        let lines = folded(&long, "   ", " \\");
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("word \\") && lines[0].len() <= 100);
        assert!(lines[1].starts_with("       word"));
    }
}
