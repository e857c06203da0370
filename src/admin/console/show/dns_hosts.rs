//! `SHOW DNS_HOSTS`: the names of endpoints, for how many seconds their addresses are used without a
//! question, and the addresses.

use super::Sight;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::pool::NameView;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("hostname"),
    Column::int8("ttl"),
    Column::text("addrs"),
];

pub(super) fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let names = sight.desk.names.view(sight.now);
    names.into_iter().map(row).collect()
}

fn row(name: NameView) -> Row {
    let addresses: Vec<String> = name.addresses.iter().map(ToString::to_string).collect();
    vec![
        name.name.into(),
        name.ttl.as_secs().into(),
        addresses.join(",").into(),
    ]
}
