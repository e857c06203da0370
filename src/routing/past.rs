//! What a client has seen of the write-ahead log: it never goes back behind it.

use tokio::time::Instant;

use crate::routing::Life;
use crate::routing::Lsn;

/// What a client has seen of the write-ahead log: it never goes back behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Past {
    /// It has certainly seen nothing but what is before this, except for what follows.
    pub floor: Lsn,
    /// It has talked with the primary until this moment, and how far that had come is not known yet.
    pub spoke_at: Option<Instant>,
    /// The standby that answered it last; what that had replayed is not known exactly.
    pub seen: Option<Seen>,
}

/// A standby has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// In which life: within that, it never shows less.
    pub life: Life,
    /// At this moment at the latest.
    pub at: Instant,
}

impl Past {
    /// It has heard from the primary, which had come no farther than this when it answered. Only what a
    /// server tells that [`Readers::vouch_for_primary`](crate::routing::Readers::vouch_for_primary) is for.
    pub fn heard(&mut self, lsn: Lsn) {
        self.floor = self.floor.max(lsn.end_of_record());
    }

    /// It has heard from the primary, which did not say how far it had come. `now` is not before the answer
    /// was read: not the time at which the poll began that read it.
    pub fn spoke(&mut self, now: Instant) {
        // No standby is ahead of its primary, so that this says also what it has seen before.
        self.seen = None;
        self.spoke_at = Some(now);
    }

    /// A standby in this life has answered it. `now` is not before the answer was read.
    pub fn read_at(&mut self, life: Life, now: Instant) {
        if let Some(before) = self.seen.filter(|before| before.life != life) {
            // Nobody knows what it saw there, but for the primary, which was not behind it.
            let at = before.at;
            self.spoke_at = Some(self.spoke_at.map_or(at, |spoke| spoke.max(at)));
        }
        self.seen = Some(Seen { life, at: now });
    }

    /// The primary was asked at this moment, and was here after that.
    pub(super) fn primary_was(&mut self, asked_at: Instant, lsn: Lsn) {
        if self.spoke_at.is_some_and(|spoke| spoke < asked_at) {
            self.floor = self.floor.max(lsn);
            self.spoke_at = None;
        }
    }

    /// The same, where the life of the standby that answered last is over: nobody can ask it any more,
    /// and it was not ahead of the primary. While it lives, this would be more than it has shown.
    pub(super) fn outlived(&mut self, asked_at: Instant, lsn: Lsn) {
        if self.seen.is_some_and(|seen| seen.at < asked_at) {
            self.floor = self.floor.max(lsn);
            self.seen = None;
        }
    }

    /// A standby was asked at this moment in this life, and had replayed this after that.
    pub(super) fn standby_was(&mut self, life: Life, asked_at: Instant, replayed: Lsn) {
        if self
            .seen
            .is_some_and(|seen| seen.life == life && seen.at < asked_at)
        {
            self.floor = self.floor.max(replayed);
            self.seen = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn moments() -> [Instant; 5] {
        let base = Instant::now();
        [0, 1, 2, 3, 4].map(|second| base + Duration::from_secs(second))
    }

    #[test]
    fn what_the_primary_said_before_proves_nothing() {
        let [t0, t1, t2, ..] = moments();
        let mut past = Past::default();
        past.spoke(t1);
        past.primary_was(t0, Lsn(9));
        assert_eq!(past.spoke_at, Some(t1));
        past.primary_was(t2, Lsn(9));
        assert_eq!((past.spoke_at, past.floor), (None, Lsn(9)));
        past.heard(Lsn(5));
        assert_eq!(past.floor, Lsn(9), "it never goes back");
    }

    #[test]
    fn what_a_standby_showed_is_known_when_the_same_life_is_asked_after_that() {
        let [t0, t1, t2, ..] = moments();
        let (life, other) = (Life::new(1, t0), Life::new(1, t1));
        let mut past = Past::default();
        past.read_at(life, t1);
        past.standby_was(life, t0, Lsn(7));
        past.standby_was(other, t2, Lsn(7));
        assert_eq!(past.seen, Some(Seen { life, at: t1 }));
        past.standby_was(life, t1, Lsn(7));
        assert!(
            past.seen.is_some(),
            "nobody knows what of one moment was first"
        );
        past.standby_was(life, t2, Lsn(7));
        assert_eq!((past.seen, past.floor), (None, Lsn(7)));
    }

    #[test]
    fn of_two_standbys_that_were_read_from_the_first_is_not_forgotten() {
        let [t0, t1, t2, t3, t4] = moments();
        let (one, two) = (Life::new(1, t0), Life::new(2, t0));
        let mut past = Past::default();
        past.read_at(one, t1);
        past.read_at(two, t3);
        past.standby_was(two, t4, Lsn(4));
        assert_eq!((past.floor, past.spoke_at), (Lsn(4), Some(t1)));
        past.primary_was(t2, Lsn(6));
        assert_eq!((past.floor, past.spoke_at), (Lsn(6), None));
    }

    #[test]
    fn whoever_speaks_with_the_primary_need_not_know_what_a_standby_showed() {
        let [t0, t1, t2, t3, t4] = moments();
        let mut past = Past::default();
        past.read_at(Life::new(1, t0), t1);
        past.spoke(t2);
        assert_eq!((past.seen, past.spoke_at), (None, Some(t2)));
        past.read_at(Life::new(1, t0), t3);
        past.outlived(t2, Lsn(3));
        assert!(past.seen.is_some(), "it may have seen more since");
        past.outlived(t4, Lsn(3));
        assert_eq!((past.seen, past.floor), (None, Lsn(3)));
    }
}
