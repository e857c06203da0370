//! What averages are worked out from: samples of the counters, one period apart.
//!
//! As in PgBouncer, an average covers the time since the older of two samples: one to two periods,
//! or the time since the process came up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::Count;
use crate::telemetry::CounterTotals;
use crate::telemetry::DatabaseKey;
use crate::telemetry::WorkerTotals;

/// The two last samples.
#[derive(Debug)]
pub struct Averages(Mutex<[Arc<Sample>; 2]>);

#[derive(Debug)]
struct Sample {
    at: Instant,
    databases: BTreeMap<DatabaseKey, CounterTotals>,
    node: CounterTotals,
    commands: u64,
}

/// The time since the older sample.
#[derive(Debug, Clone)]
pub struct Interval {
    since: Arc<Sample>,
    length: Duration,
}

impl Averages {
    /// Nothing was counted before now.
    pub fn new(now: Instant) -> Self {
        let start = Arc::new(Sample {
            at: now,
            databases: BTreeMap::new(),
            node: CounterTotals::default(),
            commands: 0,
        });
        Self(Mutex::new([Arc::clone(&start), start]))
    }

    /// Takes a sample; the oldest is forgotten.
    pub fn sample(&self, now: Instant, totals: &WorkerTotals, commands: u64) {
        let sample = Arc::new(Sample {
            at: now,
            databases: totals.databases.clone(),
            node: totals.node(),
            commands,
        });
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.rotate_left(1);
        let [_older, newer] = &mut *samples;
        *newer = sample;
    }

    /// The time that an average covers now.
    pub fn interval(&self, now: Instant) -> Interval {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [older, _newer] = &*samples;
        Interval {
            since: Arc::clone(older),
            length: now.duration_since(older.at),
        }
    }
}

impl Interval {
    /// The average of a count: by second, or, for a time, by what the time was spent on.
    pub fn average(&self, database: &DatabaseKey, now: &CounterTotals, count: Count) -> u64 {
        let before = self
            .since
            .databases
            .get(database)
            .copied()
            .unwrap_or_default();
        self.between(&before, now, count)
    }

    /// The same for the node.
    pub fn average_of_node(&self, now: &CounterTotals, count: Count) -> u64 {
        self.between(&self.since.node, now, count)
    }

    /// The same for the commands of operators.
    pub fn average_of_commands(&self, now: u64) -> u64 {
        self.by_second(now.saturating_sub(self.since.commands))
    }

    fn between(&self, before: &CounterTotals, now: &CounterTotals, count: Count) -> u64 {
        let grown = |count: Count| match now.count(count).checked_sub(before.count(count)) {
            Some(grown) => grown,
            // The database was forgotten in between, and counts anew.
            None => now.count(count),
        };
        match spent_on(count) {
            Some(what) => grown(count).checked_div(grown(what)).unwrap_or(0),
            None => self.by_second(grown(count)),
        }
    }

    fn by_second(&self, grown: u64) -> u64 {
        let average = u128::from(grown) * 1_000_000;
        let average = average.checked_div(self.length.as_micros()).unwrap_or(0);
        u64::try_from(average).unwrap_or(u64::MAX)
    }
}

/// What a time was spent on; none for what is not a time.
const fn spent_on(count: Count) -> Option<Count> {
    match count {
        Count::TransactionMicroseconds => Some(Count::Transactions),
        Count::QueryMicroseconds => Some(Count::Queries),
        Count::WaitMicroseconds => Some(Count::ServerAssignments),
        Count::Logins
        | Count::Cancels
        | Count::ServerAssignments
        | Count::Transactions
        | Count::Queries
        | Count::ReceivedBytes
        | Count::SentBytes
        | Count::ClientParses
        | Count::ServerParses
        | Count::Binds
        | Count::ServersOpened
        | Count::ServerOpenFailures
        | Count::ServersDiscarded => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::TenantSlot;
    use crate::telemetry::WorkerCounters;

    const PERIOD: Duration = Duration::from_mins(1);

    fn key() -> DatabaseKey {
        DatabaseKey {
            tenant: TenantSlot::new(0),
            database: "shop".into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_average_covers_the_time_since_the_older_sample() {
        let (start, counters) = (Instant::now(), WorkerCounters::new());
        let averages = Averages::new(start);
        let shop = counters.database(TenantSlot::new(0), "shop");
        let average = |at: Instant| {
            let totals = counters.totals();
            let interval = averages.interval(at);
            interval.average(&key(), &totals.databases[&key()], Count::Queries)
        };
        shop.add(Count::Queries, 600);
        assert_eq!(average(start + PERIOD), 10);
        averages.sample(start + PERIOD, &counters.totals(), 0);
        // The older sample is still the start.
        assert_eq!(average(start + 2 * PERIOD), 5);
        averages.sample(start + 2 * PERIOD, &counters.totals(), 0);
        shop.add(Count::Queries, 1200);
        assert_eq!(average(start + 3 * PERIOD), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_is_divided_by_what_it_was_spent_on() {
        let (start, counters) = (Instant::now(), WorkerCounters::new());
        let averages = Averages::new(start);
        let shop = counters.database(TenantSlot::new(0), "shop");
        shop.add(Count::Queries, 4);
        shop.add(Count::QueryMicroseconds, 1000);
        let totals = counters.totals();
        let interval = averages.interval(start + PERIOD);
        let average = |count| interval.average(&key(), &totals.databases[&key()], count);
        assert_eq!(average(Count::QueryMicroseconds), 250);
        assert_eq!(average(Count::WaitMicroseconds), 0);
        assert_eq!(
            averages
                .interval(start)
                .average_of_node(&totals.node(), Count::Queries),
            0
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_counts_anew_has_no_average_from_before() {
        let (start, counters) = (Instant::now(), WorkerCounters::new());
        let averages = Averages::new(start);
        counters
            .database(TenantSlot::new(0), "shop")
            .add(Count::Queries, 6000);
        averages.sample(start, &counters.totals(), 0);
        averages.sample(start, &counters.totals(), 0);
        let fresh = WorkerCounters::new();
        fresh
            .database(TenantSlot::new(0), "shop")
            .add(Count::Queries, 60);
        let interval = averages.interval(start + PERIOD);
        let now = fresh.totals().databases[&key()];
        assert_eq!(interval.average(&key(), &now, Count::Queries), 1);
    }
}
