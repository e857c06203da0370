//! Which endpoint takes the writes, by what all of them last said of themselves.
//!
//! A promotion begins a timeline with a higher number, so that an old primary that comes back is
//! told from the new one, even while the new one takes no writes. Two that write on one timeline are
//! two databases by now: no guess is right.
//!
//! See "Timelines",
//! <https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES>.

use crate::routing::Sighting;
use crate::routing::State;

/// What is known of an endpoint that may be the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    /// Nobody has looked at it yet.
    Unseen,
    /// It could not be reached, and has never said anything.
    Silent,
    /// What it last said; it may be silent by now.
    Said(Sighting),
}

/// Which endpoint takes the writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Primary {
    /// Not everybody has been looked at, and who has been does not settle it.
    NotYetKnown,
    /// The one at this place.
    At(usize),
    /// Nobody.
    Nobody,
    /// Only this one, on an older timeline than another has reached.
    Behind(usize),
    /// Both of these, on one timeline.
    Split(usize, usize),
}

impl Primary {
    /// The primary among candidates, where `reached` is the newest timeline that was ever seen. With
    /// `is_late`, those that nobody has looked at yet are not waited for.
    pub(super) fn among(candidates: &[Candidate], reached: u32, is_late: bool) -> Self {
        let is_settled = is_late || !candidates.contains(&Candidate::Unseen);
        let writers = candidates.iter().enumerate().filter_map(|(place, known)| {
            let Candidate::Said(sighting) = known else {
                return None;
            };
            match sighting.state {
                State::Writable { timeline } => Some((timeline, place, sighting.started)),
                State::ReadOnly { .. } | State::Standby => None,
            }
        });
        let writers: Vec<_> = writers.collect();
        let newest = writers.iter().map(|(timeline, ..)| *timeline).max();
        let mut on_newest = writers
            .iter()
            .filter(|(timeline, ..)| Some(*timeline) == newest);
        let Some((timeline, first, started)) = on_newest.next() else {
            return if is_settled {
                Self::Nobody
            } else {
                Self::NotYetKnown
            };
        };
        // One server under two names is no second writer.
        let second = on_newest.find(|(_, _, other)| other != started);
        match second {
            _ if *timeline < reached => Self::Behind(*first),
            Some((_, second, _)) => Self::Split(*first, *second),
            None if is_settled => Self::At(*first),
            None => Self::NotYetKnown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::Lsn;

    const NEVER: Candidate = Candidate::Unseen;
    const SILENT: Candidate = Candidate::Silent;
    const STANDBY: Candidate = said(State::Standby, 1);

    const fn said(state: State, started: i64) -> Candidate {
        Candidate::Said(Sighting {
            state,
            started,
            system: None,
            followed: None,
            lsn: Lsn(1),
            received: None,
            lag: None,
            replay_age: None,
        })
    }

    /// Writers that started one after the other.
    const fn on(timeline: u32, started: i64) -> Candidate {
        said(State::Writable { timeline }, started)
    }

    const fn read_only(timeline: u32) -> Candidate {
        said(State::ReadOnly { timeline }, 9)
    }

    fn among(candidates: &[Candidate]) -> Primary {
        let timelines = candidates.iter().filter_map(|known| match known {
            Candidate::Said(sighting) => sighting.state.timeline(),
            Candidate::Unseen | Candidate::Silent => None,
        });
        Primary::among(candidates, timelines.max().unwrap_or(0), false)
    }

    #[test]
    fn the_one_that_writes_is_the_primary() {
        assert_eq!(among(&[STANDBY, on(1, 2), STANDBY]), Primary::At(1));
        assert_eq!(among(&[SILENT, on(1, 2), read_only(1)]), Primary::At(1));
    }

    #[test]
    fn of_two_that_write_the_newer_timeline_is_the_primary_wherever_it_stands() {
        assert_eq!(among(&[on(3, 1), on(4, 2)]), Primary::At(1));
        assert_eq!(among(&[on(4, 1), on(3, 2)]), Primary::At(0));
        assert_eq!(among(&[on(3, 1), on(3, 2), on(4, 3)]), Primary::At(2));
    }

    #[test]
    fn two_that_write_on_one_timeline_are_no_primary() {
        assert_eq!(among(&[on(3, 1), STANDBY, on(3, 2)]), Primary::Split(0, 2));
        assert_eq!(among(&[on(4, 1), on(3, 2), on(4, 3)]), Primary::Split(0, 2));
        assert_eq!(among(&[on(3, 1), on(3, 2), on(3, 3)]), Primary::Split(0, 1));
        assert_eq!(among(&[on(3, 1), on(3, 2), NEVER]), Primary::Split(0, 1));
    }

    #[test]
    fn one_server_under_two_names_is_no_split() {
        assert_eq!(among(&[on(3, 7), on(3, 7)]), Primary::At(0));
        assert_eq!(among(&[on(3, 7), on(3, 7), on(3, 8)]), Primary::Split(0, 2));
    }

    #[test]
    fn an_old_primary_is_not_believed_while_the_new_one_takes_no_writes() {
        assert_eq!(among(&[on(3, 1), read_only(4)]), Primary::Behind(0));
        assert_eq!(
            Primary::among(&[on(3, 1), SILENT], 4, false),
            Primary::Behind(0)
        );
        assert_eq!(
            Primary::among(&[on(4, 1), SILENT], 4, false),
            Primary::At(0)
        );
    }

    #[test]
    fn nobody_is_taken_for_the_primary_before_all_were_looked_at() {
        assert_eq!(among(&[on(3, 1), NEVER]), Primary::NotYetKnown);
        assert_eq!(among(&[STANDBY, NEVER]), Primary::NotYetKnown);
        assert_eq!(Primary::among(&[on(3, 1), NEVER], 3, true), Primary::At(0));
        assert_eq!(Primary::among(&[STANDBY, NEVER], 0, true), Primary::Nobody);
    }

    #[test]
    fn where_nobody_writes_there_is_none() {
        assert_eq!(among(&[STANDBY, SILENT, read_only(2)]), Primary::Nobody);
        assert_eq!(among(&[]), Primary::Nobody);
    }
}
