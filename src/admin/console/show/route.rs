//! `SHOW ROUTE`: where a text would go of a client that has seen nothing, and why.
//!
//! The first row is about the text itself, the others are about the tenant's endpoints. No worker is
//! asked: what is known of endpoints and functions, all of them share.

use std::time::Duration;

use tokio::time::Instant;

use crate::admin::Desk;
use crate::admin::RouteLine;
use crate::admin::RouteQuestion;
use crate::admin::console::answer::Answer;
use crate::admin::console::command::Routed;
use crate::admin::console::error::ConsoleError;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::admin::console::table::Value;
use crate::admin::route;
use crate::sql::reads::KnownFunctions;

pub(in crate::admin::console) const COLUMNS: &[Column] = &[
    Column::text("name"),
    Column::text("chosen"),
    Column::int4("percent"),
    Column::text("rule"),
    Column::text("why"),
    Column::numeric("behind_bytes"),
    Column::numeric("lag_ms"),
    Column::numeric("rtt_us"),
];

/// Where a text would go.
///
/// # Errors
/// [`ConsoleError::NoTenant`], [`ConsoleError::NoDatabase`]: there is none of that name.
pub(in crate::admin::console) fn show(asked: &Routed, desk: &Desk) -> Result<Answer, ConsoleError> {
    let tenants = desk.directory.tenants();
    let tenant = tenants.get(asked.tenant.as_str());
    let tenant = tenant.ok_or_else(|| ConsoleError::NoTenant(asked.tenant.clone()))?;
    let config = tenant.config();
    let database = match (&asked.database, &config.databases) {
        (Some(label), Some(databases)) => {
            let known = databases.get(label).cloned();
            Some(known.ok_or_else(|| ConsoleError::NoDatabase(label.clone()))?)
        },
        (Some(label), None) => Some(label.clone()),
        // If there is only one, that is meant.
        (None, Some(databases)) if databases.len() == 1 => databases.values().next().cloned(),
        (None, _) => None,
    };
    let functions = database.map_or_else(KnownFunctions::default, |database| {
        desk.catalogs.functions(tenant, &database)
    });
    let user = asked.user.as_deref();
    // If there is only one, that is meant.
    let only = config
        .users
        .keys()
        .next()
        .filter(|_| config.users.len() == 1);
    let user = config.user(user.or(only.map(String::as_str)).unwrap_or_default());
    let topology = desk.topologies.in_use(tenant.slot());
    let question = RouteQuestion {
        tenant: &config,
        user: &user,
        region: &desk.config.load().node.region,
        topology: topology.as_deref(),
        functions: &functions,
        text: &asked.text,
    };
    let lines = route(&question, Instant::now());
    Ok(Answer::rows(lines.into_iter().map(row)))
}

fn row(line: RouteLine) -> Row {
    let number = |duration: Option<Duration>, of: fn(&Duration) -> u128| {
        duration.and_then(|duration| u64::try_from(of(&duration)).ok())
    };
    let yes_or_no = |is_so| if is_so { "yes" } else { "no" };
    vec![
        line.name.into(),
        line.is_chosen.map(yes_or_no).into(),
        line.percent.into(),
        line.rule.into(),
        line.why.map_or(Value::Null, Value::from),
        line.behind_bytes.into(),
        number(line.lag, Duration::as_millis).into(),
        number(line.round_trip, Duration::as_micros).into(),
    ]
}
