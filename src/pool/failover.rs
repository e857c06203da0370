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
use crate::limits::WATCH_PAUSE;
use crate::pool::Home;
use crate::pool::Opened;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::PoolKey;
use crate::pool::ServerCard;
use crate::pool::monitor;
use crate::pool::pool::is_same_place;
use crate::pool::sleep::Sleeper;
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
    /// Until then it leaves that to others: its login is refused.
    pauses_until: Option<Instant>,
    /// Endpoints say themselves whether they are the primary.
    is_auto: bool,
    /// The database may sleep.
    sleeper: Option<Arc<Sleeper>>,
    /// How long clients wait while there is no primary.
    failover_wait: Duration,
}

impl Lookout {
    /// What is known, and where a pool's servers are to be opened.
    pub(super) fn of(
        home: &Home,
        tenant: &Arc<Tenant>,
        key: &PoolKey,
    ) -> (Self, Option<Arc<config::Endpoint>>) {
        let config = tenant.config();
        if let Some(name) = key.endpoint() {
            let mut endpoints = config.endpoints.iter();
            let endpoint = endpoints.find(|endpoint| endpoint.name == name);
            return (Self::of_one(home, tenant), endpoint.map(Arc::clone));
        }
        let topology = home.topologies.of(tenant);
        let is_auto = config
            .endpoints
            .iter()
            .any(|endpoint| endpoint.role == Role::Auto);
        // What becomes known after this is followed later.
        let version = topology.as_ref().map_or(0, |topology| topology.version());
        let endpoint = match &topology {
            Some(topology) => primary_of(topology),
            None => config.endpoints.first().map(Arc::clone),
        };
        let endpoint = endpoint.filter(|endpoint| endpoint.role != Role::Replica);
        let failover_wait = if is_auto {
            config.failover_wait
        } else {
            Duration::ZERO
        };
        let sleep = config.sleep.as_ref().filter(|sleep| sleep.wakes());
        let wake_timeout = sleep.map_or(Duration::ZERO, |sleep| sleep.wake_timeout);
        let lookout = Self {
            version,
            topology,
            watch: None,
            pauses_until: None,
            is_auto,
            sleeper: home.sleepers.of(tenant),
            failover_wait: failover_wait.max(wake_timeout),
        };
        (lookout, endpoint)
    }

    /// What is known of endpoints, if there is anything to be found out.
    pub(super) fn topology(&self) -> Option<&Arc<Topology>> {
        self.topology.as_ref()
    }

    /// Whether endpoints say themselves which of them is the primary.
    pub(super) const fn is_auto(&self) -> bool {
        self.is_auto
    }

    /// A pool that stays at one endpoint has nothing to find out, and its clients are better served
    /// elsewhere than kept waiting.
    fn of_one(home: &Home, tenant: &Arc<Tenant>) -> Self {
        Self {
            topology: None,
            version: 0,
            watch: None,
            pauses_until: None,
            is_auto: false,
            sleeper: home.sleepers.of(tenant),
            failover_wait: Duration::ZERO,
        }
    }

    /// Takes over what the configuration says now.
    pub(super) fn reload(
        &mut self,
        home: &Home,
        tenant: &Arc<Tenant>,
        key: &PoolKey,
    ) -> Option<Arc<config::Endpoint>> {
        let (mut lookout, endpoint) = Self::of(home, tenant, key);
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
    /// Has the tenant's endpoints looked at, if nobody else does, for as long as servers are needed: a
    /// database that nobody uses may sleep.
    pub(super) fn attend(self: &Rc<Self>, now: Instant) {
        let is_needed = self.tenant.servers() > 0 || !self.queue.is_empty() || self.minimum() > 0;
        self.attend_if(is_needed, now);
    }

    /// Has the endpoints looked at, and the database asked for its functions, for whoever wants to know
    /// how they are and is no client. To be called again until enough is known.
    pub fn look_around(self: &Rc<Self>, now: Instant) {
        self.attend_if(true, now);
        self.follow(now);
        if self.endpoint.borrow().is_some() && !self.has_functions() {
            self.missed_function(now);
        }
    }

    fn attend_if(self: &Rc<Self>, is_needed: bool, now: Instant) {
        let mut lookout = self.lookout.borrow_mut();
        let pauses = lookout.pauses_until.is_some_and(|until| now < until);
        if !is_needed || pauses {
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

    /// An endpoint is there, and does not let this pool's user ask it what it is. If none does, another
    /// pool may have more luck: this one may name a database that there is not.
    pub(super) fn cannot_attend(&self, now: Instant) {
        let mut lookout = self.lookout.borrow_mut();
        if lookout
            .topology
            .as_ref()
            .is_some_and(|known| !known.is_blind())
        {
            return;
        }
        lookout.watch = None;
        lookout.pauses_until = Some(now + WATCH_PAUSE);
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
        let place = topology.place();
        lookout.version = version;
        drop(lookout);
        let endpoint = match &place {
            Place::At(endpoint) => Some(Arc::clone(endpoint)),
            Place::Nowhere(_) => None,
        };
        let has_moved = !is_same_place(self.endpoint.borrow().as_deref(), endpoint.as_deref());
        self.tell_of(&place);
        *self.endpoint.borrow_mut() = endpoint;
        if has_moved {
            self.reconnect(now);
        }
        self.strand(&place);
        self.retry(now);
    }

    /// What was out of reach may be in reach again.
    pub(super) fn retry(self: &Rc<Self>, now: Instant) {
        if let Some(outage) = &mut *self.outage.borrow_mut() {
            outage.failures = 0;
            outage.retry_at = now;
        }
        self.is_full.set(false);
        self.refill(now);
    }

    /// Its database, if that may sleep.
    pub(super) fn sleeper(&self) -> Option<Arc<Sleeper>> {
        self.lookout.borrow().sleeper.clone()
    }

    /// Ends the use of servers that are not the primary's. While there is none, the one that there was
    /// may come back.
    fn strand(&self, place: &Place) {
        let is_over = match place {
            Place::At(_) | Place::Nowhere(NoPrimary::Split(..) | NoPrimary::Behind(_)) => true,
            Place::Nowhere(NoPrimary::Nobody | NoPrimary::NotYetKnown) => false,
        };
        for card in self.cards.borrow().iter().filter(|_| is_over) {
            // The same under another name is the same.
            let is_there = |primary: &config::Endpoint| {
                primary.host == card.endpoint.host && primary.port == card.endpoint.port
            };
            let is_there = matches!(place, Place::At(primary) if is_there(primary));
            card.is_stranded.set(!is_there);
        }
    }

    /// The same, where a reload has the pool go elsewhere.
    pub(super) fn strand_at_reload(&self) {
        let lookout = self.lookout.borrow();
        if let Some(topology) = lookout.topology.as_ref().filter(|_| lookout.is_auto) {
            self.strand(&topology.place());
        }
    }

    fn tell_of(&self, place: &Place) {
        let (tenant, database) = (self.tenant.name(), self.key.database());
        match place {
            Place::At(endpoint) => {
                let endpoint = &endpoint.name;
                tracing::info!(
                    tenant,
                    database,
                    endpoint,
                    "servers are opened at the primary"
                );
            },
            Place::Nowhere(reason) => {
                tracing::warn!(tenant, database, %reason, "there is no primary");
            },
        }
    }

    /// Whether a server is what this pool needs. What endpoints said may be a moment old.
    ///
    /// # Errors
    ///
    /// [`PoolError::NoPrimary`]: it is a standby by now, and says so; [`PoolError::OtherSettings`]: it is a
    /// replica that answers otherwise than the primary.
    pub(super) fn accept(&self, opened: Opened) -> Result<Opened, PoolError> {
        self.check_alike(&opened.parameters)?;
        let is_standby = opened
            .parameters
            .iter()
            .any(|(name, value)| &**name == "in_hot_standby" && &**value == "on");
        if is_standby && self.lookout.borrow().is_auto {
            return Err(PoolError::NoPrimary(NoPrimary::Nobody));
        }
        Ok(opened)
    }

    /// Why there is nowhere to open servers.
    pub(super) fn no_endpoint(&self) -> PoolError {
        let lookout = self.lookout.borrow();
        match lookout.topology.as_ref().map(|topology| topology.place()) {
            Some(Place::Nowhere(reason)) => PoolError::NoPrimary(reason),
            // This pool will follow in a moment.
            Some(Place::At(_)) => PoolError::NoPrimary(NoPrimary::NotYetKnown),
            None => PoolError::NoEndpoint,
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
        let is_served = |card: &Rc<ServerCard>| !card.close_needed.get();
        if self.cards.borrow().iter().any(is_served) {
            return;
        }
        let limit = self.patience(&outage.error);
        if now.duration_since(outage.since) < limit {
            return;
        }
        let cause = outage.error.chain();
        let error = Rc::new(PoolError::NoPrimaryInTime { limit, cause });
        self.refuse_waiting(&error, |seat| now.duration_since(seat.since()) >= limit);
    }
}
