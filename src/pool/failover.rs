//! A pool goes where its tenant's primary is, and its clients wait while there is none.
//!
//! What is found out about endpoints is one [`Topology`] per tenant, for all workers. One pool of the
//! node has its endpoints looked at; all of them follow, at their ticks.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::config::Role;
use crate::limits::MONITOR_TIMEOUT;
use crate::pool::Home;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::monitor;
use crate::routing::NoPrimary;
use crate::routing::Place;
use crate::routing::Topology;
use crate::routing::Watch;
use crate::tenancy::Tenant;

/// What a pool knows of its tenant's endpoints.
#[derive(Debug)]
pub(super) struct Lookout {
    /// None if there is nothing to be found out.
    topology: Option<Arc<Topology>>,
    /// Which of its versions the pool has followed.
    version: u64,
    /// It is this pool that has them looked at.
    watch: Option<Rc<Watch>>,
    /// How long clients wait while there is no primary.
    failover_wait: Duration,
}

impl Lookout {
    /// What is known, and where the tenant's servers are to be opened.
    pub(super) fn of(home: &Home, tenant: &Tenant) -> (Self, Option<Arc<config::Endpoint>>) {
        let config = tenant.config();
        let topology = home.topologies.of(tenant);
        let is_auto = config
            .endpoints
            .iter()
            .any(|endpoint| endpoint.role == Role::Auto);
        let endpoint = match &topology {
            Some(topology) => primary_of(topology),
            None => config.endpoints.first().map(Arc::clone),
        };
        let endpoint = endpoint.filter(|endpoint| endpoint.role != Role::Replica);
        let lookout = Self {
            version: topology.as_ref().map_or(0, |topology| topology.version()),
            topology,
            watch: None,
            failover_wait: if is_auto {
                config.failover_wait
            } else {
                Duration::ZERO
            },
        };
        (lookout, endpoint)
    }

    /// Takes over what the configuration says now.
    pub(super) fn reload(&mut self, home: &Home, tenant: &Tenant) -> Option<Arc<config::Endpoint>> {
        let (mut lookout, endpoint) = Self::of(home, tenant);
        if let (Some(known), Some(topology)) = (&self.topology, &lookout.topology)
            && Arc::ptr_eq(known, topology)
        {
            lookout.watch = self.watch.take();
        }
        *self = lookout;
        endpoint
    }
}

fn primary_of(topology: &Topology) -> Option<Arc<config::Endpoint>> {
    match topology.place() {
        Place::At(endpoint) => Some(endpoint),
        Place::Nowhere(_) => None,
    }
}

impl Pool {
    /// Has the tenant's endpoints looked at, if nobody else does, for as long as it is used: a
    /// database that nobody uses may sleep.
    pub(super) fn attend(self: &Rc<Self>) {
        let mut lookout = self.lookout.borrow_mut();
        if self.is_unused() {
            lookout.watch = None;
            return;
        }
        if lookout.watch.is_none() {
            let watch = lookout.topology.as_ref().and_then(Topology::watch);
            lookout.watch = watch.map(Rc::new);
        }
        if let Some(watch) = &lookout.watch {
            for endpoint in watch.take_unattended() {
                monitor::look_after(self, watch, endpoint);
            }
        }
    }

    /// Goes where the primary is by now.
    pub(super) fn follow(self: &Rc<Self>, now: Instant) {
        let mut lookout = self.lookout.borrow_mut();
        let Some(topology) = &lookout.topology else {
            return;
        };
        let version = topology.version();
        if version == lookout.version {
            return;
        }
        let endpoint = primary_of(topology);
        lookout.version = version;
        drop(lookout);
        let has_moved = *self.endpoint.borrow() != endpoint;
        if has_moved {
            tracing::info!(
                tenant = self.tenant.name(),
                database = self.key.database(),
                user = self.key.user(),
                endpoint = endpoint.as_ref().map(|endpoint| endpoint.name.as_str()),
                "the primary has moved"
            );
            *self.endpoint.borrow_mut() = endpoint;
            self.reconnect(now);
        }
        *self.outage.borrow_mut() = None;
        self.is_full.set(false);
        self.refill(now);
    }

    /// Why there is nowhere to open servers.
    pub(super) fn no_endpoint(&self) -> PoolError {
        let lookout = self.lookout.borrow();
        match lookout.topology.as_ref().map(|topology| topology.place()) {
            Some(Place::Nowhere(reason)) => PoolError::NoPrimary(reason),
            Some(Place::At(_)) | None => PoolError::NoEndpoint,
        }
    }

    /// Whether clients wait for what this error says to be over.
    pub(super) fn rides_out(&self, error: &PoolError) -> bool {
        !self.patience(error).is_zero()
    }

    /// How long clients wait for what this error says to be over.
    fn patience(&self, error: &PoolError) -> Duration {
        let failover_wait = self.lookout.borrow().failover_wait;
        if let PoolError::NoPrimary(NoPrimary::NotYetKnown) = error {
            // Not a failure: the first look takes its time.
            failover_wait.max(MONITOR_TIMEOUT)
        } else if error.is_of_reach() {
            failover_wait
        } else {
            Duration::ZERO
        }
    }

    /// Ends the waits that have lasted too long without a primary.
    pub(super) fn end_rides(&self, now: Instant) {
        let outage = self.outage.borrow().clone();
        let Some(outage) = outage.filter(|outage| self.rides_out(&outage.error)) else {
            return;
        };
        if self.shard.counts().servers() > 0 && self.endpoint.borrow().is_some() {
            return;
        }
        let limit = self.patience(&outage.error);
        let cause = outage.error.chain();
        let error = Rc::new(PoolError::NoPrimaryInTime { limit, cause });
        self.refuse_waiting(&error, |seat| now.duration_since(seat.since()) >= limit);
    }
}
