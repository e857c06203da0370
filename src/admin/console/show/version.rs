//! `SHOW VERSION`: what runs here. Exactly one column, of this name.

use crate::admin::console::table::Column;
use crate::admin::console::table::Row;

pub(super) const COLUMNS: &[Column] = &[Column::text("version")];

pub(super) fn rows() -> impl Iterator<Item = Row> {
    std::iter::once(vec![concat!("Tidegate ", env!("CARGO_PKG_VERSION")).into()])
}
