//! The one instant at which the tests of this layer begin; all others are reckoned from it.

use std::time::Duration;
use std::time::Instant;

/// A day after an arbitrary instant, so that a test may also go back.
#[expect(
    clippy::disallowed_methods,
    reason = "an `Instant` cannot be made in another way; the tests only add to it"
)]
pub(super) fn start() -> Instant {
    Instant::now() + Duration::from_hours(24)
}

/// An instant before another one.
pub(super) fn before(instant: Instant, by: Duration) -> Instant {
    instant.checked_sub(by).expect("the tests begin a day late")
}
