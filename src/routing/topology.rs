//! One tenant's endpoints on this node: what each last said of itself, and which takes the writes.
//!
//! Monitors tell it what they see; pools on every worker look at its version a few times a second
//! and follow. A transaction touches none of it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config;
use crate::config::Endpoint;
use crate::config::Role;
use crate::limits::FIRST_LOOK_WAIT;
use crate::limits::SIGHTING_AGE_MAX;
use crate::routing::RoundTrip;
use crate::routing::Sighting;
use crate::routing::State;
use crate::routing::primary::Candidate;
use crate::routing::primary::Primary;

/// One tenant's endpoints.
#[derive(Debug)]
pub struct Topology {
    state: Mutex<Known>,
    /// The newest timeline that was ever seen, which outlives the topology.
    reached: Arc<AtomicU32>,
    /// Counts the changes that pools must follow.
    version: AtomicU64,
    is_watched: AtomicBool,
    /// Told when something became urgent, or is no more.
    changed: Notify,
}

#[derive(Debug)]
struct Known {
    endpoints: Vec<One>,
    /// When the first of them was seen to take writes.
    first_found: Option<Instant>,
    place: Place,
}

#[derive(Debug, Clone)]
struct One {
    endpoint: Arc<Endpoint>,
    sighting: Option<Sighting>,
    seen_at: Option<Instant>,
    round_trip: Option<RoundTrip>,
    trouble: Option<Trouble>,
    /// It has answered, or could not be reached, since somebody looks at it again.
    is_looked_at: bool,
    is_attended: bool,
}

#[derive(Debug, Clone)]
struct Trouble {
    error: String,
    failures: u32,
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

/// What the console shows of an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointView {
    /// Its configuration.
    pub endpoint: Arc<Endpoint>,
    /// Whether the tenant's writes go there.
    pub is_primary: bool,
    /// What it last said.
    pub sighting: Option<Sighting>,
    /// How long ago that was.
    pub seen_ago: Option<Duration>,
    /// The round trip.
    pub round_trip: Option<RoundTrip>,
    /// How often in a row it could not be asked.
    pub failures: u32,
    /// Why not, the last time.
    pub error: Option<String>,
}

impl EndpointView {
    /// An endpoint that nobody has looked at.
    pub fn unseen(endpoint: &Arc<Endpoint>) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            is_primary: false,
            sighting: None,
            seen_ago: None,
            round_trip: None,
            failures: 0,
            error: None,
        }
    }
}

impl One {
    fn new(endpoint: &Arc<Endpoint>) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            sighting: None,
            seen_at: None,
            round_trip: None,
            trouble: None,
            is_looked_at: false,
            is_attended: false,
        }
    }

    fn candidate(&self) -> Candidate {
        match (self.is_looked_at, self.sighting) {
            (false, _) => Candidate::Unseen,
            (true, None) => Candidate::Silent,
            (true, Some(sighting)) => Candidate::Said(sighting),
        }
    }

    fn may_write(&self) -> bool {
        self.endpoint.role != Role::Replica
    }
}

impl Known {
    fn place(&mut self, reached: u32, now: Instant) -> Place {
        let candidates: Vec<&One> = self
            .endpoints
            .iter()
            .filter(|one| one.may_write())
            .collect();
        if candidates.iter().all(|one| one.endpoint.role != Role::Auto) {
            // The configuration says which it is.
            let first = candidates.first();
            return first.map_or(Place::Nowhere(NoPrimary::Nobody), |one| {
                Place::At(Arc::clone(&one.endpoint))
            });
        }
        let known: Vec<Candidate> = candidates.iter().map(|one| one.candidate()).collect();
        let takes_writes = |known: &Candidate| {
            let writable = |sighting: &Sighting| matches!(sighting.state, State::Writable { .. });
            matches!(known, Candidate::Said(sighting) if writable(sighting))
        };
        let is_found = known.iter().any(takes_writes);
        let found = is_found.then(|| *self.first_found.get_or_insert(now));
        let is_late = found.is_some_and(|found| now.duration_since(found) >= FIRST_LOOK_WAIT);
        let at = |place: usize| candidates.get(place).map(|one| &one.endpoint);
        let name = |place| at(place).map_or_else(String::new, |one| one.name.clone());
        match Primary::among(&known, reached, is_late) {
            Primary::At(place) => at(place).map_or(Place::Nowhere(NoPrimary::Nobody), |endpoint| {
                Place::At(Arc::clone(endpoint))
            }),
            Primary::Split(one, two) => Place::Nowhere(NoPrimary::Split(name(one), name(two))),
            Primary::Behind(one) => Place::Nowhere(NoPrimary::Behind(name(one))),
            Primary::Nobody => Place::Nowhere(NoPrimary::Nobody),
            Primary::NotYetKnown => Place::Nowhere(NoPrimary::NotYetKnown),
        }
    }

    fn find(&mut self, endpoint: &Endpoint) -> Option<&mut One> {
        let mut endpoints = self.endpoints.iter_mut();
        endpoints.find(|one| *one.endpoint == *endpoint)
    }

    fn is_primary(&self, endpoint: &Endpoint) -> bool {
        matches!(&self.place, Place::At(primary) if **primary == *endpoint)
    }

    /// Nobody can write, as far as is known.
    fn is_urgent(&self) -> bool {
        let Place::At(primary) = &self.place else {
            return true;
        };
        let mut endpoints = self.endpoints.iter();
        endpoints.any(|one| *one.endpoint == **primary && one.trouble.is_some())
    }
}

impl Topology {
    /// Whether there is anything to be found out about a tenant's endpoints.
    pub fn is_needed(tenant: &config::Tenant) -> bool {
        let is_auto = |endpoint: &Arc<Endpoint>| endpoint.role == Role::Auto;
        tenant.endpoints.len() > 1 || tenant.endpoints.iter().any(is_auto)
    }

    /// Endpoints that nobody has looked at, of which one has reached a timeline before.
    pub fn new(tenant: &config::Tenant, reached: Arc<AtomicU32>) -> Self {
        let mut known = Known {
            endpoints: tenant.endpoints.iter().map(One::new).collect(),
            first_found: None,
            place: Place::Nowhere(NoPrimary::NotYetKnown),
        };
        known.place = known.place(reached.load(Ordering::Relaxed), Instant::now());
        Self {
            state: Mutex::new(known),
            reached,
            version: AtomicU64::new(1),
            is_watched: AtomicBool::new(false),
            changed: Notify::new(),
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
        let mut known = self.lock();
        let is_same = known.endpoints.len() == tenant.endpoints.len()
            && known
                .endpoints
                .iter()
                .zip(&tenant.endpoints)
                .all(|(one, endpoint)| *one.endpoint == **endpoint);
        if is_same {
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
                is_attended: before.is_attended && *before.endpoint == **endpoint,
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
        self.reached
            .store(timelines.max().unwrap_or(0), Ordering::Relaxed);
        self.settle(&mut known, Instant::now());
        drop(known);
        self.changed.notify_waiters();
    }

    /// The duty to look at the endpoints, if nobody has it.
    pub fn watch(self: &Arc<Self>) -> Option<Watch> {
        let was_watched = self.is_watched.swap(true, Ordering::AcqRel);
        if was_watched {
            return None;
        }
        let mut known = self.lock();
        let now = Instant::now();
        let is_old = |one: &One| {
            one.seen_at
                .is_none_or(|seen| now.duration_since(seen) > SIGHTING_AGE_MAX)
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
    pub fn saw(
        &self,
        endpoint: &Endpoint,
        sighting: Sighting,
        measured: Duration,
        now: Instant,
    ) -> bool {
        let mut known = self.lock();
        let Some(one) = known.find(endpoint) else {
            return false;
        };
        if let Some(timeline) = sighting.state.timeline() {
            self.reached.fetch_max(timeline, Ordering::Relaxed);
        }
        one.sighting = Some(sighting);
        one.is_looked_at = true;
        one.seen_at = Some(now);
        one.round_trip = Some(match one.round_trip {
            Some(known) => known.with(measured),
            None => RoundTrip::first(measured),
        });
        let is_back = one.trouble.take().is_some();
        if is_back && known.is_primary(endpoint) {
            // Who waits for it to come back need not wait any longer.
            self.version.fetch_add(1, Ordering::AcqRel);
        }
        self.settle(&mut known, now);
        true
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
        let is_news = failures == 0 && known.is_primary(endpoint);
        self.settle(&mut known, now);
        drop(known);
        if is_news {
            // Another one may be the primary soon: everybody is asked at once.
            self.changed.notify_waiters();
        }
        true
    }

    fn settle(&self, known: &mut Known, now: Instant) {
        let place = known.place(self.reached.load(Ordering::Relaxed), now);
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
            seen_ago: one.seen_at.map(|at| now.duration_since(at)),
            round_trip: one.round_trip,
            failures: one.trouble.as_ref().map_or(0, |trouble| trouble.failures),
            error: one.trouble.as_ref().map(|trouble| trouble.error.clone()),
        };
        known.endpoints.iter().map(view).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
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
