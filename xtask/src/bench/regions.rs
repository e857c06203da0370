//! Reads at replicas: what it costs to send them there where nothing is far away, and what it is worth
//! where the primary is.
//!
//! Where reads went is what Tidegate itself counts of it, held against what the clients were answered.

use std::cell::Cell;
use std::time::Duration;

use serde_json::Value;
use tidegate_harness::Failure;
use tidegate_harness::http_get;
use tidegate_harness::polling;
use tidegate_harness::wire::Wire;

use super::figures::Metric;
use super::figures::Sample;
use super::load;
use super::load::Timing;
use super::options::Extent;
use super::options::Sizes;
use super::scenario::Scenario;
use super::scenario::Shape;
use super::target;
use super::target::Running;
use super::target::Stand;

/// How long it may take until a page tells what has been answered.
const PAGE_LIMIT: Duration = Duration::from_secs(5);

/// Servers that are opened under load are known to be of use when the replica has been looked at again,
/// which happens each second.
const OPENING: Timing = Timing {
    warm_up: 0.0,
    seconds: 1.5,
    settle: 0.0,
};

/// The rule of what begins a transaction block.
const BEGINS: &str = "begins";

/// Rules by which something goes to the primary that is no read.
const NO_READS: [&str; 5] = ["writes", BEGINS, "sets", "unclear", "shows_lsn"];

/// A read that waits for a replica is counted when it begins to, and when it goes somewhere.
const WAITS: &str = "awaits_replay";

/// Where replicas are in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routing {
    /// There are none.
    Off,
    /// One is beside the primary. What is not routed has one server only: the one at this place, where what
    /// is routed ends up.
    AtHand(usize),
    /// The primary and two replicas are so far away, in milliseconds of a round trip. What is not routed
    /// goes to the primary.
    Far([u64; 3]),
}

impl Routing {
    /// How many replicas it needs.
    pub(crate) fn replicas(self) -> usize {
        match self {
            Self::Off => 0,
            Self::AtHand(_) => 1,
            Self::Far(ways) => ways.len() - 1,
        }
    }

    /// The round trips to the primary and its replicas.
    pub(crate) fn ways(self) -> Vec<Duration> {
        match self {
            Self::Off => vec![Duration::ZERO],
            Self::AtHand(_) => vec![Duration::ZERO; 2],
            Self::Far(ways) => ways.map(Duration::from_millis).to_vec(),
        }
    }

    /// The place of the one that reads go to: of several that are equally near, a replica.
    pub(crate) fn nearest(self) -> usize {
        let ways = self.ways().into_iter().enumerate();
        let nearest = ways.rev().min_by_key(|(_, way)| *way);
        nearest.map_or(0, |(place, _)| place)
    }
}

/// What an endpoint is called.
pub(crate) fn name_of(place: usize) -> String {
    match place {
        0 => "primary".to_owned(),
        replica => format!("replica-{replica}"),
    }
}

/// The scenarios.
pub(crate) fn scenarios(sizes: &Sizes, scenarios: &mut Vec<Scenario>) {
    let mut at_hand = |kind: &str, about, place| {
        let scenario = Scenario::new(&format!("routed-{kind}"), about, sizes.scaled(32));
        let mut scenario = scenario.telling(&["--kind", kind]);
        (scenario.shape, scenario.routing) = (Shape::Routing, Routing::AtHand(place));
        scenario.is_traced = true;
        let is_quick = kind == "prepared";
        scenarios.push(if is_quick { scenario.quick() } else { scenario });
    };
    at_hand("simple", "one Query that goes to a replica", 1);
    at_hand("extended", "the same with the extended protocol", 1);
    at_hand("prepared", "a statement that was seen before", 1);
    at_hand("update", "a Query that writes, and its LSN", 0);
    let mut far = |name: &str, about, kind: &str, ways| {
        let scenario = Scenario::new(name, about, sizes.scaled(16));
        let words = ["--kind", kind, "--think-ms", "10"];
        let mut scenario = scenario.telling(&words);
        (scenario.shape, scenario.routing) = (Shape::Distance, Routing::Far(ways));
        scenarios.push(if name == "region-90" {
            scenario.quick()
        } else {
            scenario
        });
    };
    let about = "reads beside the primary; replicas 90 and 180 ms away";
    far("region-0", about, "simple", [0, 90, 180]);
    let about = "reads 30 ms from a replica, 90 from the primary, 180 from another replica";
    far("region-30", about, "simple", [90, 30, 180]);
    let about = "reads beside a replica, 90 ms from the primary";
    far("region-90", about, "simple", [90, 0, 90]);
    let about = "reads beside a replica, 180 ms from the primary";
    far("region-180", about, "simple", [180, 90, 0]);
    let about = "one in ten writes; beside a replica, 90 ms from the primary";
    far("mixed-90", about, "mixed", [90, 0, 90]);
    let about = "one in ten writes; beside a replica, 180 ms from the primary";
    far("mixed-180", about, "mixed", [180, 90, 0]);
}

/// Where a target tells which way reads went.
#[derive(Debug)]
pub(crate) struct Routes {
    /// The port of its page of metrics.
    pub(crate) http_port: u16,
    /// The endpoint that is nearest.
    pub(crate) nearest: String,
    /// Whether its servers have been opened.
    pub(crate) is_open: Cell<bool>,
}

/// What was counted until some moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counted {
    /// Everything that went anywhere, but for what waited first.
    all: f64,
    /// Of that what reads, each once for every place that it went to.
    reads: f64,
    nearest: f64,
    healed: f64,
    healed_of_nearest: f64,
    /// Transaction blocks that were begun.
    blocks: f64,
}

/// Measures a scenario with replicas once.
///
/// # Errors
/// If a client could not do what it wants, or fewer went anywhere than were answered.
pub(crate) fn sample(
    stand: &Stand<'_>,
    running: &Running,
    sizes: &Sizes,
) -> Result<Sample, Failure> {
    let Some(routes) = &running.routes else {
        return measured(stand, running, sizes).map(|(sample, _)| sample);
    };
    let mut before = Counted::default();
    if sizes.extent != Extent::Smoke {
        if !routes.is_open.replace(true) {
            load::run(load::command(stand, running, OPENING))?;
        }
        before = routes.counted_by_now(running.plain_port)?;
    }
    let (mut sample, answered) = measured(stand, running, sizes)?;
    let counted = routes.counted_by_now(running.plain_port)?.since(before);
    if counted.all < answered {
        let text = format!(
            "{answered} were answered, and {} went somewhere",
            counted.all
        );
        return Err(Failure::Unexpected(text));
    }
    if let Some([nearest, healed]) = counted.shares() {
        sample.insert(Metric::Nearest, nearest);
        sample.insert(Metric::Healed, healed);
    }
    Ok(sample)
}

/// What a load measures, and how many transactions were answered.
fn measured(stand: &Stand<'_>, running: &Running, sizes: &Sizes) -> Result<(Sample, f64), Failure> {
    let value = load::run(load::command(stand, running, sizes.timing()))?;
    let sample = load::sample(&value, stand.scenario.shape)?;
    let answered = value.get("transactions").and_then(Value::as_f64);
    Ok((sample, answered.unwrap_or(0.0)))
}

impl Routes {
    /// What has been counted until now: a page of metrics may be as old as a second, so that something is
    /// done that is seen in it.
    fn counted_by_now(&self, pooler: u16) -> Result<Counted, Failure> {
        let odd = |error| Failure::Unexpected(format!("a block: {error}"));
        let blocks = self.counted()?.blocks;
        let mut client = Wire::connect(&target::login(pooler)).map_err(odd)?;
        for sql in ["begin", "commit"] {
            client.query(sql).map_err(odd)?;
        }
        polling::until("a new page of metrics", PAGE_LIMIT, || {
            let counted = self.counted()?;
            Ok((counted.blocks > blocks).then_some(counted))
        })
    }

    /// What has been counted, as far as it is told yet.
    fn counted(&self) -> Result<Counted, Failure> {
        let (status, page) = http_get(self.http_port, "/metrics")?;
        if status != 200 {
            return Err(Failure::Unexpected(format!("no page of metrics: {status}")));
        }
        Ok(Counted::of(&page, &self.nearest))
    }
}

impl Counted {
    fn of(page: &str, nearest: &str) -> Self {
        let mut counted = Self::default();
        for line in page.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let value: f64 = value.parse().unwrap_or(0.0);
            let label = |name: &str| {
                let (_, rest) = series.split_once(&format!("{name}=\""))?;
                Some(rest.split_once('"')?.0)
            };
            let is_nearest = label("endpoint") == Some(nearest);
            if series.starts_with("tidegate_healed_total{") {
                counted.healed += value;
                counted.healed_of_nearest += if is_nearest { value } else { 0.0 };
            }
            let rule = label("rule").unwrap_or(WAITS);
            if !series.starts_with("tidegate_routes_total{") || rule == WAITS {
                continue;
            }
            counted.all += value;
            counted.blocks += if rule == BEGINS { value } else { 0.0 };
            if !NO_READS.contains(&rule) {
                counted.reads += value;
                counted.nearest += if is_nearest { value } else { 0.0 };
            }
        }
        counted
    }

    fn since(self, before: Self) -> Self {
        Self {
            all: self.all - before.all,
            reads: self.reads - before.reads,
            nearest: self.nearest - before.nearest,
            healed: self.healed - before.healed,
            healed_of_nearest: self.healed_of_nearest - before.healed_of_nearest,
            blocks: self.blocks - before.blocks,
        }
    }

    /// Of a hundred reads, those that the nearest endpoint served, and those that a replica could not serve,
    /// which are counted twice; none if there were no reads.
    fn shares(self) -> Option<[f64; 2]> {
        let reads = self.reads - self.healed;
        let served = self.nearest - self.healed_of_nearest;
        (reads > 0.0).then(|| [served, self.healed].map(|part| part * 100.0 / reads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_reads_and_a_read_that_was_healed_is_one() {
        let page = "\
# TYPE tidegate_routes_total counter
tidegate_routes_total{tenant=\"t0\",endpoint=\"replica-1\",rule=\"only_one\"} 90
tidegate_routes_total{tenant=\"t0\",endpoint=\"replica-1\",rule=\"awaits_replay\"} 7
tidegate_routes_total{tenant=\"t0\",endpoint=\"replica-2\",rule=\"nearest\"} 10
tidegate_routes_total{tenant=\"t0\",endpoint=\"primary\",rule=\"barred\"} 5
tidegate_routes_total{tenant=\"t0\",endpoint=\"primary\",rule=\"writes\"} 1000
tidegate_healed_total{tenant=\"t0\",endpoint=\"replica-1\",reason=\"conflict\"} 5
";
        let counted = Counted::of(page, "replica-1");
        assert_eq!(counted.all.to_bits(), 1105_f64.to_bits());
        assert_eq!(counted.shares(), Some([85.0, 5.0]));
        assert_eq!(counted.since(counted).shares(), None);
    }

    #[test]
    fn of_two_that_are_equally_near_a_replica_is_read_from() {
        assert_eq!(Routing::AtHand(0).nearest(), 1);
        assert_eq!(Routing::Far([0, 90, 180]).nearest(), 0);
        assert_eq!(Routing::Far([180, 90, 0]).nearest(), 2);
        assert_eq!(Routing::Off.nearest(), 0);
    }
}
