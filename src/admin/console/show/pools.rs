//! `SHOW POOLS`: one row for each tenant, database and user, and one for the operators.

use super::CONSOLE;
use super::Sight;
use super::database_name;
use crate::admin::PoolFigures;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::admin::console::table::Value;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("database"),
    Column::text("user"),
    Column::int4("cl_active"),
    Column::int4("cl_waiting"),
    Column::int4("cl_active_cancel_req"),
    Column::int4("cl_waiting_cancel_req"),
    Column::int4("sv_active"),
    Column::int4("sv_active_cancel"),
    Column::int4("sv_being_canceled"),
    Column::int4("sv_idle"),
    Column::int4("sv_used"),
    Column::int4("sv_tested"),
    Column::int4("sv_login"),
    Column::int4("maxwait"),
    Column::int4("maxwait_us"),
    Column::text("pool_mode"),
    Column::text("load_balance_hosts"),
];

pub(super) fn rows(sight: &Sight<'_>) -> impl Iterator<Item = Row> + use<> {
    let pools = sight.picture.pools().into_iter().map(|(name, figures)| {
        let database = database_name(&name.tenant, &name.database);
        row(database, name.user, &figures)
    });
    let operators = console(sight.desk.roster.operators().len());
    pools.chain(std::iter::once(operators))
}

fn row(database: String, user: String, figures: &PoolFigures) -> Row {
    vec![
        database.into(),
        user.into(),
        figures.clients_active.into(),
        figures.clients_waiting.into(),
        // A cancel request is passed on as it comes, on a connection of its own: it is one of a
        // client's and one to a server at once, and never waits.
        figures.cancels.into(),
        0_u32.into(),
        figures.servers_active.into(),
        figures.cancels.into(),
        figures.servers_being_canceled.into(),
        figures.servers_idle.into(),
        // Servers are checked when they are lent, so none waits to be checked first.
        0_u32.into(),
        figures.servers_tested.into(),
        figures.servers_login.into(),
        figures.waited_max.as_secs().into(),
        figures.waited_max.subsec_micros().into(),
        figures.mode.as_str().into(),
        Value::Null,
    ]
}

/// The operators, as PgBouncer shows them.
fn console(operators: usize) -> Row {
    let mut row: Row = vec![CONSOLE.into(), CONSOLE.into(), operators.into()];
    row.extend(std::iter::repeat_n(Value::Number(0), 12));
    row.push("statement".into());
    row.push(Value::Null);
    row
}
