//! A smoothed round trip and how much it varies, as TCP keeps them.
//!
//! See RFC 6298, section 2, <https://www.rfc-editor.org/rfc/rfc6298#section-2>.

use std::time::Duration;

/// Before that many measurements there are better guesses.
const MEASUREMENTS_MIN: u32 = 4;

/// A smoothed round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrip {
    /// Its length.
    pub smoothed: Duration,
    /// By how much single ones differ from it.
    pub deviation: Duration,
    /// The shortest that was measured.
    pub least: Duration,
    /// How many were.
    pub measurements: u32,
}

impl RoundTrip {
    /// What one measurement tells.
    pub fn first(measured: Duration) -> Self {
        Self {
            smoothed: measured,
            deviation: measured / 2,
            least: measured,
            measurements: 1,
        }
    }

    /// Whether there is enough of it to go by. The first measurements are too long, if anything: caches
    /// are cold.
    pub fn is_measured(&self) -> bool {
        self.measurements >= MEASUREMENTS_MIN
    }

    /// What one more tells.
    #[must_use]
    pub fn with(self, measured: Duration) -> Self {
        let difference = self.smoothed.abs_diff(measured);
        Self {
            smoothed: self.smoothed * 7 / 8 + measured / 8,
            deviation: self.deviation * 3 / 4 + difference / 4,
            least: self.least.min(measured),
            measurements: self.measurements.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_change_wins_and_a_single_outlier_does_not() {
        let (near, far) = (Duration::from_millis(2), Duration::from_millis(90));
        let calm = (0..50).fold(RoundTrip::first(near), |known, _| known.with(near));
        assert!(calm.smoothed.abs_diff(near) < Duration::from_micros(1));
        assert!(calm.deviation < Duration::from_micros(10));
        let once = calm.with(far);
        assert_eq!(once.smoothed, Duration::from_millis(13));
        assert!(once.deviation > Duration::from_millis(20));
        let moved = (0..50).fold(once, |known, _| known.with(far));
        assert!(moved.smoothed.abs_diff(far) < Duration::from_millis(1));
    }
}
