//! What all readers of one file share: its text, its surroundings, and the report.

use std::cell::RefCell;

use crate::config::reading::finding::Finding;
use crate::config::reading::finding::Report;
use crate::config::reading::problem::Problem;
use crate::config::reading::source::Source;
use crate::config::reading::surroundings::Surroundings;

/// One file being read.
#[derive(Clone, Copy)]
pub(in crate::config) struct Loading<'a> {
    /// The file.
    pub(in crate::config) source: &'a Source,
    /// What it may look at.
    pub(in crate::config) surroundings: &'a dyn Surroundings,
    /// Where everything wrong is written down; shared by all files.
    pub(in crate::config) report: &'a RefCell<Report>,
}

impl Loading<'_> {
    /// Writes a mistake down; `offset` is where in the text.
    pub(in crate::config) fn mistake(&self, offset: usize, key: &str, problem: Problem) {
        let finding = self.finding(offset, key, problem);
        self.report.borrow_mut().mistakes.push(finding);
    }

    /// Writes a warning down; `offset` is where in the text.
    pub(in crate::config) fn warning(&self, offset: usize, key: &str, problem: Problem) {
        let finding = self.finding(offset, key, problem);
        self.report.borrow_mut().warnings.push(finding);
    }

    fn finding(&self, offset: usize, key: &str, problem: Problem) -> Finding {
        Finding {
            place: self.source.place(offset),
            key: key.to_owned(),
            problem,
        }
    }
}
