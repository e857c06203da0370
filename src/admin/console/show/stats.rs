//! `SHOW STATS`: counters and averages by database, with the columns of PgBouncer 1.25. Times are in
//! microseconds; an average is by second, that of a time by what the time was spent on.

use super::Sight;
use super::figures;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("database"),
    Column::numeric("total_server_assignment_count"),
    Column::numeric("total_xact_count"),
    Column::numeric("total_query_count"),
    Column::numeric("total_received"),
    Column::numeric("total_sent"),
    Column::numeric("total_xact_time"),
    Column::numeric("total_query_time"),
    Column::numeric("total_wait_time"),
    Column::numeric("total_client_parse_count"),
    Column::numeric("total_server_parse_count"),
    Column::numeric("total_bind_count"),
    Column::numeric("avg_server_assignment_count"),
    Column::numeric("avg_xact_count"),
    Column::numeric("avg_query_count"),
    Column::numeric("avg_recv"),
    Column::numeric("avg_sent"),
    Column::numeric("avg_xact_time"),
    Column::numeric("avg_query_time"),
    Column::numeric("avg_wait_time"),
    Column::numeric("avg_client_parse_count"),
    Column::numeric("avg_server_parse_count"),
    Column::numeric("avg_bind_count"),
];

pub(super) fn rows(sight: &Sight<'_>) -> impl Iterator<Item = Row> + use<> {
    figures::by_database(sight).into_iter().map(|figures| {
        let numbers = figures.totals.into_iter().chain(figures.averages);
        let mut row: Row = vec![figures.database.into()];
        row.extend(numbers.map(Into::into));
        row
    })
}
