//! Names that must be unique among their kind, and where each was first defined.

use std::collections::BTreeMap;

use crate::config::reading::finding::Place;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;

/// The names of one kind that were seen so far.
pub(in crate::config) struct Names {
    what: &'static str,
    seen: BTreeMap<String, Place>,
}

impl Names {
    /// No names yet; `what` is what has them.
    pub(in crate::config) fn of(what: &'static str) -> Self {
        Self {
            what,
            seen: BTreeMap::new(),
        }
    }

    /// Takes down the name that stands under a key; one that was there before is a mistake that
    /// tells both places.
    pub(in crate::config) fn claim(&mut self, name: &str, key: &str, section: &Section<'_>) {
        // A missing or empty name is another mistake.
        if name.is_empty() {
            return;
        }
        match self.seen.get(name) {
            None => {
                self.seen.insert(name.to_owned(), section.place(key));
            },
            Some(first) => section.mistake_here(
                key,
                Problem::Duplicate {
                    what: self.what,
                    name: name.to_owned(),
                    first: first.clone(),
                },
            ),
        }
    }
}
