//! The counters that `SHOW STATS` and its like are made of: which, in which order, and how they are
//! worked out for each database.

use std::collections::HashMap;

use super::CONSOLE;
use super::Sight;
use super::database_name;
use crate::admin::Interval;
use crate::telemetry::Count;
use crate::telemetry::CounterTotals;

/// How many counters there are.
pub(super) const COUNT: usize = 11;

/// The counters, in PgBouncer's order.
const COUNTS: [Count; COUNT] = [
    Count::ServerAssignments,
    Count::Transactions,
    Count::Queries,
    Count::ReceivedBytes,
    Count::SentBytes,
    Count::TransactionMicroseconds,
    Count::QueryMicroseconds,
    Count::WaitMicroseconds,
    Count::ClientParses,
    Count::ServerParses,
    Count::Binds,
];

/// The figures of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figures {
    /// As it is shown.
    pub(super) database: String,
    /// What was counted since the process came up.
    pub(super) totals: [u64; COUNT],
    /// The averages.
    pub(super) averages: [u64; COUNT],
}

/// The figures of every database that has pools, in the order of the names, and of the console.
pub(super) fn by_database(sight: &Sight<'_>) -> Vec<Figures> {
    let tenants = sight.desk.directory.tenants();
    let names: HashMap<_, _> = tenants
        .values()
        .map(|tenant| (tenant.slot(), tenant.name()))
        .collect();
    let interval = sight.desk.averages.interval(sight.now);
    let totals = sight.picture.totals();
    // A tenant that was removed has no name any more; what it counted is in the node's figures.
    let named = totals.databases.iter().filter_map(|(key, counted)| {
        let tenant = names.get(&key.tenant)?;
        Some(Figures {
            database: database_name(tenant, &key.database),
            totals: COUNTS.map(|count| counted.count(count)),
            averages: COUNTS.map(|count| interval.average(key, counted, count)),
        })
    });
    let mut figures: Vec<_> = named.collect();
    figures.sort_by(|one, other| one.database.cmp(&other.database));
    figures.push(console(sight, &interval));
    figures
}

/// The figures of the node.
pub(super) fn of_node(sight: &Sight<'_>) -> Figures {
    let interval = sight.desk.averages.interval(sight.now);
    let totals: CounterTotals = sight.picture.totals().node();
    Figures {
        database: String::new(),
        totals: COUNTS.map(|count| totals.count(count)),
        averages: COUNTS.map(|count| interval.average_of_node(&totals, count)),
    }
}

/// Of operators only their commands are counted: each is a query, and a transaction.
fn console(sight: &Sight<'_>, interval: &Interval) -> Figures {
    let commands = sight.desk.roster.commands();
    let average = interval.average_of_commands(commands);
    let only_commands = |commands: u64| {
        COUNTS.map(|count| match count {
            Count::Queries | Count::Transactions => commands,
            Count::Logins
            | Count::Cancels
            | Count::ServerAssignments
            | Count::ReceivedBytes
            | Count::SentBytes
            | Count::TransactionMicroseconds
            | Count::QueryMicroseconds
            | Count::WaitMicroseconds
            | Count::ClientParses
            | Count::ServerParses
            | Count::Binds
            | Count::ServersOpened
            | Count::ServerOpenFailures
            | Count::ServersDiscarded => 0,
        })
    };
    Figures {
        database: CONSOLE.to_owned(),
        totals: only_commands(commands),
        averages: only_commands(average),
    }
}
