//! How long an endpoint is left out of reads because servers of it fail.
//!
//! It is judged by its own answers alone: a server that broke or could not be opened, never a client
//! that waited too long in a queue of ours. Each failure doubles the time, with some chance in it, so
//! that nodes do not come back to it all at once.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::EJECTION_FIRST;
use crate::limits::EJECTION_FORGOTTEN_AFTER;
use crate::limits::EJECTION_MAX;

/// What an endpoint has failed in of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ejection {
    /// How often, since that was forgotten.
    failures: u32,
    /// Until when that leaves it out, or left it.
    until: Option<Instant>,
}

impl Ejection {
    /// It has failed; `chance` is any number.
    pub(super) fn failed(&mut self, now: Instant, chance: u32) {
        if self.until.is_some_and(|until| now < until) {
            // What breaks at one moment, breaks for one reason.
            return;
        }
        let is_old = |back: Instant| now.duration_since(back) >= EJECTION_FORGOTTEN_AFTER;
        if self.until.is_some_and(is_old) {
            self.failures = 0;
        }
        let doublings = self.failures.min(EJECTION_DOUBLINGS_MAX);
        let time = (EJECTION_FIRST * (1 << doublings)).min(EJECTION_MAX);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + with_chance(time, chance));
    }

    /// Until when it would be left out, if nobody had to stay.
    pub(super) fn until(self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }

    /// When it was last left out, or will be no more.
    pub(super) fn ended_at(self) -> Option<Instant> {
        self.until
    }

    /// How bad it is, among those that are left out.
    pub(super) fn failures(self) -> u32 {
        self.failures
    }
}

/// More would be longer than [`EJECTION_MAX`].
const EJECTION_DOUBLINGS_MAX: u32 = 6;
const _: () = assert!(EJECTION_FIRST.as_secs() << EJECTION_DOUBLINGS_MAX >= EJECTION_MAX.as_secs());

/// Between three quarters of it and five.
fn with_chance(time: Duration, chance: u32) -> Duration {
    time * 3 / 4 + time / 2 * (chance >> 24) / 256
}

/// Which of a tenant's endpoints are left out, when all that have failed are so many: those that
/// failed most often, and not more than their share of `replicas`. One may always be left out, as there
/// is the primary to read from, unless `percent_max` is 0.
pub(super) fn left_out(
    ejections: impl Iterator<Item = Ejection>,
    replicas: usize,
    percent_max: u32,
    now: Instant,
) -> Vec<Option<Instant>> {
    let mut until: Vec<Option<Instant>> = Vec::new();
    let mut failed: Vec<(u32, usize)> = Vec::new();
    for (index, ejection) in ejections.enumerate() {
        until.push(ejection.until(now));
        if ejection.until(now).is_some() {
            failed.push((ejection.failures(), index));
        }
    }
    let percent_max = usize::try_from(percent_max).unwrap_or(usize::MAX);
    let count_max = (replicas * percent_max / 100).max(usize::from(percent_max > 0));
    failed.sort_unstable_by_key(|(failures, index)| (std::cmp::Reverse(*failures), *index));
    for (_, index) in failed.into_iter().skip(count_max) {
        if let Some(until) = until.get_mut(index) {
            *until = None;
        }
    }
    until
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How long each failure, right after the time of the one before, has it left out.
    fn times(chance: u32, count: usize) -> Vec<Duration> {
        let (mut ejection, mut now) = (Ejection::default(), Instant::now());
        let next = |_| {
            ejection.failed(now, chance);
            let until = ejection.until(now).unwrap();
            let time = until - now;
            now = until;
            time
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn each_failure_doubles_the_time_up_to_a_limit() {
        let middle = times(1 << 31, 9);
        let seconds: Vec<u64> = middle.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn chance_is_a_quarter_of_the_time_at_most() {
        let (least, most) = (times(0, 1)[0], times(u32::MAX, 1)[0]);
        assert_eq!(least, SECOND * 3 / 4);
        assert!(most > SECOND * 6 / 5 && most < SECOND * 5 / 4);
    }

    #[test]
    fn failures_at_one_moment_are_one_and_old_ones_are_forgotten() {
        let (mut ejection, now) = (Ejection::default(), Instant::now());
        for _ in 0..9 {
            ejection.failed(now, 0);
        }
        assert_eq!(ejection.failures(), 1);
        ejection.failed(now + SECOND, 0);
        assert_eq!(ejection.failures(), 2);
        ejection.failed(now + SECOND * 4 + EJECTION_FORGOTTEN_AFTER, 0);
        assert_eq!(ejection.failures(), 1);
    }

    #[test]
    fn the_least_bad_stay_where_too_many_fail() {
        let now = Instant::now();
        let failed = |times: u32| Ejection {
            failures: times,
            until: (times > 0).then_some(now + SECOND),
        };
        let out = |times: &[u32], percent| -> Vec<bool> {
            let all = times.iter().map(|times| failed(*times));
            let left = left_out(all, times.len(), percent, now);
            left.iter().map(Option::is_some).collect()
        };
        assert_eq!(out(&[2, 3, 1, 0], 50), [true, true, false, false]);
        assert_eq!(out(&[1, 1, 1], 50), [true, false, false]);
        assert_eq!(out(&[1, 1, 1], 100), [true, true, true]);
        assert_eq!(out(&[1], 50), [true], "there is the primary");
        assert_eq!(out(&[1], 0), [false]);
    }
}
