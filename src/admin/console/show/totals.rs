//! `SHOW TOTALS`: the counters and averages of the node, a row each. PgBouncer names them differently
//! here.

use super::Sight;
use super::figures;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;

pub(super) const COLUMNS: &[Column] = &[Column::text("name"), Column::numeric("value")];

const NAMES: [&str; figures::COUNT] = [
    "server_assignment_count",
    "xact_count",
    "query_count",
    "client_bytes",
    "server_bytes",
    "xact_time",
    "query_time",
    "wait_time",
    "ps_client_parse_count",
    "ps_server_parse_count",
    "ps_bind_count",
];

pub(super) fn rows(sight: &Sight<'_>) -> impl Iterator<Item = Row> + use<> {
    let figures = figures::of_node(sight);
    let named = |prefix: &'static str, numbers: [u64; figures::COUNT]| {
        let numbers = NAMES.into_iter().zip(numbers);
        numbers.map(move |(name, number)| vec![format!("{prefix}{name}").into(), number.into()])
    };
    named("total_", figures.totals).chain(named("avg_", figures.averages))
}
