//! `SHOW CONFIG`: the settings of the node. Secrets have no value here; tenants are not listed.

use super::Sight;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("key"),
    Column::text("value"),
    Column::text("default"),
    Column::text("changeable"),
];

pub(super) fn rows(sight: &Sight<'_>) -> impl Iterator<Item = Row> + use<> {
    sight.desk.config.load().show().into_iter().map(|setting| {
        vec![
            setting.key.into(),
            setting.value.into(),
            setting.default.into(),
            if setting.changeable { "yes" } else { "no" }.into(),
        ]
    })
}
