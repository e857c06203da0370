//! `SHOW ENDPOINTS`: the Postgres instances of all tenants, and what is known of them.
//!
//! Endpoints are looked at while somebody uses their tenant, and where there is something to be found
//! out; of the others, only the configuration is shown.

use std::sync::Arc;
use std::time::Duration;

use super::Sight;
use crate::admin::PoolFigures;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::admin::console::table::Value;
use crate::admin::endpoints::Endpoint;
use crate::routing::Unfit;
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
    Column::text("unfit"),
    Column::int4("share_percent"),
    Column::numeric("ejected_ms"),
    Column::text("ejected_error"),
    Column::int4("sv_active"),
    Column::int4("sv_idle"),
    Column::int4("cl_waiting"),
];

pub(super) fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let tenants = sight.desk.directory.tenants();
    let mut tenants: Vec<&Arc<Tenant>> = tenants.values().collect();
    tenants.sort_by_key(|tenant| tenant.name());
    let used = sight.picture.endpoints();
    let mut rows = Vec::new();
    for tenant in tenants {
        for endpoint in Endpoint::all(sight.desk, tenant, sight.now) {
            let mut row = row(tenant, &endpoint);
            row.extend(reads(&endpoint));
            let name = (tenant.name(), &*endpoint.view.endpoint.name);
            row.extend(servers(used.get(&name)));
            rows.push(row);
        }
    }
    rows
}

/// Why an endpoint gets no reads, or few.
fn reads(endpoint: &Endpoint) -> [Value; 4] {
    [
        endpoint.unfit().map(Unfit::as_str).into(),
        endpoint.share_percent().into(),
        endpoint.ejected_for().and_then(millis).into(),
        endpoint.view.blame.clone().into(),
    ]
}

/// What all pools have there.
fn servers(figures: Option<&PoolFigures>) -> [Value; 3] {
    let count = |of: fn(&PoolFigures) -> u32| Value::from(figures.map_or(0, of));
    [
        count(|figures| figures.servers_active),
        count(|figures| figures.servers_idle),
        count(|figures| figures.clients_waiting),
    ]
}

fn millis(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

fn row(tenant: &Tenant, known: &Endpoint) -> Row {
    let view = &known.view;
    let (endpoint, sighting) = (&view.endpoint, view.sighting);
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).ok();
    vec![
        tenant.name().into(),
        endpoint.name.as_str().into(),
        endpoint.host.to_string().into(),
        endpoint.port.into(),
        endpoint.region.as_str().into(),
        endpoint.role.as_str().into(),
        sighting.map(|seen| seen.state.as_str()).into(),
        u32::from(view.is_primary).into(),
        sighting.and_then(|seen| seen.timeline()).into(),
        sighting.map(|seen| seen.lsn.to_string()).into(),
        known.lag_bytes().into(),
        known.lag().and_then(millis).into(),
        view.round_trip
            .map(|trip| trip.smoothed)
            .and_then(micros)
            .into(),
        view.round_trip
            .map(|trip| trip.deviation)
            .and_then(micros)
            .into(),
        view.seen_ago.and_then(millis).into(),
        view.failures.into(),
        view.error.clone().into(),
    ]
}
