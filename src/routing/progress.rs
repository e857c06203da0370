//! How far the primary had come at moments of the last minute, by which the age of what a standby shows
//! is known: without a clock of either, which may differ, and also of one that has lost its primary and
//! takes itself for up to date.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::limits::PROGRESS_COUNT_MAX;
use crate::limits::PROGRESS_SPACING;
use crate::routing::Lsn;

/// Places of the primary's write-ahead log, oldest first; neither place nor time ever decreases.
#[derive(Debug, Default)]
pub(super) struct Progress(VecDeque<Mark>);

/// All that was written before this moment is before this place.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    lsn: Lsn,
}

impl Progress {
    /// The primary was asked at this moment, and was here after that.
    pub(super) fn note(&mut self, asked_at: Instant, lsn: Lsn) {
        let last = self.0.back().copied();
        if last.is_some_and(|last| lsn < last.lsn || asked_at < last.at) {
            // Another primary, or this one has lost something: the marks are of another history.
            self.0.clear();
        }
        let mark = Mark { at: asked_at, lsn };
        let before_last = self.0.len().checked_sub(2).and_then(|at| self.0.get(at));
        let is_close = before_last.is_some_and(|before| asked_at - before.at < PROGRESS_SPACING);
        if is_close {
            // The newest mark is always kept, and says at least what the one before says.
            self.0.pop_back();
        } else if self.0.len() == PROGRESS_COUNT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(mark);
    }

    /// What was written before this moment has been replayed by whoever has come this far; none if
    /// that is longer ago than is remembered.
    pub(super) fn replayed_at(&self, replayed: Lsn) -> Option<Instant> {
        let passed = self.0.iter().rev().find(|mark| mark.lsn <= replayed);
        passed.map(|mark| mark.at)
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn second(number: u64, base: Instant) -> Instant {
        base + Duration::from_secs(number)
    }

    #[test]
    fn who_has_replayed_a_place_shows_all_that_was_written_before_it_was_reached() {
        let base = Instant::now();
        let mut progress = Progress::default();
        for (at, lsn) in [(1, 10), (2, 20), (3, 20), (4, 40)] {
            progress.note(second(at, base), Lsn(lsn));
        }
        let shown = |lsn| progress.replayed_at(Lsn(lsn));
        assert_eq!(shown(9), None);
        assert_eq!(shown(10), Some(second(1, base)));
        assert_eq!(shown(19), Some(second(1, base)));
        assert_eq!(shown(39), Some(second(3, base)), "nothing was written");
        assert_eq!(shown(99), Some(second(4, base)));
    }

    #[test]
    fn it_reaches_back_however_often_the_primary_is_asked() {
        let base = Instant::now();
        let mut progress = Progress::default();
        let mut now = base;
        for number in 0..3000 {
            now = base + Duration::from_millis(10) * number;
            progress.note(now, Lsn(u64::from(number)));
        }
        assert_eq!(progress.0.len(), PROGRESS_COUNT_MAX);
        assert_eq!(progress.replayed_at(Lsn(2999)), Some(now));
        let tens = progress.replayed_at(Lsn(2000)).unwrap();
        let exact = base + Duration::from_millis(10) * 2000;
        assert!(tens <= exact && exact - tens <= PROGRESS_SPACING + Duration::from_millis(10));
    }

    #[test]
    fn the_marks_of_another_history_are_forgotten() {
        let base = Instant::now();
        let mut progress = Progress::default();
        progress.note(second(1, base), Lsn(50));
        progress.note(second(2, base), Lsn(40));
        assert_eq!(progress.replayed_at(Lsn(45)), Some(second(2, base)));
        assert_eq!(progress.replayed_at(Lsn(39)), None);
    }
}
