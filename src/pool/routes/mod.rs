//! How often rounds of clients went where, and why: the counters of one worker, by endpoint.
//!
//! A counter is a `Cell` that only its own worker touches. Names of endpoints are the configuration's, so
//! that there are only as many as it has.

mod healed;
mod rule;

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

pub use self::healed::Healed;
pub use self::rule::RouteRule;

use crate::config;
use crate::telemetry::TenantSlot;

/// Something for each endpoint of each tenant, by its name.
type ByEndpoint<T> = BTreeMap<TenantSlot, BTreeMap<Arc<str>, T>>;

/// The counters of all endpoints on one worker. They belong to its thread; [`RouteTotals`] travel.
#[derive(Debug, Default)]
pub struct RouteCounters(RefCell<ByEndpoint<Rc<EndpointCounters>>>);

/// The counters of one endpoint on one worker.
#[derive(Debug)]
pub struct EndpointCounters {
    name: Arc<str>,
    routes: [Cell<u64>; RouteRule::COUNT],
    healed: [Cell<u64>; Healed::COUNT],
}

/// The values of one worker, or of several merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteTotals(ByEndpoint<EndpointTotals>);

/// What was counted for one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndpointTotals {
    routes: [u64; RouteRule::COUNT],
    healed: [u64; Healed::COUNT],
}

impl RouteCounters {
    /// The counters of a tenant's endpoint; who counts asks once and keeps them.
    pub(super) fn of(&self, tenant: TenantSlot, endpoint: &str) -> Rc<EndpointCounters> {
        let mut tenants = self.0.borrow_mut();
        let endpoints = tenants.entry(tenant).or_default();
        if let Some(counters) = endpoints.get(endpoint) {
            return Rc::clone(counters);
        }
        let name: Arc<str> = endpoint.into();
        let counters = Rc::new(EndpointCounters::new(Arc::clone(&name)));
        endpoints.insert(name, Rc::clone(&counters));
        counters
    }

    /// Forgets endpoints that a tenant's configuration has no more, but for those that somebody still
    /// counts at.
    pub(super) fn keep_configured(&self, tenant: TenantSlot, endpoints: &[Arc<config::Endpoint>]) {
        if let Some(counted) = self.0.borrow_mut().get_mut(&tenant) {
            counted.retain(|name, counters| {
                let is_it = |endpoint: &Arc<config::Endpoint>| *endpoint.name == **name;
                endpoints.iter().any(is_it) || Rc::strong_count(counters) > 1
            });
        }
    }

    /// A tenant is gone for good.
    pub(super) fn forget(&self, tenant: TenantSlot) {
        self.0.borrow_mut().remove(&tenant);
    }

    /// What has been counted so far, to be sent to whoever asks.
    pub fn totals(&self) -> RouteTotals {
        let tenants = self.0.borrow();
        let totals = |endpoints: &BTreeMap<Arc<str>, Rc<EndpointCounters>>| {
            let endpoints = endpoints.iter();
            let totals = endpoints.map(|(name, counters)| (Arc::clone(name), counters.totals()));
            totals.collect()
        };
        let totals = tenants
            .iter()
            .map(|(tenant, endpoints)| (*tenant, totals(endpoints)));
        RouteTotals(totals.collect())
    }
}

impl EndpointCounters {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            routes: std::array::from_fn(|_| Cell::default()),
            healed: std::array::from_fn(|_| Cell::default()),
        }
    }

    /// The endpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Counts one round that goes there.
    #[inline]
    pub fn route(&self, rule: RouteRule) {
        count(&self.routes, rule.index());
    }

    /// Counts one round that went there and is answered by the primary instead.
    pub fn heal(&self, why: Healed) {
        count(&self.healed, why.index());
    }

    fn totals(&self) -> EndpointTotals {
        let value = |cells: &[Cell<u64>], index| cells.get(index).map_or(0, Cell::get);
        EndpointTotals {
            routes: std::array::from_fn(|index| value(&self.routes, index)),
            healed: std::array::from_fn(|index| value(&self.healed, index)),
        }
    }
}

#[inline]
fn count(cells: &[Cell<u64>], index: usize) {
    if let Some(cell) = cells.get(index) {
        cell.set(cell.get().wrapping_add(1));
    }
}

impl RouteTotals {
    /// Adds another worker's values.
    pub fn merge(&mut self, other: &Self) {
        for (tenant, endpoints) in &other.0 {
            let own = self.0.entry(*tenant).or_default();
            for (name, totals) in endpoints {
                own.entry(Arc::clone(name)).or_default().add(totals);
            }
        }
    }

    /// What was counted for a tenant's endpoints, in the order of their names.
    pub fn of_tenant(&self, tenant: TenantSlot) -> impl Iterator<Item = (&str, &EndpointTotals)> {
        let endpoints = self.0.get(&tenant).into_iter().flatten();
        endpoints.map(|(name, totals)| (&**name, totals))
    }

    #[cfg(test)]
    fn of(&self, tenant: TenantSlot, endpoint: &str) -> EndpointTotals {
        let endpoints = self.0.get(&tenant);
        let totals = endpoints.and_then(|endpoints| endpoints.get(endpoint));
        totals.copied().unwrap_or_default()
    }
}

impl EndpointTotals {
    /// Rounds that went there for this reason.
    pub fn routed(&self, rule: RouteRule) -> u64 {
        self.routes.get(rule.index()).copied().unwrap_or(0)
    }

    /// Rounds that went there in vain, for this reason.
    pub fn healed(&self, why: Healed) -> u64 {
        self.healed.get(why.index()).copied().unwrap_or(0)
    }

    fn add(&mut self, other: &Self) {
        let add = |own: &mut [u64], others: &[u64]| {
            for (own, others) in own.iter_mut().zip(others) {
                *own = own.wrapping_add(*others);
            }
        };
        add(&mut self.routes, &other.routes);
        add(&mut self.healed, &other.healed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::Rule;

    const ACME: TenantSlot = TenantSlot::new(1);
    const GLOBEX: TenantSlot = TenantSlot::new(2);
    const NEAREST: RouteRule = RouteRule::Chosen(Rule::Nearest);

    #[test]
    fn the_values_of_two_workers_add_up_by_endpoint() {
        let (first, second) = (RouteCounters::default(), RouteCounters::default());
        first.of(ACME, "eu").route(NEAREST);
        second.of(ACME, "eu").route(NEAREST);
        second.of(ACME, "eu").heal(Healed::Conflict);
        second.of(ACME, "us").route(RouteRule::Writes);
        second.of(GLOBEX, "eu").route(NEAREST);
        let mut totals = first.totals();
        totals.merge(&second.totals());
        assert_eq!(totals.of(ACME, "eu").routed(NEAREST), 2);
        assert_eq!(totals.of(ACME, "eu").healed(Healed::Conflict), 1);
        assert_eq!(totals.of(ACME, "eu").routed(RouteRule::Writes), 0);
        let names: Vec<_> = totals.of_tenant(ACME).map(|(name, _)| name).collect();
        assert_eq!(names, ["eu", "us"]);
    }

    #[test]
    fn what_an_endpoint_has_counted_stays_as_long_as_it_is_configured_or_used() {
        let counters = RouteCounters::default();
        let configured = config::Endpoint {
            name: "eu".to_owned(),
            ..config::Endpoint::default()
        };
        let used = counters.of(ACME, "used");
        for name in ["eu", "gone", "used"] {
            counters.of(ACME, name).route(NEAREST);
        }
        counters.of(GLOBEX, "gone").route(NEAREST);
        counters.keep_configured(ACME, &[Arc::new(configured)]);
        let totals = counters.totals();
        let names: Vec<_> = totals.of_tenant(ACME).map(|(name, _)| name).collect();
        assert_eq!(names, ["eu", "used"]);
        assert_eq!(totals.of(GLOBEX, "gone").routed(NEAREST), 1);
        drop(used);
        counters.forget(ACME);
        assert_eq!(counters.totals().of_tenant(ACME).count(), 0);
        assert_eq!(counters.totals().of_tenant(GLOBEX).count(), 1);
    }
}
