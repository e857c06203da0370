//! One tenant's endpoints on this node: what each last said of itself, and which takes the writes.
//!
//! Monitors tell it what they see; pools on every worker look at its version a few times a second
//! and follow. A transaction touches none of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config;
use crate::config::Endpoint;
use crate::config::Role;
use crate::limits::SIGHTING_AGE_MAX;
use crate::routing::EndpointView;
use crate::routing::Look;
use crate::routing::Memory;
use crate::routing::Sighting;
use crate::routing::TenantFloor;
use crate::routing::known::Known;
use crate::routing::known::One;
use crate::routing::known::Proven;
use crate::routing::known::Trouble;
use crate::routing::news::News;
use crate::routing::progress::Progress;
use crate::routing::rest::Use;

/// One tenant's endpoints.
#[derive(Debug)]
pub struct Topology {
    state: Mutex<Known>,
    memory: Arc<Memory>,
    /// Counts the changes that pools must follow.
    version: AtomicU64,
    is_watched: AtomicBool,
    /// Told when something became urgent, or is no more.
    changed: Notify,
    news: News,
    last_use: Use,
}

/// Where a tenant's writes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// To this endpoint.
    At(Arc<Endpoint>),
    /// Nowhere.
    Nowhere(NoPrimary),
}

/// Why a tenant has no primary at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPrimary {
    /// Not all endpoints have been looked at yet.
    #[error("its endpoints have not all answered yet")]
    NotYetKnown,
    /// No endpoint takes writes.
    #[error("none of its endpoints takes writes")]
    Nobody,
    /// The one that takes writes is on an older timeline than another has reached: it was the primary
    /// once.
    #[error("the endpoint {0} takes writes on a timeline that another has left behind")]
    Behind(String),
    /// Two take writes on one timeline. No guess is right.
    #[error("the endpoints {0} and {1} both take writes on one timeline")]
    Split(String, String),
}

/// The right, and the duty, to look at a tenant's endpoints. One pool of the node has it.
#[derive(Debug)]
pub struct Watch(Arc<Topology>);

impl Topology {
    /// Whether there is anything to be found out about a tenant's endpoints.
    pub fn is_needed(tenant: &config::Tenant) -> bool {
        let is_auto = |endpoint: &Arc<Endpoint>| endpoint.role == Role::Auto;
        tenant.endpoints.len() > 1 || tenant.endpoints.iter().any(is_auto)
    }

    /// Endpoints that nobody has looked at, of which something is remembered.
    pub fn new(tenant: &config::Tenant, memory: Arc<Memory>) -> Self {
        let mut known = Known {
            endpoints: tenant.endpoints.iter().map(One::new).collect(),
            first_found: None,
            place: Place::Nowhere(NoPrimary::NotYetKnown),
            proof: None,
            progress: Progress::default(),
        };
        let now = Instant::now();
        known.place = known.place(memory.reached.load(Ordering::Relaxed), now);
        Self {
            state: Mutex::new(known),
            memory,
            version: AtomicU64::new(1),
            is_watched: AtomicBool::new(false),
            changed: Notify::new(),
            news: News::new(now),
            last_use: Use::new(tenant.monitor_rest_after, now),
        }
    }

    /// Counts the changes of the place, and the times that it could be reached again.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Where the tenant's writes go now.
    pub fn place(&self) -> Place {
        self.lock().place.clone()
    }

    /// Whether nobody can write, as far as is known: endpoints are to be looked at more often.
    pub fn is_urgent(&self) -> bool {
        self.lock().is_urgent()
    }

    /// Ends when something has become urgent, or is no more.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether no endpoint answers whoever looks at them.
    pub fn is_blind(&self) -> bool {
        let answers = |one: &One| one.sighting.is_some() && one.trouble.is_none();
        !self.lock().endpoints.iter().any(answers)
    }

    /// Takes over a changed list of endpoints. What is known of those that stay is kept.
    pub fn reload(&self, tenant: &config::Tenant) {
        self.last_use.set_rest_after(tenant.monitor_rest_after);
        let mut known = self.lock();
        let is_same = known.endpoints.len() == tenant.endpoints.len()
            && known
                .endpoints
                .iter()
                .zip(&tenant.endpoints)
                .all(|(one, endpoint)| one.endpoint.is_same_instance(endpoint));
        if is_same {
            self.reload_shares(&mut known, tenant);
            return;
        }
        let is_there = |one: &One, endpoint: &Endpoint| {
            one.endpoint.host == endpoint.host && one.endpoint.port == endpoint.port
        };
        let endpoints = tenant.endpoints.iter().map(|endpoint| {
            let mut before = known.endpoints.iter().filter(|one| is_there(one, endpoint));
            let Some(before) = before.next() else {
                return One::new(endpoint);
            };
            // Who looks at it knows it as it was before.
            One {
                is_attended: before.is_attended && before.endpoint.is_same_instance(endpoint),
                endpoint: Arc::clone(endpoint),
                ..before.clone()
            }
        });
        known.endpoints = endpoints.collect();
        // Who changes them knows better than what was seen before: it may be another database.
        let timelines = known
            .endpoints
            .iter()
            .filter_map(|one| one.sighting?.state.timeline());
        let reached = &self.memory.reached;
        reached.store(timelines.max().unwrap_or(0), Ordering::Relaxed);
        known.proof = None;
        known.progress.forget();
        self.memory.floor.forget();
        self.settle(&mut known, Instant::now());
        self.news.arrived();
        drop(known);
        self.changed.notify_waiters();
    }

    /// Takes over endpoints that are the same instances: what is known of them holds.
    fn reload_shares(&self, known: &mut Known, tenant: &config::Tenant) {
        let mut is_changed = false;
        for (one, endpoint) in known.endpoints.iter_mut().zip(&tenant.endpoints) {
            is_changed |= one.endpoint != *endpoint;
            one.endpoint = Arc::clone(endpoint);
        }
        if let Place::At(primary) = &mut known.place {
            let mut endpoints = tenant.endpoints.iter();
            if let Some(endpoint) = endpoints.find(|other| other.is_same_instance(primary)) {
                *primary = Arc::clone(endpoint);
            }
        }
        if is_changed {
            self.news.arrived();
        }
    }

    /// The duty to look at the endpoints, if nobody has it.
    pub fn watch(self: &Arc<Self>) -> Option<Watch> {
        let was_watched = self.is_watched.swap(true, Ordering::AcqRel);
        if was_watched {
            return None;
        }
        let now = Instant::now();
        self.note_use(now);
        let mut known = self.lock();
        let is_old = |one: &One| {
            one.look
                .is_none_or(|look| now.duration_since(look.answered_at) > SIGHTING_AGE_MAX)
        };
        if known.endpoints.iter().all(is_old) {
            // Much may have happened since.
            for one in &mut known.endpoints {
                one.is_looked_at = false;
            }
            known.first_found = None;
            self.settle(&mut known, now);
        }
        drop(known);
        Some(Watch(Arc::clone(self)))
    }

    /// An endpoint has answered. False if it is none of the tenant's any more.
    pub fn saw(&self, endpoint: &Endpoint, sighting: Sighting, look: Look) -> bool {
        let mut known = self.lock();
        let Some(one) = known.find(endpoint) else {
            return false;
        };
        if let Some(timeline) = sighting.state.timeline() {
            self.memory.reached.fetch_max(timeline, Ordering::Relaxed);
        }
        let is_back = one.trouble.is_some();
        one.saw(sighting, look);
        if is_back && known.is_primary(endpoint) {
            // Who waits for it to come back need not wait any longer.
            self.version.fetch_add(1, Ordering::AcqRel);
        }
        self.settle(&mut known, look.answered_at);
        if let Some(Proven { proof, is_other }) = known.prove() {
            let floor = &self.memory.floor;
            if is_other {
                // What it does not have is lost, and no standby will ever have it.
                floor.forget();
            }
            floor.primary_at(proof.asked_at, proof.lsn);
        }
        self.news.arrived();
        true
    }

    /// An endpoint that has a name is asked there from now on, and what it says is said of what is there.
    pub fn found_at(&self, endpoint: &Endpoint, address: Option<SocketAddr>) {
        if let Some(one) = self.lock().find(endpoint) {
            one.address = address;
        }
    }

    /// The connection over which an endpoint was asked has ended. Perhaps it has been restarted, and shows
    /// less than it said: it is not read from until it is asked again.
    pub fn lost(&self, endpoint: &Endpoint) {
        let mut known = self.lock();
        if let Some(one) = known.find(endpoint) {
            one.is_lost = true;
            self.news.arrived();
        }
    }

    /// A server of an endpoint broke, or could not be opened, for this reason.
    pub fn blame(&self, endpoint: &Endpoint, error: String, now: Instant) {
        let mut known = self.lock();
        if let Some(one) = known.find(endpoint) {
            one.ejection.failed(now, self.news.chance(now));
            one.blame = Some(error);
            self.news.arrived();
        }
    }

    /// An endpoint could not be asked, because it could not be reached or, if `is_there`, for another
    /// reason, which says nothing of what it is. False if it is none of the tenant's any more.
    pub fn failed(&self, endpoint: &Endpoint, error: String, is_there: bool, now: Instant) -> bool {
        let mut known = self.lock();
        let Some(one) = known.find(endpoint) else {
            return false;
        };
        one.is_looked_at |= !is_there;
        let failures = one.trouble.as_ref().map_or(0, |trouble| trouble.failures);
        one.trouble = Some(Trouble {
            error,
            failures: failures + 1,
        });
        if failures == 0 {
            one.ejection.failed(now, self.news.chance(now));
        }
        let is_news = failures == 0 && known.is_primary(endpoint);
        self.settle(&mut known, now);
        self.news.arrived();
        drop(known);
        if is_news {
            // Another one may be the primary soon: everybody is asked at once.
            self.changed.notify_waiters();
        }
        true
    }

    fn settle(&self, known: &mut Known, now: Instant) {
        let place = known.place(self.memory.reached.load(Ordering::Relaxed), now);
        if place == known.place {
            return;
        }
        known.place = place;
        self.version.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// What is known of the endpoints, in the order of the configuration.
    pub fn view(&self, now: Instant) -> Vec<EndpointView> {
        let known = self.lock();
        let view = |one: &One| EndpointView {
            endpoint: Arc::clone(&one.endpoint),
            is_primary: known.is_primary(&one.endpoint),
            sighting: one.sighting,
            seen_ago: one.look.map(|look| now.duration_since(look.answered_at)),
            round_trip: one.round_trip,
            failures: one.trouble.as_ref().map_or(0, |trouble| trouble.failures),
            error: one.trouble.as_ref().map(|trouble| trouble.error.clone()),
            blame: one.blame.clone(),
        };
        known.endpoints.iter().map(view).collect()
    }

    /// What was written through this node.
    pub fn floor(&self) -> &Arc<TenantFloor> {
        &self.memory.floor
    }

    /// Counts what has become known, of whatever endpoint.
    pub(super) fn news_told(&self) -> &News {
        &self.news
    }

    /// Those who look at endpoints do so at once.
    pub fn ask_all(&self) {
        self.changed.notify_waiters();
    }

    /// When the tenant was used.
    pub(super) fn last_use(&self) -> &Use {
        &self.last_use
    }

    /// The newest timeline that was ever seen to be written.
    pub(super) fn reached(&self) -> u32 {
        self.memory.reached.load(Ordering::Relaxed)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        // Every change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// What is watched.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.0
    }

    /// The endpoints that nobody looks at yet; from now on somebody does.
    pub fn take_unattended(&self) -> Vec<Arc<Endpoint>> {
        let mut known = self.0.lock();
        let unattended = known.endpoints.iter_mut().filter(|one| !one.is_attended);
        let taken = unattended.map(|one| {
            one.is_attended = true;
            Arc::clone(&one.endpoint)
        });
        taken.collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for one in &mut self.0.lock().endpoints {
            one.is_attended = false;
        }
        self.0.is_watched.store(false, Ordering::Release);
        // Those who looked go.
        self.0.changed.notify_waiters();
    }
}
