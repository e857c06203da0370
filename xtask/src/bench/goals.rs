//! The goals of the project, and what a run says of each.

use self::Bound::AtLeast;
use self::Bound::AtMost;
use self::Measure::Above;
use self::Measure::Against;
use self::Measure::Elsewhere;
use self::Measure::Plain;
use self::Measure::Spread;
use self::Measure::Together;
use super::figures::Figures;
use super::figures::Metric;
use super::table::shown;
use super::target::Target;

/// One goal.
#[derive(Debug)]
pub(crate) struct Goal {
    /// What the figure is.
    pub(crate) figure: &'static str,
    measure: Measure,
    bound: Bound,
}

/// How its figure comes from what was measured.
#[derive(Debug, Clone, Copy)]
enum Measure {
    /// As it is: scenario, target, metric.
    Plain(&'static str, Target, Metric),
    /// Against another target in the same rounds.
    Against(&'static str, Target, Metric, Target),
    /// How much more than another target in the same rounds.
    Above(&'static str, Target, Metric, Target),
    /// p99 divided by p50.
    Spread(&'static str, Target),
    /// Pooler and servers together, against another pooler's.
    Together(&'static str, Target, Target),
    /// Not by this command.
    Elsewhere(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// What a run says of a goal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    /// The figure.
    pub(crate) value: Option<f64>,
    /// In a word or two.
    pub(crate) verdict: String,
}

const T1: Target = Target::Tidegate1;
const T2: Target = Target::Tidegate2;
const PGB: Target = Target::PgBouncer;
const ROUTED: Target = Target::Routed;
const UNROUTED: Target = Target::Unrouted;

/// All of them, as the project has set them.
pub(crate) const ALL: [Goal; 30] = [
    goal("CPU, simple, x PgBouncer", cpu("simple-32"), AtMost(0.90)),
    goal(
        "CPU in user space, simple, us",
        Plain("simple-32", T1, Metric::CpuUser),
        AtMost(2.0),
    ),
    goal(
        "CPU, extended, x PgBouncer",
        cpu("extended-32"),
        AtMost(0.90),
    ),
    goal(
        "CPU, prepared, x PgBouncer",
        cpu("prepared-32"),
        AtMost(0.78),
    ),
    goal(
        "throughput, one worker, x PgBouncer",
        throughput("simple-32", T1),
        AtLeast(1.05),
    ),
    goal(
        "throughput, two workers, x PgBouncer",
        throughput("simple-32", T2),
        AtLeast(1.20),
    ),
    goal(
        "instructions per transaction",
        Elsewhere("see cargo xtask count"),
        AtMost(4_500.0),
    ),
    goal(
        "system calls, simple",
        Plain("simple-32", T1, Metric::SystemCalls),
        AtMost(4.2),
    ),
    goal(
        "system calls, prepared",
        Plain("prepared-32", T1, Metric::SystemCalls),
        AtMost(4.2),
    ),
    goal(
        "CPU, simple, x relay",
        Against("simple-32", T1, Metric::Cpu, Target::Relay),
        AtMost(1.15),
    ),
    goal(
        "p50, one client, x PgBouncer",
        Against("simple-1", T1, Metric::P50, PGB),
        AtMost(1.0),
    ),
    goal(
        "throughput, pooler as the bottleneck, two workers, x PgBouncer",
        throughput("bottleneck-burst", T2),
        AtLeast(1.8),
    ),
    goal(
        "p99 / p50, 500 of 10,000 clients",
        Spread("connected-10000", T1),
        AtMost(1.5),
    ),
    goal(
        "bytes per idle client",
        Plain("idle", T1, Metric::IdleBytes),
        AtMost(900.0),
    ),
    goal(
        "bytes per idle client, TLS",
        Plain("idle-tls", T1, Metric::IdleBytes),
        AtMost(5_000.0),
    ),
    goal(
        "CPU, SCRAM login and a query, x PgBouncer",
        cpu("login-scram"),
        AtMost(0.8),
    ),
    goal(
        "CPU per GB, large results, x PgBouncer",
        bulk("large-rows"),
        AtMost(0.5),
    ),
    goal(
        "CPU per GB, one huge message, x PgBouncer",
        bulk("large-message"),
        AtMost(0.35),
    ),
    goal(
        "CPU, simple over TLS, x PgBouncer",
        cpu("simple-tls"),
        AtMost(0.70),
    ),
    goal(
        "CPU, TLS login and a query, x PgBouncer",
        cpu("login-tls"),
        AtMost(0.4),
    ),
    goal(
        "quiet tenant's p99 beside a noisy one, x alone",
        Plain("noise", T1, Metric::NoiseRatio),
        AtMost(1.3),
    ),
    goal(
        "the same beside one that logs in over TLS, x PgBouncer",
        Against("noise-logins", T1, Metric::NoiseRatio, PGB),
        AtMost(1.0),
    ),
    goal(
        "1,000,000 clients in one process, GB",
        Elsewhere("not part of this command"),
        AtMost(1.0),
    ),
    goal(
        "p99, 500 of 18,000 clients, us",
        Plain("connected-18000", T1, Metric::P99),
        AtMost(20_000.0),
    ),
    goal(
        "bytes per idle client of 18,000",
        Plain("connected-18000", T1, Metric::IdleBytes),
        AtMost(900.0),
    ),
    goal(
        "CPU, extended, pooler and PostgreSQL, x PgBouncer",
        Together("extended-32", T1, PGB),
        AtMost(0.87),
    ),
    goal(
        "the same, unnamed statements shared",
        Together("shared-32", T1, PGB),
        AtMost(0.87),
    ),
    goal(
        "CPU of routing a read whose statement is known, us",
        Above("routed-prepared", ROUTED, Metric::Cpu, UNROUTED),
        AtMost(1.0),
    ),
    goal(
        "reads at the nearest, 90 ms from the primary, %",
        Plain("region-90", ROUTED, Metric::Nearest),
        AtLeast(99.0),
    ),
    goal(
        "p50 of reads, 90 ms from the primary, x primary only",
        Against("region-90", ROUTED, Metric::P50, UNROUTED),
        AtMost(0.05),
    ),
];

const fn goal(figure: &'static str, measure: Measure, bound: Bound) -> Goal {
    Goal {
        figure,
        measure,
        bound,
    }
}

const fn cpu(scenario: &'static str) -> Measure {
    Against(scenario, T1, Metric::Cpu, PGB)
}

const fn bulk(scenario: &'static str) -> Measure {
    Against(scenario, T1, Metric::SecondsPerGigabyte, PGB)
}

const fn throughput(scenario: &'static str, target: Target) -> Measure {
    Against(scenario, target, Metric::Throughput, PGB)
}

impl Goal {
    /// What was wanted.
    pub(crate) fn wanted(&self) -> String {
        match self.bound {
            AtMost(limit) => format!("<= {}", shown(Some(limit))),
            AtLeast(limit) => format!(">= {}", shown(Some(limit))),
        }
    }

    /// Whether it is met, or by how much it is missed.
    pub(crate) fn judge(&self, figures: &Figures) -> Judgement {
        let Some(value) = self.measure.value(figures) else {
            let why = if let Elsewhere(why) = self.measure {
                why
            } else {
                "not measured"
            };
            return Judgement {
                value: None,
                verdict: why.to_owned(),
            };
        };
        let excess = match self.bound {
            AtMost(limit) => value / limit - 1.0,
            AtLeast(limit) => 1.0 - value / limit,
        };
        let verdict = if excess <= 0.0 {
            "met".to_owned()
        } else {
            format!("missed by {:.0} %", (excess * 100.0).ceil())
        };
        Judgement {
            value: Some(value),
            verdict,
        }
    }
}

impl Measure {
    fn value(self, figures: &Figures) -> Option<f64> {
        let median = |scenario, target, metric| figures.median(scenario, target, metric);
        match self {
            Self::Plain(scenario, target, metric) => median(scenario, target, metric),
            Self::Against(scenario, target, metric, base) => {
                figures.ratio(scenario, target, base, metric)
            },
            Self::Above(scenario, target, metric, base) => {
                figures.difference(scenario, target, base, metric)
            },
            Self::Spread(scenario, target) => {
                let middle = median(scenario, target, Metric::P50)?;
                Some(median(scenario, target, Metric::P99)? / middle)
            },
            Self::Together(scenario, target, base) => {
                let sum = |target| {
                    let servers = median(scenario, target, Metric::CpuServers)?;
                    Some(median(scenario, target, Metric::Cpu)? + servers)
                };
                Some(sum(target)? / sum(base)?)
            },
            Self::Elsewhere(_) => None,
        }
    }
}

/// The goals beside the figures, a line each.
pub(crate) fn table(figures: &Figures) -> String {
    let mut lines = vec![format!(
        "{:<64}{:>10}{:>10}  {}",
        "goal", "wanted", "figure", "verdict"
    )];
    for goal in &ALL {
        let judgement = goal.judge(figures);
        let (wanted, value) = (goal.wanted(), shown(judgement.value));
        let (figure, verdict) = (goal.figure, judgement.verdict);
        lines.push(format!("{figure:<64}{wanted:>10}{value:>10}  {verdict}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures::Sample;

    fn judged(figure: &str, figures: &Figures) -> Judgement {
        let goal = ALL.iter().find(|goal| goal.figure == figure).unwrap();
        goal.judge(figures)
    }

    fn figures(scenario: &str, samples: &[(Target, Metric, f64)]) -> Figures {
        let mut figures = Figures::default();
        for (target, metric, value) in samples {
            figures.add(scenario, *target, Sample::from([(*metric, *value)]));
        }
        figures
    }

    #[test]
    fn a_goal_is_met_or_missed_by_a_percentage() {
        let name = "CPU, simple, x PgBouncer";
        let met = figures(
            "simple-32",
            &[(T1, Metric::Cpu, 9.0), (PGB, Metric::Cpu, 10.0)],
        );
        assert_eq!(judged(name, &met).verdict, "met");
        let missed = figures(
            "simple-32",
            &[(T1, Metric::Cpu, 9.9), (PGB, Metric::Cpu, 10.0)],
        );
        assert_eq!(judged(name, &missed).verdict, "missed by 10 %");
    }

    #[test]
    fn a_goal_to_exceed_is_missed_from_below() {
        let name = "throughput, two workers, x PgBouncer";
        let tps = Metric::Throughput;
        let missed = figures("simple-32", &[(T2, tps, 90.0), (PGB, tps, 100.0)]);
        assert_eq!(judged(name, &missed).verdict, "missed by 25 %");
        let met = figures("simple-32", &[(T2, tps, 130.0), (PGB, tps, 100.0)]);
        assert_eq!(judged(name, &met).verdict, "met");
    }

    #[test]
    fn what_was_not_measured_is_neither() {
        let judgement = judged("bytes per idle client", &Figures::default());
        assert_eq!(
            (judgement.value, judgement.verdict.as_str()),
            (None, "not measured")
        );
    }

    #[test]
    fn a_figure_can_combine_two() {
        let mut both = Figures::default();
        let sample = |p50, p99| Sample::from([(Metric::P50, p50), (Metric::P99, p99)]);
        both.add("connected-10000", T1, sample(10.0, 12.5));
        let judgement = judged("p99 / p50, 500 of 10,000 clients", &both);
        assert_eq!(judgement.value, Some(1.25));
        for (target, own, servers) in [(T1, 10.0, 35.0), (PGB, 12.0, 48.0)] {
            let sample = [(Metric::Cpu, own), (Metric::CpuServers, servers)];
            both.add("extended-32", target, Sample::from(sample));
        }
        let name = "CPU, extended, pooler and PostgreSQL, x PgBouncer";
        assert_eq!(judged(name, &both).value, Some(0.75));
    }

    #[test]
    fn every_goal_names_a_scenario_that_exists() {
        let names: Vec<String> = crate::bench::scenario::all(&crate::bench::options::Sizes::FULL)
            .into_iter()
            .map(|scenario| scenario.name)
            .collect();
        for goal in &ALL {
            let name = match goal.measure {
                Plain(name, ..) | Against(name, ..) | Above(name, ..) => name,
                Spread(name, _) | Together(name, ..) => name,
                Elsewhere(_) => continue,
            };
            assert!(names.iter().any(|known| *known == name), "{name}");
        }
    }
}
