//! `SHOW STATE`: whether the node is paused. It never is: there is nothing that pauses it.

use crate::admin::console::table::Column;
use crate::admin::console::table::Row;

pub(super) const COLUMNS: &[Column] = &[Column::text("key"), Column::text("value")];

pub(super) fn rows() -> impl Iterator<Item = Row> {
    let states = [("active", "yes"), ("paused", "no"), ("suspended", "no")];
    states
        .into_iter()
        .map(|(key, value)| vec![key.into(), value.into()])
}
