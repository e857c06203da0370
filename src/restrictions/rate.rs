//! How many connection attempts a second: a token bucket, exact in integers.
//!
//! The bucket holds up to `burst` tokens and gains `per_second` a second. It never reads a clock:
//! `now` is an argument, and a `now` that stands still or goes back gains nothing.

use std::time::Duration;
use std::time::Instant;

use crate::config::Rate;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The attempts of one tenant or user. It starts full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RateBucket {
    /// Tokens that are missing, each counted as [`NANOS_PER_SECOND`] parts; one nanosecond refills
    /// `per_second` parts. Counting what is missing lets a new rate apply to an old bucket.
    /// `missing <= burst * NANOS_PER_SECOND`, for the burst of the last success.
    missing: u128,
    /// When it was last refilled; a bucket that never gave a token lacks none.
    at: Option<Instant>,
}

impl RateBucket {
    /// Takes one token. A rate without a number is no limit; a burst of 0 counts as 1, else nobody
    /// could ever connect.
    ///
    /// # Errors
    /// The time after which a token will be there, if nobody else takes it; the bucket is unchanged
    /// apart from what it gained.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        if rate.is_unlimited() {
            return Ok(());
        }
        self.refill(rate, now);
        let capacity = u128::from(rate.burst.max(1)) * NANOS_PER_SECOND;
        let after = self.missing + NANOS_PER_SECOND;
        if let Some(excess) = after.checked_sub(capacity).filter(|excess| *excess > 0) {
            let wait_ns = excess.div_ceil(u128::from(rate.per_second));
            return Err(Duration::from_nanos(
                u64::try_from(wait_ns).unwrap_or(u64::MAX),
            ));
        }
        self.missing = after;
        Ok(())
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let before = self.at.unwrap_or(now);
        let elapsed = now.saturating_duration_since(before);
        let gained = elapsed.as_nanos().saturating_mul(rate.per_second.into());
        self.missing = self.missing.saturating_sub(gained);
        self.at = Some(before.max(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restrictions::test_clock::before;
    use crate::restrictions::test_clock::start;
    use proptest::prelude::*;

    const fn rate(per_second: u32, burst: u32) -> Rate {
        Rate { per_second, burst }
    }

    fn takes(bucket: &mut RateBucket, rate: Rate, now: Instant) -> u32 {
        let mut taken = 0;
        while taken < 10_000 && bucket.take(rate, now).is_ok() {
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_its_rate() {
        let (now, rate) = (start(), rate(2, 5));
        let mut bucket = RateBucket::default();
        assert_eq!(takes(&mut bucket, rate, now), 5);
        assert_eq!(bucket.take(rate, now), Err(Duration::from_millis(500)));
        assert_eq!(
            takes(&mut bucket, rate, now + Duration::from_millis(499)),
            0
        );
        assert_eq!(
            takes(&mut bucket, rate, now + Duration::from_millis(500)),
            1
        );
        assert_eq!(
            takes(&mut bucket, rate, now + Duration::from_millis(1500)),
            2
        );
        assert_eq!(takes(&mut bucket, rate, now + Duration::from_hours(1)), 5);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gains_nothing() {
        let (now, rate) = (start() + Duration::from_secs(10), rate(1000, 1));
        let mut bucket = RateBucket::default();
        assert_eq!(takes(&mut bucket, rate, now), 1);
        assert_eq!(takes(&mut bucket, rate, now), 0);
        assert_eq!(
            takes(&mut bucket, rate, before(now, Duration::from_secs(10))),
            0
        );
        assert_eq!(takes(&mut bucket, rate, now), 0);
        assert_eq!(takes(&mut bucket, rate, now + Duration::from_millis(1)), 1);
    }

    #[test]
    fn a_third_of_a_second_is_not_rounded_away() {
        let first = start();
        let (mut now, rate) = (first, rate(3, 2));
        let mut bucket = RateBucket::default();
        assert_eq!(takes(&mut bucket, rate, now), 2);
        for _ in 0..3_000 {
            now += bucket.take(rate, now).unwrap_err();
            bucket.take(rate, now).unwrap();
        }
        assert_eq!(now.duration_since(first), Duration::from_secs(1000));
    }

    #[test]
    fn no_rate_is_no_limit_and_no_burst_is_one() {
        let now = start();
        assert_eq!(
            takes(&mut RateBucket::default(), Rate::UNLIMITED, now),
            10_000
        );
        assert_eq!(takes(&mut RateBucket::default(), rate(1, 0), now), 1);
    }

    #[test]
    fn a_smaller_burst_after_a_reload_refuses_until_it_is_refilled() {
        let now = start();
        let mut bucket = RateBucket::default();
        assert_eq!(takes(&mut bucket, rate(1, 10), now), 10);
        assert_eq!(bucket.take(rate(1, 2), now), Err(Duration::from_secs(9)));
        assert_eq!(
            takes(&mut bucket, rate(1, 2), now + Duration::from_secs(9)),
            1
        );
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let now = start();
        let mut bucket = RateBucket::default();
        let rate = rate(u32::MAX, u32::MAX);
        assert_eq!(bucket.take(rate, now), Ok(()));
        assert_eq!(
            bucket.take(rate, now + Duration::from_hours(24 * 365)),
            Ok(())
        );
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_burst_plus_rate(
            per_second in 1_u32..1000,
            burst in 1_u32..50,
            steps in prop::collection::vec(0_u64..50_000_000, 1..200),
        ) {
            let first = start();
            let mut now = first;
            let mut bucket = RateBucket::default();
            let mut taken = 0_u128;
            for step in steps {
                now += Duration::from_nanos(step);
                taken += u128::from(bucket.take(rate(per_second, burst), now).is_ok());
            }
            let elapsed = now.duration_since(first).as_nanos();
            let ceiling = u128::from(burst) + elapsed * u128::from(per_second) / NANOS_PER_SECOND;
            prop_assert!(taken <= ceiling, "{taken} > {ceiling}");
        }

        #[test]
        fn the_wait_that_is_told_is_exact(per_second in 1_u32..5000, burst in 1_u32..5) {
            let now = start();
            let rate = rate(per_second, burst);
            let mut bucket = RateBucket::default();
            takes(&mut bucket, rate, now);
            let wait = bucket.take(rate, now).unwrap_err();
            prop_assert!(bucket.take(rate, before(now + wait, Duration::from_nanos(1))).is_err());
            prop_assert!(bucket.take(rate, now + wait).is_ok());
        }
    }
}
