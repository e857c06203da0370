//! `SHOW DATABASES`: the databases that are configured, those that have pools because any name
//! goes, and the console.
//!
//! Two names that clients give may lead to one database of the server: they share its pools, and
//! show the same figures. Limits on servers and clients are the tenant's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::CONSOLE;
use super::Sight;
use super::database_name;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::admin::console::table::Value;
use crate::config;
use crate::config::ListenAddress;
use crate::routing::Place;
use crate::tenancy::Tenant;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("name"),
    Column::text("host"),
    Column::int4("port"),
    Column::text("database"),
    Column::text("force_user"),
    Column::int4("pool_size"),
    Column::int4("min_pool_size"),
    Column::int4("reserve_pool_size"),
    Column::int4("server_lifetime"),
    Column::text("pool_mode"),
    Column::text("load_balance_hosts"),
    Column::int4("max_connections"),
    Column::int4("current_connections"),
    Column::int4("max_client_connections"),
    Column::int4("current_client_connections"),
    Column::int4("paused"),
    Column::int4("disabled"),
];

/// What the pools of one database hold.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    clients: u32,
    servers: u32,
}

/// The databases with pools, by tenant and name on the server.
type HeldByTenant = BTreeMap<Arc<str>, BTreeMap<String, Held>>;

pub(super) fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let mut held = HeldByTenant::new();
    for (name, figures) in sight.picture.pools() {
        let databases = held.entry(name.tenant).or_default();
        let held = databases.entry(name.database).or_default();
        held.clients += figures.clients();
        held.servers += figures.servers();
    }
    let tenants = sight.desk.directory.tenants();
    let mut tenants: Vec<&Arc<Tenant>> = tenants.values().collect();
    tenants.sort_by_key(|tenant| tenant.name());
    let nothing = BTreeMap::new();
    let mut rows: Vec<Row> = tenants
        .into_iter()
        .flat_map(|tenant| {
            let primary = primary(sight, tenant);
            of_tenant(
                (&tenant.config(), primary.as_deref()),
                held.get(tenant.name()).unwrap_or(&nothing),
            )
        })
        .collect();
    rows.push(console(sight));
    rows
}

fn of_tenant(
    (tenant, primary): (&config::Tenant, Option<&config::Endpoint>),
    held: &BTreeMap<String, Held>,
) -> Vec<Row> {
    let configured = tenant.databases.iter().flatten();
    let mut databases: BTreeMap<&str, &str> = configured
        .map(|(name, database)| (name.as_str(), database.as_str()))
        .collect();
    for database in held.keys() {
        if !databases.values().any(|known| known == database) {
            databases.insert(database, database);
        }
    }
    let row = |(name, database): (&str, &str)| {
        row(
            (tenant, primary),
            name,
            database,
            held.get(database).copied().unwrap_or_default(),
        )
    };
    databases.into_iter().map(row).collect()
}

fn row(
    (tenant, endpoint): (&config::Tenant, Option<&config::Endpoint>),
    name: &str,
    database: &str,
    held: Held,
) -> Row {
    let pool = &tenant.pool;
    vec![
        database_name(&tenant.name, name).into(),
        endpoint.map(|endpoint| endpoint.host.to_string()).into(),
        endpoint.map_or(0, |endpoint| endpoint.port).into(),
        database.into(),
        Value::Null,
        pool.pool_size.into(),
        pool.min_pool_size.into(),
        pool.reserve_pool_size.into(),
        pool.server_lifetime.as_secs().into(),
        pool.pool_mode_set.then(|| pool.pool_mode.as_str()).into(),
        Value::Null,
        tenant.max_db_connections.into(),
        held.servers.into(),
        tenant.max_client_conn.into(),
        held.clients.into(),
        0_u32.into(),
        0_u32.into(),
    ]
}

/// Where servers are opened: at the primary, as far as it is known.
fn primary(sight: &Sight<'_>, tenant: &Tenant) -> Option<Arc<config::Endpoint>> {
    if let Some(topology) = sight.desk.topologies.in_use(tenant.slot()) {
        return match topology.place() {
            Place::At(endpoint) => Some(endpoint),
            Place::Nowhere(_) => None,
        };
    }
    let config = tenant.config();
    let mut endpoints = config.endpoints.iter();
    let primary = endpoints.find(|endpoint| endpoint.role != config::Role::Replica);
    primary.map(Arc::clone)
}

/// The console, which has no servers.
fn console(sight: &Sight<'_>) -> Row {
    let config = sight.desk.config.load();
    let port = config
        .listeners
        .iter()
        .find_map(|listener| match &listener.address {
            ListenAddress::Tcp(address) => Some(address.port()),
            ListenAddress::Unix { .. } => None,
        });
    vec![
        CONSOLE.into(),
        Value::Null,
        port.unwrap_or(0).into(),
        CONSOLE.into(),
        CONSOLE.into(),
        0_u32.into(),
        0_u32.into(),
        0_u32.into(),
        0_u32.into(),
        "statement".into(),
        Value::Null,
        0_u32.into(),
        0_u32.into(),
        crate::limits::CONSOLE_SESSIONS_MAX.into(),
        sight.desk.roster.operators().len().into(),
        0_u32.into(),
        0_u32.into(),
    ]
}
