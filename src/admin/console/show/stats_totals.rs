//! `SHOW STATS_TOTALS`: the counters of `SHOW STATS`. PgBouncer names the columns differently here.

use super::Sight;
use super::figures;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("database"),
    Column::numeric("server_assignment_count"),
    Column::numeric("xact_count"),
    Column::numeric("query_count"),
    Column::numeric("bytes_received"),
    Column::numeric("bytes_sent"),
    Column::numeric("xact_time"),
    Column::numeric("query_time"),
    Column::numeric("wait_time"),
    Column::numeric("client_parse_count"),
    Column::numeric("server_parse_count"),
    Column::numeric("bind_count"),
];

pub(super) fn rows(sight: &Sight<'_>) -> impl Iterator<Item = Row> + use<> {
    figures::by_database(sight).into_iter().map(|figures| {
        let mut row: Row = vec![figures.database.into()];
        row.extend(figures.totals.into_iter().map(Into::into));
        row
    })
}
