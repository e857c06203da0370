//! Where something is wrong, and the report of everything that is.

use std::fmt;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use crate::config::reading::problem::Problem;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file as it was named.
    pub file: Arc<Path>,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The character in the line, from 1; 0 for the file as a whole.
    pub column: usize,
}

impl Place {
    /// A file as a whole.
    pub(in crate::config) fn file(path: &Path) -> Self {
        Self {
            file: Arc::from(path),
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if self.line > 0 {
            write!(formatter, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// One mistake or one warning: `config.toml:12:5: listener.tls: unknown value "on" (disable, ..)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// The key, with those of its tables; empty for a file as a whole.
    pub key: String,
    /// What.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = format!("{}: ", self.place);
        if !self.key.is_empty() {
            line.push_str(&self.key);
            line.push_str(": ");
        }
        line.push_str(&self.problem.to_string());
        write_on_one_line(formatter, &line)
    }
}

/// A finding is one line wherever it is written: what the file holds must not begin another.
fn write_on_one_line(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for character in text.chars() {
        if character.is_control() {
            write!(formatter, "{}", character.escape_default())?;
        } else {
            formatter.write_char(character)?;
        }
    }
    Ok(())
}

/// Everything that was found; a mistake makes the configuration unusable, a warning does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What must be cured.
    pub mistakes: Vec<Finding>,
    /// What should be looked at.
    pub warnings: Vec<Finding>,
}

impl Report {
    /// The mistakes as an error tells them.
    fn on_one_line(&self) -> String {
        let told = self
            .mistakes
            .iter()
            .take(TOLD_COUNT_MAX)
            .map(ToString::to_string);
        let mut told: Vec<String> = told.collect();
        let more = self.mistakes.len() - told.len();
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        told.join("; ")
    }

    /// Sorts by file and line, so that one pass through the files cures everything, and drops what
    /// may only follow from text that was not understood.
    pub(in crate::config) fn settle(&mut self) {
        let is_syntax = |finding: &Finding| matches!(finding.problem, Problem::Syntax(_));
        let mistakes = self.mistakes.iter().filter(|finding| is_syntax(finding));
        let broken: Vec<(Arc<Path>, usize)> = mistakes
            .map(|finding| (Arc::clone(&finding.place.file), finding.place.line))
            .collect();
        let stands = |finding: &Finding| {
            let is_there = |(file, line): &(Arc<Path>, usize)| {
                *line == finding.place.line && *file == finding.place.file
            };
            finding.problem.is_about_what_is_written() && !broken.iter().any(is_there)
        };
        if !broken.is_empty() {
            self.mistakes
                .retain(|finding| is_syntax(finding) || stands(finding));
            self.warnings.retain(stands);
        }
        for findings in [&mut self.mistakes, &mut self.warnings] {
            findings.sort_by(|one, other| one.place.cmp(&other.place));
            findings.dedup();
        }
    }
}

/// How many mistakes an error tells in one line; `tidegate check` tells all, a line each.
const TOLD_COUNT_MAX: usize = 20;

/// A configuration was refused; nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is refused: {}", .report.on_one_line())]
pub struct Refused {
    /// Every mistake, at least one, and the warnings.
    pub report: Report,
}
