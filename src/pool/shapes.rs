//! Shapes of texts that a pool has learnt something about.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use crate::limits::SHAPES_COUNT_MAX;

/// Some shapes of texts.
#[derive(Debug, Default)]
pub(super) struct Shapes(HashSet<u64, FixedState>);

impl Shapes {
    /// One more.
    pub(super) fn insert(&mut self, shape: u64) {
        if self.0.len() >= SHAPES_COUNT_MAX {
            // They are learnt again, each as it was the first time.
            self.0.clear();
        }
        self.0.insert(shape);
    }

    /// Whether the one that `shape` gives is among them; it is not asked for where there are none.
    pub(super) fn has(&self, shape: impl FnOnce() -> u64) -> bool {
        !self.0.is_empty() && self.0.contains(&shape())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
