//! Which endpoint takes the writes, by what all of them last said of themselves.
//!
//! A promotion begins a timeline with a higher number, so that an old primary that comes back is
//! told from the new one. Two that write on one timeline are two databases by now: no guess is
//! right.
//!
//! See "Timelines",
//! <https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES>.

use crate::routing::State;

/// What is known of an endpoint that may be the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What it last said; it may be silent by now.
    pub(super) state: Option<State>,
    /// It has answered, or failed to, at least once.
    pub(super) is_looked_at: bool,
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
    /// Both of these, on one timeline.
    Split(usize, usize),
}

impl Primary {
    /// The primary among candidates. With `is_late`, those that nobody has heard of yet are not
    /// waited for.
    pub(super) fn among(candidates: &[Candidate], is_late: bool) -> Self {
        let timelines = candidates.iter().enumerate().filter_map(|(place, known)| {
            let timeline = known.state?.timeline()?;
            Some((timeline, place))
        });
        let is_settled = is_late || candidates.iter().all(|known| known.is_looked_at);
        let mut newest: Option<(u32, Self)> = None;
        for (timeline, place) in timelines {
            newest = Some(match newest {
                Some((known, primary)) if known > timeline => (known, primary),
                Some((known, Self::At(first))) if known == timeline => {
                    (known, Self::Split(first, place))
                },
                Some((known, split)) if known == timeline => (known, split),
                Some(_) | None => (timeline, Self::At(place)),
            });
        }
        match newest {
            Some((_, split @ Self::Split(..))) => split,
            Some((_, primary)) if is_settled => primary,
            None if is_settled => Self::Nobody,
            Some(_) | None => Self::NotYetKnown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Candidate = Candidate {
        state: None,
        is_looked_at: false,
    };
    const SILENT: Candidate = Candidate {
        state: None,
        is_looked_at: true,
    };
    const STANDBY: Candidate = seen(State::Standby);
    const READ_ONLY: Candidate = seen(State::ReadOnly);

    const fn seen(state: State) -> Candidate {
        Candidate {
            state: Some(state),
            is_looked_at: true,
        }
    }

    const fn on(timeline: u32) -> Candidate {
        seen(State::Writable { timeline })
    }

    #[test]
    fn the_one_that_writes_is_the_primary() {
        assert_eq!(
            Primary::among(&[STANDBY, on(1), STANDBY], false),
            Primary::At(1)
        );
        assert_eq!(
            Primary::among(&[SILENT, on(1), READ_ONLY], false),
            Primary::At(1)
        );
    }

    #[test]
    fn of_two_that_write_the_newer_timeline_is_the_primary_wherever_it_stands() {
        assert_eq!(Primary::among(&[on(3), on(4)], false), Primary::At(1));
        assert_eq!(Primary::among(&[on(4), on(3)], false), Primary::At(0));
        assert_eq!(
            Primary::among(&[on(3), on(3), on(4)], false),
            Primary::At(2)
        );
    }

    #[test]
    fn two_that_write_on_one_timeline_are_no_primary() {
        assert_eq!(
            Primary::among(&[on(3), STANDBY, on(3)], false),
            Primary::Split(0, 2)
        );
        assert_eq!(
            Primary::among(&[on(4), on(3), on(4)], false),
            Primary::Split(0, 2)
        );
        assert_eq!(
            Primary::among(&[on(3), on(3), on(3)], false),
            Primary::Split(0, 1)
        );
        assert_eq!(
            Primary::among(&[on(3), on(3), NEVER], false),
            Primary::Split(0, 1)
        );
    }

    #[test]
    fn nobody_is_taken_for_the_primary_before_all_were_looked_at() {
        assert_eq!(Primary::among(&[on(3), NEVER], false), Primary::NotYetKnown);
        assert_eq!(
            Primary::among(&[STANDBY, NEVER], false),
            Primary::NotYetKnown
        );
        assert_eq!(Primary::among(&[on(3), NEVER], true), Primary::At(0));
        assert_eq!(Primary::among(&[STANDBY, NEVER], true), Primary::Nobody);
    }

    #[test]
    fn where_nobody_writes_there_is_none() {
        assert_eq!(
            Primary::among(&[STANDBY, SILENT, READ_ONLY], false),
            Primary::Nobody
        );
        assert_eq!(Primary::among(&[], false), Primary::Nobody);
    }
}
