//! `SHOW ENDPOINTS`: the Postgres instances of all tenants, and what is known of them.
//!
//! Endpoints are looked at while somebody uses their tenant, and where there is something to be found
//! out; of the others, only the configuration is shown.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Sight;
use crate::admin::console::table::Column;
use crate::admin::console::table::Row;
use crate::admin::console::table::Value;
use crate::config::Endpoint;
use crate::routing::EndpointView;
use crate::routing::Lsn;
use crate::routing::Preferences;
use crate::routing::Reader;
use crate::routing::Readers;
use crate::routing::State;
use crate::routing::Unfit;
use crate::routing::WHOLE_SHARE;
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
        let unseen = |endpoint| {
            let mut row = row(tenant, &EndpointView::unseen(endpoint), None);
            row.extend(reads(None, None, sight.now));
            row
        };
        return endpoints.iter().map(unseen).collect();
    };
    // As a worker would see it that asks now: of the region, nothing shows.
    let mut readers = Readers::new();
    let preferences = Preferences::of("", &tenant.config());
    readers.refresh(&topology, &preferences, sight.now);
    let views = topology.view(sight.now);
    // What a standby has not replayed yet is counted from where the primary was when it was last asked.
    let primary = views.iter().find(|view| view.is_primary);
    let written = primary.and_then(|view| Some(view.sighting?.lsn));
    let row = |view: &EndpointView| {
        let reader = readers
            .iter()
            .find(|reader| reader.endpoint == view.endpoint);
        let mut row = row(tenant, view, written);
        row.extend(reads(Some(view), reader, sight.now));
        row
    };
    views.iter().map(row).collect()
}

/// Why an endpoint gets no reads, or few.
fn reads(view: Option<&EndpointView>, reader: Option<&Reader>, now: Instant) -> [Value; 4] {
    let unfit = reader.and_then(|reader| reader.unfit_now(now));
    let share = reader.map(|reader| reader.share(now) * 100 / WHOLE_SHARE);
    let ejected = reader.and_then(|reader| reader.ejected_until);
    let left = ejected.map(|until| until.saturating_duration_since(now));
    let left = left.filter(|left| !left.is_zero());
    [
        unfit.map(Unfit::as_str).into(),
        share.map_or(Value::Null, Value::from),
        number(left.and_then(millis)),
        view.and_then(|view| view.blame.clone()).into(),
    ]
}

fn number(number: Option<u64>) -> Value {
    number.map_or(Value::Null, Value::Number)
}

fn millis(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

fn row(tenant: &Tenant, view: &EndpointView, written: Option<Lsn>) -> Row {
    let endpoint: &Endpoint = &view.endpoint;
    let sighting = view.sighting;
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).ok();
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
        number(sighting.and_then(|seen| seen.timeline()).map(u64::from)),
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
