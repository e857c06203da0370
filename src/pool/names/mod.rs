//! The addresses of endpoints' names, for all workers: looked up once for all who ask at a time, kept
//! for a while, and kept on when the resolver fails.
//!
//! ```text
//!            asked            answered                  dns_max_ttl is over
//!  (none) ────────▶ pending ───────────▶ fresh ─────────────────────────────▶ stale
//!                      │                   ▲  asked: looked up again, the old ones serve if
//!                      │ fails             │  that takes longer than NAME_REFRESH_WAIT      │
//!                      ▼                   └────────────────────────────────────────────────┘
//!                   failed, for dns_nxdomain_ttl; the addresses of before serve
//! ```
//!
//! **Invariants:** a name is looked up by one at a time; lookups that hang are never more than
//! [`LOOKUPS_COUNT_MAX`], and of one tenant never more than [`LOOKUPS_PER_TENANT_COUNT_MAX`].

mod known;
mod question;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

pub use self::known::NameAges;
pub use self::question::Question;

use self::known::Known;
use self::known::Verdict;
use crate::config;
use crate::limits::LOOKUPS_COUNT_MAX;
use crate::limits::LOOKUPS_PER_TENANT_COUNT_MAX;
use crate::limits::NAME_FORGOTTEN_AFTER;
use crate::limits::NAME_REFRESH_MIN;
use crate::limits::NAME_REFRESH_WAIT;
use crate::telemetry::TenantSlot;

/// Whoever knows the addresses of names.
pub trait Lookup: std::fmt::Debug + Send + Sync {
    /// Begins to look a name up, and does not wait: the question is answered, or dropped, sooner or later
    /// on whatever thread.
    fn begin(&self, question: Question);
}

/// What is known of names.
#[derive(Debug)]
pub struct Names {
    lookup: Box<dyn Lookup>,
    state: Mutex<State>,
    /// Counts the changes of any name's addresses.
    version: AtomicU64,
}

/// What the console shows of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameView {
    /// The name.
    pub name: String,
    /// For how long its addresses are used without a question.
    pub ttl: Duration,
    /// Its addresses, in the resolver's order.
    pub addresses: Vec<IpAddr>,
}

#[derive(Debug)]
struct State {
    ages: NameAges,
    names: HashMap<Box<str>, Entry>,
    /// Lookups under way, by whom they were asked for.
    running: Vec<TenantSlot>,
    /// Names that wait for others to be looked up.
    queue: VecDeque<(Box<str>, TenantSlot)>,
    /// Somebody begins what waits, one after the other: whoever else settles a lookup leaves it to them.
    is_draining: bool,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    /// Counts the changes of its addresses.
    version: u64,
    /// Since when it is being looked up, or waits for that.
    pending_since: Option<Instant>,
    /// When somebody last needed it.
    asked_at: Instant,
    told: Arc<Notify>,
}

/// No name has an address.
#[derive(Debug)]
struct Nobody;

impl Lookup for Nobody {
    fn begin(&self, question: Question) {
        drop(question);
    }
}

impl Default for Names {
    /// No name has an address.
    fn default() -> Self {
        Self::new(Box::new(Nobody), &config::Node::default())
    }
}

impl Names {
    /// Nothing is known yet.
    pub fn new(lookup: Box<dyn Lookup>, node: &config::Node) -> Self {
        let state = State {
            ages: ages(node),
            names: HashMap::new(),
            running: Vec::new(),
            queue: VecDeque::new(),
            is_draining: false,
        };
        Self {
            lookup,
            state: Mutex::new(state),
            version: AtomicU64::new(1),
        }
    }

    /// Takes over what the configuration says now of how long answers count. It holds for those that
    /// come from now on.
    pub fn reload(&self, node: &config::Node) {
        self.lock().ages = ages(node);
    }

    /// The addresses of a name, those first that are likely to take a connection.
    ///
    /// # Errors
    ///
    /// What the resolver says, if it says nothing better and has not for as long as the last answer is
    /// kept.
    pub async fn resolve(
        self: &Arc<Self>,
        name: &str,
        port: u16,
        asker: TenantSlot,
    ) -> io::Result<Vec<SocketAddr>> {
        let begun = Instant::now();
        loop {
            let told = self.lock().told(name, Instant::now());
            let told = told.notified();
            tokio::pin!(told);
            // An answer between the look and the wait is not missed.
            told.as_mut().enable();
            let now = Instant::now();
            let (verdict, is_begun, since) = {
                let mut state = self.lock();
                let verdict = state.verdict(name, begun, now);
                let is_begun =
                    matches!(verdict, Verdict::LookUp(_)) && state.ask_for(name, asker, now);
                (verdict, is_begun, state.pending_since(name, now))
            };
            if is_begun {
                self.begin(name, asker);
            }
            let old = match verdict {
                Verdict::Use(addresses) => return Ok(at_port(addresses, port)),
                Verdict::Fail(words) => return Err(io::Error::other(words)),
                Verdict::LookUp(old) => old,
            };
            if old.is_empty() {
                told.await;
            } else if tokio::time::timeout_at(since + NAME_REFRESH_WAIT, told)
                .await
                .is_err()
            {
                return Ok(at_port(old, port));
            }
        }
    }

    /// Has a name looked up that is in use, if what is known of it is no longer young. When it is to be
    /// asked for again.
    pub fn keep_fresh(self: &Arc<Self>, name: &str, asker: TenantSlot, now: Instant) -> Instant {
        let (is_begun, due) = {
            let mut state = self.lock();
            let entry = state.entry(name, now);
            entry.asked_at = now;
            let (is_fresh, due) = (entry.known.is_fresh(now), entry.known.fresh_until(now));
            let is_begun = !is_fresh && state.ask_for(name, asker, now);
            (is_begun, due.max(now + NAME_REFRESH_MIN))
        };
        if is_begun {
            self.begin(name, asker);
        }
        due
    }

    /// Counts the changes of any name's addresses.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Counts the changes of one name's addresses.
    pub fn version_of(&self, name: &str) -> u64 {
        let state = self.lock();
        state.names.get(name).map_or(0, |entry| entry.version)
    }

    /// Whether a name leads to this address no more, as far as is known.
    pub fn has_left(&self, name: &str, address: IpAddr, now: Instant) -> bool {
        let state = self.lock();
        let entry = state.names.get(name);
        entry.is_some_and(|entry| entry.known.has_left(address, now))
    }

    /// An address of a name has taken a connection, or has not.
    pub fn tried(&self, name: &str, address: IpAddr, is_reached: bool, now: Instant) {
        if let Some(entry) = self.lock().names.get_mut(name) {
            entry.known.tried(address, is_reached, now);
        }
    }

    /// What is known of names, in their order.
    pub fn view(&self, now: Instant) -> Vec<NameView> {
        let state = self.lock();
        let names = state.names.iter();
        let views = names.map(|(name, entry)| NameView {
            name: name.to_string(),
            ttl: entry.known.fresh_until(now) - now,
            addresses: entry.known.addresses().iter().map(SocketAddr::ip).collect(),
        });
        let mut views: Vec<NameView> = views.collect();
        views.sort_by(|one, other| one.name.cmp(&other.name));
        views
    }

    /// How many names are being looked up, or wait for that.
    pub fn pending(&self) -> usize {
        let state = self.lock();
        state.running.len() + state.queue.len()
    }

    fn begin(self: &Arc<Self>, name: &str, asker: TenantSlot) {
        self.lookup.begin(Question::new(self, name, asker));
    }

    /// What came of a lookup.
    fn settle(self: &Arc<Self>, name: &str, asker: TenantSlot, found: io::Result<Vec<SocketAddr>>) {
        let now = Instant::now();
        {
            let mut state = self.lock();
            if let Some(at) = state.running.iter().position(|known| *known == asker) {
                state.running.swap_remove(at);
            }
            let ages = state.ages;
            if let Some(entry) = state.names.get_mut(name) {
                entry.settle(name, found, ages, now, &self.version);
            }
            // A lookup that cannot begin is settled within what begins it: here, one within the other
            // as often as there are names that wait.
            if std::mem::replace(&mut state.is_draining, true) {
                return;
            }
        }
        while let Some((name, asker)) = self.take_next() {
            self.begin(&name, asker);
        }
    }

    /// The next that may begin. If there is none, nobody is at it any more.
    fn take_next(&self) -> Option<(Box<str>, TenantSlot)> {
        let mut state = self.lock();
        let next = state.take_next();
        state.is_draining = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn entry(&mut self, name: &str, now: Instant) -> &mut Entry {
        if !self.names.contains_key(name) {
            let is_needed = |entry: &Entry| {
                let unused_for = now.duration_since(entry.asked_at);
                entry.pending_since.is_some() || unused_for < NAME_FORGOTTEN_AFTER
            };
            self.names.retain(|_, entry| is_needed(entry));
        }
        self.names.entry(name.into()).or_insert_with(|| Entry {
            known: Known::default(),
            version: 1,
            pending_since: None,
            asked_at: now,
            told: Arc::default(),
        })
    }

    fn told(&mut self, name: &str, now: Instant) -> Arc<Notify> {
        let entry = self.entry(name, now);
        // Nobody forgets it between this and the wait.
        entry.asked_at = now;
        Arc::clone(&entry.told)
    }

    fn verdict(&mut self, name: &str, begun: Instant, now: Instant) -> Verdict {
        let entry = self.entry(name, now);
        entry.asked_at = now;
        entry.known.verdict(begun, now)
    }

    fn pending_since(&self, name: &str, now: Instant) -> Instant {
        let entry = self.names.get(name);
        entry.and_then(|entry| entry.pending_since).unwrap_or(now)
    }

    /// Has a name looked up that is not being yet. Whether that begins now; if not, its turn comes.
    fn ask_for(&mut self, name: &str, asker: TenantSlot, now: Instant) -> bool {
        let entry = self.entry(name, now);
        if entry.pending_since.is_some() {
            return self.hasten(name, asker);
        }
        entry.pending_since = Some(now);
        let may_begin = self.may_begin(asker);
        if may_begin {
            self.running.push(asker);
        } else {
            self.queue.push_back((name.into(), asker));
        }
        may_begin
    }

    /// A name whose turn has not come, because whoever asked first has others that take their time, is
    /// looked up for this one. Whether that begins now.
    fn hasten(&mut self, name: &str, asker: TenantSlot) -> bool {
        let is_it = |(queued, _): &(Box<str>, TenantSlot)| **queued == *name;
        let queued = self.queue.iter().position(is_it);
        let Some(at) = queued.filter(|_| self.may_begin(asker)) else {
            return false;
        };
        self.queue.remove(at);
        self.running.push(asker);
        true
    }

    fn may_begin(&self, asker: TenantSlot) -> bool {
        let own = self.running.iter().filter(|known| **known == asker);
        self.running.len() < LOOKUPS_COUNT_MAX && own.count() < LOOKUPS_PER_TENANT_COUNT_MAX
    }

    /// The first that waits and may begin; from now on it is under way.
    fn take_next(&mut self) -> Option<(Box<str>, TenantSlot)> {
        let at = self
            .queue
            .iter()
            .position(|(_, asker)| self.may_begin(*asker))?;
        let next = self.queue.remove(at)?;
        self.running.push(next.1);
        Some(next)
    }
}

impl Entry {
    fn settle(
        &mut self,
        name: &str,
        found: io::Result<Vec<SocketAddr>>,
        ages: NameAges,
        now: Instant,
        all: &AtomicU64,
    ) {
        let has_failed = self.known.has_failed();
        self.pending_since = None;
        if self.known.settle(found, ages, now) {
            self.version += 1;
            all.fetch_add(1, Ordering::AcqRel);
            let addresses = self.known.addresses().iter().map(SocketAddr::ip);
            let addresses: Vec<IpAddr> = addresses.collect();
            tracing::info!(name, ?addresses, "a name has other addresses");
        }
        if self.known.has_failed() && !has_failed && !self.known.addresses().is_empty() {
            tracing::warn!(name, "a name cannot be looked up; its last addresses stay");
        }
        self.told.notify_waiters();
    }
}

fn ages(node: &config::Node) -> NameAges {
    NameAges {
        answer_max: node.dns_max_ttl,
        failure_max: node.dns_nxdomain_ttl,
    }
}

fn at_port(mut addresses: Vec<SocketAddr>, port: u16) -> Vec<SocketAddr> {
    for address in &mut addresses {
        address.set_port(port);
    }
    addresses
}
