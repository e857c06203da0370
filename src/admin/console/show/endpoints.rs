//! `SHOW ENDPOINTS`: the Postgres instances of all tenants, and what is known of them.
//!
//! Endpoints are looked at while somebody uses their tenant, and where there is something to be found
//! out; of the others, only the configuration is shown.

use std::sync::Arc;

use super::Sight;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::admin::console::table::Value;
use crate::config::Endpoint;
use crate::routing::EndpointView;
use crate::routing::Lsn;
use crate::routing::State;
use crate::tenancy::Tenant;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("tenant"),
    Column::text("name"),
    Column::text("host"),
    Column::int4("port"),
    Column::text("region"),
    Column::text("role"),
    Column::text("state"),
    Column::int4("primary"),
    Column::numeric("timeline"),
    Column::text("lsn"),
    Column::numeric("lag_bytes"),
    Column::numeric("lag_ms"),
    Column::numeric("rtt_us"),
    Column::numeric("rtt_deviation_us"),
    Column::numeric("seen_ms_ago"),
    Column::int4("failures"),
    Column::text("error"),
];

pub(super) fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let tenants = sight.desk.directory.tenants();
    let mut tenants: Vec<&Arc<Tenant>> = tenants.values().collect();
    tenants.sort_by_key(|tenant| tenant.name());
    let rows = tenants
        .into_iter()
        .flat_map(|tenant| of_tenant(sight, tenant));
    rows.collect()
}

fn of_tenant(sight: &Sight<'_>, tenant: &Tenant) -> Vec<Row> {
    let Some(topology) = sight.desk.topologies.in_use(tenant.slot()) else {
        let endpoints = &tenant.config().endpoints;
        let unseen = |endpoint| row(tenant, &EndpointView::unseen(endpoint), None);
        return endpoints.iter().map(unseen).collect();
    };
    let views = topology.view(sight.now);
    // What a standby has not replayed yet is counted from where the primary was when it was last asked.
    let primary = views.iter().find(|view| view.is_primary);
    let written = primary.and_then(|view| Some(view.sighting?.lsn));
    views
        .iter()
        .map(|view| row(tenant, view, written))
        .collect()
}

fn row(tenant: &Tenant, view: &EndpointView, written: Option<Lsn>) -> Row {
    let endpoint: &Endpoint = &view.endpoint;
    let sighting = view.sighting;
    let number = |number: Option<u64>| number.map_or(Value::Null, Value::Number);
    let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).ok();
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).ok();
    let lag = sighting.and_then(|seen| (seen.state == State::Standby).then_some(seen.lsn));
    vec![
        tenant.name().into(),
        endpoint.name.as_str().into(),
        endpoint.host.to_string().into(),
        endpoint.port.into(),
        endpoint.region.as_str().into(),
        endpoint.role.as_str().into(),
        sighting.map(|seen| seen.state.as_str()).into(),
        u32::from(view.is_primary).into(),
        number(
            sighting
                .and_then(|seen| seen.state.timeline())
                .map(u64::from),
        ),
        sighting.map(|seen| seen.lsn.to_string()).into(),
        number(lag.zip(written).map(|(lsn, written)| lsn.behind(written))),
        number(sighting.and_then(|seen| seen.lag).and_then(millis)),
        number(view.round_trip.map(|trip| trip.smoothed).and_then(micros)),
        number(view.round_trip.map(|trip| trip.deviation).and_then(micros)),
        number(view.seen_ago.and_then(millis)),
        view.failures.into(),
        view.error.clone().into(),
    ]
}
