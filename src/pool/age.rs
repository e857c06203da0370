//! Whether something is as old as a limit, told without reckoning with times: it is asked for every
//! transaction, and what was young a moment ago says enough of what is younger still.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// A limit, and what is known of who has not reached it.
#[derive(Debug, Default)]
pub(super) struct AgeLimit {
    limit: Cell<Duration>,
    /// Whatever began at the first of these or later is younger than the limit until the second.
    young: Cell<Option<(Instant, Instant)>>,
}

impl AgeLimit {
    /// Whether what began at `since` is as old as `limit`.
    #[inline]
    pub(super) fn is_reached(&self, since: Instant, now: Instant, limit: Duration) -> bool {
        let is_young = |(from, until)| from <= since && now < until;
        let is_known = self.limit.get() == limit && self.young.get().is_some_and(is_young);
        !is_known && self.reckon(since, now, limit)
    }

    #[cold]
    fn reckon(&self, since: Instant, now: Instant, limit: Duration) -> bool {
        if now.duration_since(since) >= limit {
            return true;
        }
        let until = since.checked_add(limit);
        self.limit.set(limit);
        self.young.set(until.map(|until| (since, until)));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_known_of_one_is_no_more_than_is_true_of_others() {
        let (begin, limit) = (Instant::now(), AgeLimit::default());
        let at = |seconds| begin + seconds * SECOND;
        // The oldest last, and each asked at every second: what one has left behind may mislead.
        for now in 0..20 {
            for since in (0..10).filter(|since| *since <= now).rev() {
                let is_reached = limit.is_reached(at(since), at(now), 5 * SECOND);
                assert_eq!(is_reached, now - since >= 5, "{since} at {now}");
            }
        }
    }

    #[test]
    fn another_limit_holds_at_once() {
        let (begin, limit) = (Instant::now(), AgeLimit::default());
        let now = begin + 3 * SECOND;
        assert!(!limit.is_reached(begin, now, 5 * SECOND));
        assert!(limit.is_reached(begin, now, 2 * SECOND));
        assert!(!limit.is_reached(begin, now, 4 * SECOND));
        assert!(limit.is_reached(now, now, Duration::ZERO));
    }
}
