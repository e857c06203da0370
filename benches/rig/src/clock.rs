//! The clock of the benchmark: what it measures is time, so this is where it reads it.

use std::time::Instant;

/// What the monotonic clock says.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time; nothing decides by it"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
