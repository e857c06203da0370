//! `SHOW USERS`: the users that are configured, and those that hold a connection without being so.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Sight;
use super::user_name;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::admin::console::table::Value;
use crate::config;
use crate::tenancy::Tenant;
use crate::tenancy::UserCounts;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("name"),
    Column::text("pool_size"),
    Column::text("reserve_pool_size"),
    Column::text("pool_mode"),
    Column::int4("max_user_connections"),
    Column::int4("current_connections"),
    Column::int4("max_user_client_connections"),
    Column::int4("current_client_connections"),
];

pub(super) fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let tenants = sight.desk.directory.tenants();
    let mut tenants: Vec<&Arc<Tenant>> = tenants.values().collect();
    tenants.sort_by_key(|tenant| tenant.name());
    tenants
        .into_iter()
        .flat_map(|tenant| of_tenant(tenant))
        .collect()
}

fn of_tenant(tenant: &Tenant) -> Vec<Row> {
    let config = tenant.config();
    let held: BTreeMap<_, _> = tenant
        .users()
        .into_iter()
        .map(|counts| (counts.name().to_owned(), counts))
        .collect();
    let mut users: BTreeMap<&str, Option<&config::User>> = config
        .users
        .iter()
        .map(|(name, user)| (name.as_str(), Some(&**user)))
        .collect();
    for name in held.keys() {
        users.entry(name).or_insert(None);
    }
    let row = |(name, user): (&str, Option<&config::User>)| {
        row(&config, name, user, held.get(name).map(|counts| &**counts))
    };
    users.into_iter().map(row).collect()
}

fn row(
    tenant: &config::Tenant,
    name: &str,
    user: Option<&config::User>,
    held: Option<&UserCounts>,
) -> Row {
    // What is as in the tenant is not the user's own, and PgBouncer leaves it empty.
    let own = |size: fn(&config::PoolSettings) -> u32| {
        let own = user
            .map(|user| size(&user.pool))
            .filter(|own| *own != size(&tenant.pool));
        own.map_or_else(String::new, |own| format!("{own:9}"))
    };
    let mode = user
        .map(|user| user.pool.pool_mode)
        .filter(|own| *own != tenant.pool.pool_mode);
    vec![
        user_name(name, &tenant.name).into(),
        own(|pool| pool.pool_size).into(),
        own(|pool| pool.reserve_pool_size).into(),
        mode.map_or(Value::Null, |mode| mode.as_str().into()),
        user.map_or(0, |user| user.max_user_connections).into(),
        held.map_or(0, UserCounts::servers).into(),
        user.map_or(0, |user| user.max_user_client_connections)
            .into(),
        held.map_or(0, UserCounts::clients).into(),
    ]
}
