//! Latencies, each kept to within two percent, in memory that does not grow with their number.
//!
//! A bucket is a power of two and the next six bits: 64 buckets for each doubling.

use std::time::Duration;

/// Buckets for each power of two, as a number of bits.
const BITS: u32 = 6;
const PER_DOUBLING: u64 = 1 << BITS;
/// Enough for 2^42 ns, more than an hour.
const BUCKETS: usize = (42 << BITS) as usize;

/// How often each latency occurred.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_ns: u64,
}

impl Histogram {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
            max_ns: 0,
        }
    }

    /// Counts one latency.
    pub(crate) fn record(&mut self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(ns)) {
            *count += 1;
        }
        self.total += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// The latency that `share` of all, from 0.0 to 1.0, do not exceed. In microseconds; 0 if there
    /// are none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among fewer than 2^52 latencies"
    )]
    pub(crate) fn quantile_us(&self, share: f64) -> f64 {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return (middle_ns(at).min(self.max_ns)) as f64 / 1_000.0;
            }
        }
        self.max_ns as f64 / 1_000.0
    }

    /// The longest, in microseconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "fewer than 2^52 ns are a month and a half"
    )]
    pub(crate) fn max_us(&self) -> f64 {
        self.max_ns as f64 / 1_000.0
    }
}

fn bucket(ns: u64) -> usize {
    let at = if ns < PER_DOUBLING {
        ns
    } else {
        let shift = ns.ilog2() - BITS;
        (u64::from(shift) << BITS) + (ns >> shift)
    };
    usize::try_from(at).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The middle of a bucket, which is within 1/128 of all that is in it.
fn middle_ns(bucket: usize) -> u64 {
    let at = bucket as u64;
    if at < PER_DOUBLING {
        return at;
    }
    let shift = (at >> BITS) - 1;
    let low = (at - (shift << BITS)) << shift;
    low + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_holds_its_own_middle() {
        for at in 0..BUCKETS - 64 {
            assert_eq!(bucket(middle_ns(at)), at);
        }
    }

    #[test]
    fn a_latency_is_kept_to_within_two_percent() {
        for ns in [70, 999, 12_345, 1_000_000, 3_600_000_000_000] {
            let kept = middle_ns(bucket(ns));
            assert!(kept.abs_diff(ns) * 50 <= ns, "{ns} became {kept}");
        }
    }

    #[test]
    fn quantiles_are_ranks_and_histograms_add_up() {
        let mut low = Histogram::new();
        let mut high = Histogram::new();
        for step in 1..=90 {
            low.record(Duration::from_micros(step));
        }
        for _ in 0..10 {
            high.record(Duration::from_millis(5));
        }
        low.add(&high);
        assert!((low.quantile_us(0.5) - 50.0).abs() < 1.0);
        assert!((low.quantile_us(0.95) - 5_000.0).abs() < 50.0);
        assert!((low.max_us() - 5_000.0).abs() < f64::EPSILON);
    }

    #[test]
    fn nothing_has_no_latency() {
        assert!(Histogram::new().quantile_us(0.99).abs() < f64::EPSILON);
    }
}
