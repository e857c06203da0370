//! The metrics of tenants' endpoints: how they are, what the pools have there, and which rounds of
//! clients went there, and why.
//!
//! How an endpoint is, is known while somebody uses its tenant, and where there is something to be
//! found out; of others there are no samples.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::exposition::Kind;
use super::exposition::Page;
use crate::admin::Desk;
use crate::admin::Picture;
use crate::admin::PoolFigures;
use crate::admin::endpoints::Endpoint;
use crate::pool::Healed;
use crate::pool::RouteRule;
use crate::pool::RouteTotals;
use crate::tenancy::Tenant;

/// One gauge of an endpoint: its name, what it is, and its value.
type Gauge = (&'static str, &'static str, fn(&Endpoint) -> Option<f64>);

const GAUGES: [Gauge; 7] = [
    (
        "tidegate_endpoint_up",
        "1 if an endpoint answered when it was last asked.",
        |endpoint| Some(flag(endpoint.is_up())),
    ),
    (
        "tidegate_endpoint_primary",
        "1 if the tenant's writes go to an endpoint.",
        |endpoint| Some(flag(endpoint.view.is_primary)),
    ),
    (
        "tidegate_endpoint_round_trip_seconds",
        "The smoothed round trip to an endpoint.",
        |endpoint| Some(endpoint.view.round_trip?.smoothed.as_secs_f64()),
    ),
    (
        "tidegate_endpoint_lag_bytes",
        "What a standby has not replayed yet of what the primary had written when it was last asked.",
        |endpoint| Some(as_f64(endpoint.lag_bytes()?)),
    ),
    (
        "tidegate_endpoint_lag_seconds",
        "The age of the last transaction that a standby has replayed; 0 if it has replayed all that it received.",
        |endpoint| endpoint.lag().as_ref().map(Duration::as_secs_f64),
    ),
    (
        "tidegate_endpoint_ejected",
        "1 while an endpoint is left out of reads because servers of it failed.",
        |endpoint| Some(flag(endpoint.ejected_for().is_some())),
    ),
    (
        "tidegate_endpoint_share_ratio",
        "The part that an endpoint gets of the reads that are its by its weight: less than 1 after an absence.",
        |endpoint| Some(f64::from(endpoint.share_percent()?) / 100.0),
    ),
];

/// How endpoints are, and what the pools have there.
pub(super) fn write(desk: &Desk, tenants: &[&Arc<Tenant>], picture: &Picture, page: &mut Page) {
    let now = Instant::now();
    let mut watched = Vec::new();
    for tenant in tenants {
        let endpoints = Endpoint::all(desk, tenant, now);
        let known = endpoints.into_iter().filter(Endpoint::is_watched);
        watched.extend(known.map(|endpoint| (tenant.name(), endpoint)));
    }
    for (name, help, value) in GAUGES {
        let mut family = page.family(Kind::Gauge, name, help);
        for (tenant, endpoint) in &watched {
            if let Some(value) = value(endpoint) {
                family.sample(&labels(tenant, &endpoint.view.endpoint.name), value);
            }
        }
    }
    used(picture, page);
}

fn used(picture: &Picture, page: &mut Page) {
    type States = [(&'static str, fn(&PoolFigures) -> u32)];
    const SERVERS: &States = &[
        ("active", |figures| figures.servers_active),
        ("idle", |figures| figures.servers_idle),
    ];
    let endpoints = picture.endpoints();
    let help = "Servers at an endpoint, of all pools, by state.";
    let mut family = page.family(Kind::Gauge, "tidegate_endpoint_servers", help);
    for ((tenant, endpoint), figures) in &endpoints {
        for (state, count) in SERVERS {
            let [tenant, endpoint] = labels(tenant, endpoint);
            family.sample(&[tenant, endpoint, ("state", state)], count(figures));
        }
    }
    let help = "Clients that wait for a server at an endpoint.";
    let mut family = page.family(Kind::Gauge, "tidegate_endpoint_waiting_clients", help);
    for ((tenant, endpoint), figures) in &endpoints {
        family.sample(&labels(tenant, endpoint), figures.clients_waiting);
    }
}

/// Where rounds of clients went. Most rules and reasons never occur at most endpoints.
pub(super) fn write_routes(tenants: &[&Arc<Tenant>], routes: &RouteTotals, page: &mut Page) {
    let help = "Rounds of clients that may read from replicas, by the endpoint that each went to and \
                the rule that sent it there; one that a replica could not serve counts again, as \
                barred, where it went then.";
    let mut family = page.family(Kind::Counter, "tidegate_routes_total", help);
    for tenant in tenants {
        for (endpoint, counted) in routes.of_tenant(tenant.slot()) {
            for rule in RouteRule::all().filter(|rule| counted.routed(*rule) > 0) {
                let [tenant, endpoint] = labels(tenant.name(), endpoint);
                let labels = [tenant, endpoint, ("rule", rule.as_str())];
                family.sample(&labels, counted.routed(rule));
            }
        }
    }
    let help = "Rounds that a replica could not serve and that went to the primary instead, unknown to \
                their clients, by the replica and the reason.";
    let mut family = page.family(Kind::Counter, "tidegate_healed_total", help);
    for tenant in tenants {
        for (endpoint, counted) in routes.of_tenant(tenant.slot()) {
            for why in Healed::ALL
                .into_iter()
                .filter(|why| counted.healed(*why) > 0)
            {
                let [tenant, endpoint] = labels(tenant.name(), endpoint);
                let labels = [tenant, endpoint, ("reason", why.as_str())];
                family.sample(&labels, counted.healed(why));
            }
        }
    }
}

const fn labels<'a>(tenant: &'a str, endpoint: &'a str) -> [(&'static str, &'a str); 2] {
    [("tenant", tenant), ("endpoint", endpoint)]
}

const fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "more than 2^53 bytes behind are as good as any other number"
)]
const fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}
