//! `SHOW` of parameters that drivers ask for as soon as they are connected. They say what
//! PgBouncer's console says.

use crate::admin::console::table::Column;
use crate::admin::console::table::Row;

pub(super) const CLIENT_ENCODING: &[Column] = &[Column::text("client_encoding")];
pub(super) const DATESTYLE: &[Column] = &[Column::text("datestyle")];
pub(super) const DEFAULT_TRANSACTION_ISOLATION: &[Column] =
    &[Column::text("default_transaction_isolation")];
pub(super) const STANDARD_CONFORMING_STRINGS: &[Column] =
    &[Column::text("standard_conforming_strings")];
pub(super) const TIMEZONE: &[Column] = &[Column::text("timezone")];

pub(super) fn row(value: &str) -> impl Iterator<Item = Row> + use<> {
    std::iter::once(vec![value.into()])
}
