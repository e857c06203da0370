//! What was measured: samples by scenario and target, and their medians.

use std::collections::BTreeMap;
use std::fmt;

use super::target::Target;

/// One kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// Transactions per second.
    Throughput,
    /// The pooler's time of processors per transaction, in microseconds.
    Cpu,
    /// Its part in user space.
    CpuUser,
    /// Its part in the kernel.
    CpuSystem,
    /// The same of the servers.
    CpuServers,
    /// Latencies, in microseconds.
    P50,
    P95,
    P99,
    P999,
    /// Time of processors for each gigabyte, in seconds.
    SecondsPerGigabyte,
    /// Megabytes per second.
    Megabytes,
    /// How much the pooler's memory grew, in megabytes.
    Growth,
    /// The pooler's memory for each idle client, in bytes.
    IdleBytes,
    /// The pooler's system calls per transaction.
    SystemCalls,
    /// The p99 beside a noisy tenant, in microseconds, and against that alone.
    P99Beside,
    NoiseRatio,
    /// Latencies of the writes among reads, in microseconds.
    WriteP50,
    WriteP99,
    /// How many reads in a hundred the nearest endpoint has served.
    Nearest,
    /// How many in a hundred a replica could not serve, so that they went to the primary.
    Healed,
}

impl Metric {
    /// What it is called, in JSON and in the head of a column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throughput => "tps",
            Self::Cpu => "cpu_us",
            Self::CpuUser => "user_us",
            Self::CpuSystem => "system_us",
            Self::CpuServers => "postgres_us",
            Self::P50 => "p50_us",
            Self::P95 => "p95_us",
            Self::P99 => "p99_us",
            Self::P999 => "p99.9_us",
            Self::SecondsPerGigabyte => "cpu_s/gb",
            Self::Megabytes => "mb/s",
            Self::Growth => "growth_mb",
            Self::IdleBytes => "idle_bytes",
            Self::SystemCalls => "calls",
            Self::P99Beside => "beside_us",
            Self::NoiseRatio => "noise",
            Self::WriteP50 => "write_p50",
            Self::WriteP99 => "write_p99",
            Self::Nearest => "nearest_%",
            Self::Healed => "healed_%",
        }
    }
}

/// What one measurement gave.
pub(crate) type Sample = BTreeMap<Metric, f64>;

/// What could not be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// In which scenario.
    pub(crate) scenario: String,
    /// With what.
    pub(crate) target: Target,
    /// Why not. The first line is the reason, what follows is a log.
    pub(crate) why: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scenario, target, why) = (&self.scenario, self.target.name(), &self.why);
        write!(formatter, "{scenario} with {target}: {why}")
    }
}

/// Everything that was measured in one run.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    samples: BTreeMap<(String, Target), Vec<Sample>>,
    /// What could not be measured, and why.
    pub(crate) gaps: Vec<Gap>,
}

impl Figures {
    /// Keeps a measurement.
    pub(crate) fn add(&mut self, scenario: &str, target: Target, sample: Sample) {
        let samples = self.samples.entry((scenario.to_owned(), target));
        samples.or_default().push(sample);
    }

    /// The median over the rounds.
    pub(crate) fn median(&self, scenario: &str, target: Target, metric: Metric) -> Option<f64> {
        let samples = self.samples.get(&(scenario.to_owned(), target))?;
        median(
            samples
                .iter()
                .filter_map(|sample| sample.get(&metric).copied()),
        )
    }

    /// The median of the ratios of two targets, round by round: what disturbs a round disturbs both.
    pub(crate) fn ratio(
        &self,
        scenario: &str,
        target: Target,
        base: Target,
        metric: Metric,
    ) -> Option<f64> {
        let pairs = self.pairs(scenario, target, base, metric)?;
        let pairs = pairs.into_iter().filter(|(_, base)| *base > 0.0);
        median(pairs.map(|(own, base)| own / base))
    }

    /// The median of the differences of two targets, round by round.
    pub(crate) fn difference(
        &self,
        scenario: &str,
        target: Target,
        base: Target,
        metric: Metric,
    ) -> Option<f64> {
        let pairs = self.pairs(scenario, target, base, metric)?;
        median(pairs.into_iter().map(|(own, base)| own - base))
    }

    fn pairs(
        &self,
        scenario: &str,
        target: Target,
        base: Target,
        metric: Metric,
    ) -> Option<Vec<(f64, f64)>> {
        let of = |target| {
            let samples = self.samples.get(&(scenario.to_owned(), target))?;
            let values = samples
                .iter()
                .filter_map(|sample| sample.get(&metric).copied());
            Some(values.collect::<Vec<f64>>())
        };
        Some(of(target)?.into_iter().zip(of(base)?).collect())
    }

    /// Which scenarios and targets were measured.
    pub(crate) fn measured(&self) -> impl Iterator<Item = (&str, Target, &[Sample])> {
        let entries = self.samples.iter();
        entries.map(|((scenario, target), samples)| (scenario.as_str(), *target, &samples[..]))
    }

    /// The targets that a scenario was measured with.
    pub(crate) fn targets(&self, scenario: &str) -> Vec<Target> {
        let measured = self.measured().filter(|(name, ..)| *name == scenario);
        measured.map(|(_, target, _)| target).collect()
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(*lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(value: f64) -> Sample {
        Sample::from([(Metric::Cpu, value)])
    }

    #[test]
    fn the_median_is_the_middle_one_or_between_two() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn a_ratio_compares_what_was_measured_in_the_same_round() {
        let mut figures = Figures::default();
        // The second round was disturbed, and both paid for it.
        for (ours, theirs) in [(8.0, 10.0), (80.0, 100.0), (9.0, 10.0)] {
            figures.add("simple", Target::Tidegate1, cpu(ours));
            figures.add("simple", Target::PgBouncer, cpu(theirs));
        }
        let ratio = figures.ratio("simple", Target::Tidegate1, Target::PgBouncer, Metric::Cpu);
        assert_eq!(ratio, Some(0.8));
        let more = figures.difference("simple", Target::Tidegate1, Target::PgBouncer, Metric::Cpu);
        assert_eq!(more, Some(-2.0));
        assert_eq!(
            figures.median("simple", Target::Tidegate1, Metric::Cpu),
            Some(9.0)
        );
        assert_eq!(
            figures.ratio("simple", Target::Tidegate1, Target::Relay, Metric::Cpu),
            None
        );
    }
}
