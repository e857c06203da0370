//! The pools of one tenant, database and user at its replicas, and which of them a read goes to.
//!
//! They live on the worker of the primary's pool, and are made at their first use. What is known of
//! the endpoints is taken over from the [`Topology`] when there is news of it, so that a choice costs
//! no lock.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::config::Consistency;
use crate::config::Role;
use crate::config::Route;
use crate::limits::POSITION_REFUSALS_MAX;
use crate::limits::POSITION_REFUSED_PAUSE;
use crate::pool::EndpointCounters;
use crate::pool::Home;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::PoolKey;
use crate::pool::Reported;
use crate::pool::shapes::Shapes;
use crate::routing::Life;
use crate::routing::Lsn;
use crate::routing::Past;
use crate::routing::Preferences;
use crate::routing::Reader;
use crate::routing::Readers;
use crate::routing::Rule;
use crate::routing::Target;
use crate::routing::TenantFloor;
use crate::routing::Topology;
use crate::routing::Wish;
use crate::tenancy::Tenant;

/// Where the reads of one pool's clients may go.
#[derive(Debug)]
pub struct Reads {
    topology: Arc<Topology>,
    preferences: Preferences,
    /// Some replica keeps servers ready that nobody has asked for.
    keeps_ready: bool,
    readers: RefCell<Readers>,
    /// Where the primary's pool has last been, and the counters of that.
    at_primary: RefCell<Option<AtPrimary>>,
    /// By the place of their endpoints in the configuration.
    pools: RefCell<Vec<Option<Rc<Pool>>>>,
    /// Texts that a replica has refused to run, by their shapes.
    refused: RefCell<Shapes>,
    /// What blocks have begun with that wrote later.
    before_writes: RefCell<Shapes>,
    random: Cell<u32>,
    /// The primary does not say how far it has come, and is not asked until then.
    mute_until: Cell<Option<Instant>>,
    /// How often in a row it has not said it.
    position_refusals: Cell<u32>,
}

#[derive(Debug)]
struct AtPrimary {
    endpoint: Option<Arc<config::Endpoint>>,
    counters: Rc<EndpointCounters>,
}

/// Where one read goes.
#[derive(Debug)]
pub struct Way {
    /// There.
    pub to: Destination,
    /// Why.
    pub rule: Rule,
}

/// Where one read goes.
#[derive(Debug)]
pub enum Destination {
    /// To the primary.
    Primary,
    /// To a replica.
    Replica(Replica),
    /// It waits until a replica has replayed what it must see, or will not in time.
    Later {
        /// The wait.
        wait: Wait,
        /// The counters of that replica.
        counters: Rc<EndpointCounters>,
    },
}

/// Where a read goes that goes to a replica.
#[derive(Debug)]
pub struct Replica {
    /// The pool of its servers.
    pub pool: Rc<Pool>,
    /// The counters of the endpoint.
    pub counters: Rc<EndpointCounters>,
    /// The life in which it was found to be fit.
    pub life: Life,
    /// When it was asked. Servers that were opened after that may be of another life.
    pub asked_at: Instant,
}

/// Ends when a replica has replayed something, or will not in time.
pub struct Wait(Pin<Box<dyn Future<Output = ()>>>);

impl Wait {
    /// Whether it is over.
    pub fn poll(&mut self, context: &mut Context<'_>) -> bool {
        self.0.as_mut().poll(context).is_ready()
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Wait")
    }
}

impl Reads {
    /// Where reads may go; `None` if there is nowhere to go but the primary.
    pub(super) fn of(home: &Home, tenant: &Arc<Tenant>, key: &PoolKey) -> Option<Rc<Self>> {
        if key.endpoint().is_some() || key.is_dedicated() {
            return None;
        }
        let config = tenant.config();
        let mut endpoints = config.endpoints.iter();
        let may_read = endpoints.any(|endpoint| endpoint.role != Role::Primary);
        let is_off = config.user(key.user()).pool.route == Route::Primary;
        if !may_read || config.endpoints.len() < 2 || is_off {
            return None;
        }
        home.routes
            .keep_configured(tenant.slot(), &config.endpoints);
        let mut random = [0; 4];
        (home.random)(&mut random);
        Some(Rc::new(Self {
            topology: home.topologies.of(tenant)?,
            preferences: Preferences::of(&home.region, &config),
            keeps_ready: config.endpoints.iter().any(|one| keeps_ready(one)),
            readers: RefCell::new(Readers::new()),
            at_primary: RefCell::default(),
            pools: RefCell::default(),
            refused: RefCell::default(),
            before_writes: RefCell::default(),
            random: Cell::new(u32::from_ne_bytes(random) | 1),
            mute_until: Cell::default(),
            position_refusals: Cell::default(),
        }))
    }

    /// What a tenant's clients tell of what they write; `None` if there is no replica to read it from.
    pub(super) fn floor_of(home: &Home, tenant: &Arc<Tenant>) -> Option<Arc<TenantFloor>> {
        let config = tenant.config();
        let mut endpoints = config.endpoints.iter();
        let is_needed = endpoints.any(|endpoint| endpoint.role != Role::Primary);
        let topology = home.topologies.of(tenant).filter(|_| is_needed)?;
        Some(Arc::clone(topology.floor()))
    }

    /// What is known of the tenant's endpoints, on all workers.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Where a read goes of a client of the primary's pool.
    pub fn choose(&self, primary: &Rc<Pool>, wish: &Wish, past: &mut Past, now: Instant) -> Way {
        if wish.consistency == Consistency::Tenant {
            self.topology.floor().demand();
        }
        let mut readers = self.readers.borrow_mut();
        self.refresh(&mut readers, now);
        let pools = self.pools.borrow();
        let outstanding = |index: usize| {
            let pool = pools.get(index).and_then(Option::as_ref);
            pool.map_or(0, |pool| pool.outstanding())
        };
        let choice = readers.choose(wish, past, outstanding, self.draw(), now);
        drop(pools);
        let to = match choice.target {
            Target::Primary => None,
            Target::Replica(index) => self.replica(primary, &readers, index),
            Target::Await {
                index,
                floor,
                limit,
            } => self.wait(primary, &readers, index, floor, limit),
        };
        if matches!(choice.rule, Rule::AllBehind | Rule::Unproven) {
            // The next read may be served by what is known then.
            self.topology.want_news(now);
        } else if choice.rule == Rule::NoneFit {
            // Perhaps nobody has asked them for a while.
            self.topology.note_use(now);
        }
        Way {
            to: to.unwrap_or(Destination::Primary),
            rule: choice.rule,
        }
    }

    /// Takes over what has become known of endpoints.
    #[inline]
    fn refresh(&self, readers: &mut Readers, now: Instant) {
        if !readers.refresh(&self.topology, &self.preferences, now) {
            return;
        }
        self.keep_only_used();
        let pools = self.pools.borrow();
        for (pool, reader) in pools.iter().zip(readers.iter()) {
            if let Some(pool) = pool {
                pool.stay_at(reader.address, now);
            }
        }
    }

    fn replica(&self, primary: &Rc<Pool>, readers: &Readers, index: usize) -> Option<Destination> {
        let reader = readers.get(index)?;
        let pool = self.pool(primary, index, reader);
        Some(Destination::Replica(Replica {
            counters: Rc::clone(pool.routes.as_ref()?),
            pool,
            life: reader.life?,
            asked_at: reader.asked_at?,
        }))
    }

    fn wait(
        &self,
        primary: &Rc<Pool>,
        readers: &Readers,
        index: usize,
        floor: Lsn,
        limit: Duration,
    ) -> Option<Destination> {
        let reader = readers.get(index)?;
        let life = reader.life?;
        let topology = Arc::clone(&self.topology);
        let wait = Wait(Box::pin(async move {
            // Whether it has or not, the choice is made anew.
            let _has_reached = topology.reaches(life, floor, limit).await;
        }));
        let pool = self.pool(primary, index, reader);
        let counters = Rc::clone(pool.routes.as_ref()?);
        Some(Destination::Later { wait, counters })
    }

    /// The counters of the endpoint that the primary's pool is at; if that is nowhere at the moment, of
    /// where it was last.
    pub fn at_primary(&self, primary: &Pool) -> Rc<EndpointCounters> {
        let endpoint = primary.endpoint.borrow();
        let mut known = self.at_primary.borrow_mut();
        let is_same = |known: &AtPrimary| match (&known.endpoint, &*endpoint) {
            (Some(known), Some(endpoint)) => Arc::ptr_eq(known, endpoint),
            (None, Some(_)) => false,
            (_, None) => true,
        };
        if let Some(known) = known.as_ref().filter(|known| is_same(known)) {
            return Rc::clone(&known.counters);
        }
        let name = endpoint.as_ref().map_or(PRIMARY, |endpoint| &endpoint.name);
        let counters = primary.home.routes.of(primary.key.tenant(), name);
        *known = Some(AtPrimary {
            endpoint: endpoint.clone(),
            counters: Rc::clone(&counters),
        });
        counters
    }

    /// Whether a place in the write-ahead log counts that a server of the primary tells, whose connection
    /// was opened at this moment.
    pub fn vouch_for_primary(&self, opened_at: Instant, now: Instant) -> bool {
        let mut readers = self.readers.borrow_mut();
        self.refresh(&mut readers, now);
        readers.vouch_for_primary(opened_at)
    }

    /// Whether the primary has lately refused to say how far it has come.
    pub fn is_mute(&self, now: Instant) -> bool {
        self.mute_until.get().is_some_and(|until| now < until)
    }

    /// Whether the primary has said how far it has come. One that is disturbed now and then is asked
    /// again, one that never says it is not.
    pub fn position_told(&self, is_told: bool, now: Instant) {
        let refusals = if is_told {
            0
        } else {
            self.position_refusals.get() + 1
        };
        self.position_refusals.set(refusals);
        if refusals >= POSITION_REFUSALS_MAX {
            self.position_refusals.set(0);
            self.mute_until.set(Some(now + POSITION_REFUSED_PAUSE));
        }
    }

    /// Whether a replica in this life can still serve a client who wants this of its reads.
    pub fn is_still_fit(&self, life: Life, wish: &Wish, past: &mut Past, now: Instant) -> bool {
        let mut readers = self.readers.borrow_mut();
        self.refresh(&mut readers, now);
        readers.is_still_fit(life, wish, past, now)
    }

    /// A replica has refused to run a text of this shape: it writes after all.
    pub fn refuse(&self, shape: u64) {
        self.refused.borrow_mut().insert(shape);
    }

    /// Whether a replica has refused to run a text of the shape that `shape` gives.
    pub fn is_refused(&self, shape: impl FnOnce() -> u64) -> bool {
        self.refused.borrow().has(shape)
    }

    /// A transaction block that began with a text of this shape wrote later.
    pub fn remember_before_writes(&self, shape: u64) {
        self.before_writes.borrow_mut().insert(shape);
    }

    /// Whether a block has begun with a text of the shape that `shape` gives and wrote later.
    pub fn precedes_writes(&self, shape: impl FnOnce() -> u64) -> bool {
        self.before_writes.borrow().has(shape)
    }

    /// How many shapes are known to be refused: what was judged before is judged anew after a change.
    pub fn refusals(&self) -> usize {
        self.refused.borrow().len()
    }

    fn pool(&self, primary: &Rc<Pool>, index: usize, reader: &Reader) -> Rc<Pool> {
        let endpoint = &reader.endpoint;
        let mut pools = self.pools.borrow_mut();
        if pools.len() <= index {
            pools.resize(index + 1, None);
        }
        let known = pools.get(index).and_then(Option::as_ref);
        if let Some(pool) = known.filter(|pool| pool.key.endpoint() == Some(&*endpoint.name)) {
            return Rc::clone(pool);
        }
        let pool = primary.home.pool_at(primary, endpoint);
        pool.stay_at(reader.address, Instant::now());
        if let Some(place) = pools.get_mut(index) {
            *place = Some(Rc::clone(&pool));
        }
        pool
    }

    /// Makes the pools of replicas that keep servers ready, which they do by themselves.
    fn make_ready(&self, primary: &Rc<Pool>, now: Instant) {
        let mut readers = self.readers.borrow_mut();
        self.refresh(&mut readers, now);
        for (index, reader) in readers.iter().enumerate() {
            let is_fit = !reader.is_primary && reader.unfit_now(now).is_none();
            if is_fit && keeps_ready(&reader.endpoint) {
                drop(self.pool(primary, index, reader));
            }
        }
    }

    /// Pools that nobody uses can be forgotten by the worker.
    pub(super) fn keep_only_used(&self) {
        for place in self.pools.borrow_mut().iter_mut() {
            if place.as_ref().is_some_and(|pool| pool.is_unused()) {
                *place = None;
            }
        }
    }

    /// The next number of a sequence that is random enough to share work by: xorshift32, by Marsaglia.
    fn draw(&self) -> u32 {
        let mut number = self.random.get();
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
        self.random.set(number);
        number
    }
}

impl Pool {
    /// A client of its own, that says no more of it, is about to hear that a transaction is over.
    #[inline]
    pub fn note_write(&self) {
        let floor = self.floor.borrow();
        if let Some(floor) = floor.as_ref().filter(|floor| floor.is_demanded()) {
            // The next look at the primary tells how far it has come with it.
            drop(floor.wrote());
        }
    }

    /// Has replicas keep servers ready that do so while it has clients.
    pub(super) fn keep_replicas_ready(self: &Rc<Self>, now: Instant) {
        if self.clients.get() == 0 {
            return;
        }
        if let Some(reads) = self.reads().filter(|reads| reads.keeps_ready) {
            reads.make_ready(self, now);
        }
    }

    /// Whether reads of its clients may go anywhere else than to the primary.
    #[inline]
    pub fn has_reads(&self) -> bool {
        self.reads.borrow().is_some()
    }

    /// Where the reads of its clients may go; `None` if only to the primary.
    pub fn reads(&self) -> Option<Rc<Reads>> {
        self.reads.borrow().as_ref().map(Rc::clone)
    }

    /// How many of its servers work, are about to, or are waited for.
    fn outstanding(&self) -> u32 {
        let idle = u32::try_from(self.idle.borrow().len()).unwrap_or(u32::MAX);
        let waiting = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        self.opened.get().saturating_sub(idle) + waiting
    }
}

fn keeps_ready(endpoint: &config::Endpoint) -> bool {
    endpoint.min_pool_size.is_some_and(|minimum| minimum > 0)
}

/// What the primary is called that was never known.
const PRIMARY: &str = "primary";

/// Parameters that change what a query returns, and that servers report at login.
const ALIKE: [&str; 8] = [
    "client_encoding",
    "DateStyle",
    "integer_datetimes",
    "IntervalStyle",
    "search_path",
    "server_encoding",
    "standard_conforming_strings",
    "TimeZone",
];

impl Pool {
    /// Whether a server of a replica answers as the primary would.
    ///
    /// # Errors
    ///
    /// [`PoolError::OtherSettings`]: its configuration is another one.
    pub(super) fn check_alike(&self, reported: &Reported) -> Result<(), PoolError> {
        let Some(primary) = self.primary.upgrade() else {
            return Ok(());
        };
        let welcomes = primary.welcomes.borrow();
        for name in ALIKE {
            let theirs = reported.iter().find(|(known, _)| **known == *name);
            let (Some((_, theirs)), Some(ours)) = (theirs, welcomes.last_reported(name)) else {
                continue;
            };
            if **theirs != *ours {
                return Err(PoolError::OtherSettings {
                    name,
                    replica: theirs.to_string(),
                    primary: ours.to_owned(),
                });
            }
        }
        Ok(())
    }
}
