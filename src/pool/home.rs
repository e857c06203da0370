//! What one worker owns: its pools, its scratch buffers, its counters.
//!
//! Everything here is touched by one thread only; what several workers share is behind the `Arc`s
//! of the node and the tenants, and is touched when a connection opens or closes, never in a
//! transaction.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use crate::auth::DerivedKeys;
use crate::config;
use crate::limits::SCRATCH_BUFFER_BYTES;
use crate::net::Pipes;
use crate::pool::Catalogs;
use crate::pool::Clock;
use crate::pool::Dial;
use crate::pool::Parcel;
use crate::pool::Pool;
use crate::pool::PoolKey;
use crate::pool::Post;
use crate::pool::RouteCounters;
use crate::pool::ServerCard;
use crate::pool::ServerSession;
use crate::pool::ServerTlsCache;
use crate::pool::Sleepers;
use crate::pool::SpareBuffers;
use crate::routing::Topologies;
use crate::telemetry::TenantSlot;
use crate::telemetry::WorkerCounters;
use crate::tenancy::LimitScope;
use crate::tenancy::NodeCounts;
use crate::tenancy::Tenant;

/// Fills a buffer with random bytes fit for keys.
pub type Randomness = fn(&mut [u8]);

/// What a worker is surrounded by: chance, and the ways out of its thread.
#[derive(Debug)]
pub struct Surroundings {
    /// Where keys come from.
    pub random: Randomness,
    /// How servers are reached.
    pub dial: Box<dyn Dial>,
    /// How other workers are reached.
    pub post: Box<dyn Post>,
    /// What the names of statements on servers begin with. The same on all workers of a node, since
    /// servers move between them; random, so that no client's own name begins so.
    pub statement_prefix: Arc<str>,
    /// What is known of tenants' endpoints.
    pub topologies: Arc<Topologies>,
    /// What is known of databases' functions.
    pub catalogs: Arc<Catalogs>,
    /// The databases that may sleep.
    pub sleepers: Arc<Sleepers>,
    /// Where this node runs; empty if nobody says.
    pub region: Arc<str>,
}

/// What one worker owns.
#[derive(Debug)]
pub struct Home {
    /// Which worker this is.
    pub worker: usize,
    /// The counts that all workers share.
    pub node: Arc<NodeCounts>,
    /// Counters by tenant, of this worker alone.
    pub counters: Rc<WorkerCounters>,
    /// How often rounds of clients went where, on this worker alone.
    pub routes: RouteCounters,
    /// What the sessions of this worker are timed by.
    pub clock: Clock,
    /// Where keys come from.
    pub random: Randomness,
    /// How servers are reached.
    pub dial: Box<dyn Dial>,
    /// How other workers are reached.
    pub post: Box<dyn Post>,
    /// Clients whose sessions are closing, by their numbers; some may have gone.
    pub closing: RefCell<Vec<u64>>,
    /// What huge messages pass through.
    pub pipes: Rc<Pipes>,
    /// TLS towards servers, made once per set of files.
    pub server_tls: Rc<ServerTlsCache>,
    /// What is known of tenants' endpoints, on all workers.
    pub topologies: Arc<Topologies>,
    /// What is known of databases' functions, on all workers.
    pub(super) catalogs: Arc<Catalogs>,
    /// The databases that may sleep, for all workers.
    pub(super) sleepers: Arc<Sleepers>,
    /// Where this node runs; empty if nobody says.
    pub(super) region: Arc<str>,
    /// The slow part of SCRAM logins to servers, remembered.
    pub(super) derived_keys: RefCell<DerivedKeys>,
    statement_prefix: Arc<str>,
    scratch: RefCell<Scratch>,
    sql: RefCell<String>,
    /// In an order of their own, so that what happens to all of them happens in the same order each
    /// time: a simulated world can be replayed.
    pools: RefCell<BTreeMap<PoolKey, Rc<Pool>>>,
}

/// A prefix for the names of statements, of this node and of no client.
pub fn statement_prefix(random: Randomness) -> Arc<str> {
    let mut own = [0; 4];
    random(&mut own);
    let own = u32::from_ne_bytes(own);
    format!("tidegate_{own:08x}_").into()
}

/// Buffers that are used within one poll.
#[derive(Debug)]
pub struct Scratch {
    /// What was read.
    pub read: Box<[u8]>,
    /// What is injected before it, or replaces it.
    pub injected: Vec<u8>,
    /// For what must be kept across an await after all.
    pub spare: SpareBuffers,
}

impl Home {
    /// The empty home of a worker.
    pub fn new(worker: usize, node: Arc<NodeCounts>, surroundings: Surroundings) -> Rc<Self> {
        let Surroundings {
            random,
            dial,
            post,
            statement_prefix,
            topologies,
            catalogs,
            sleepers,
            region,
        } = surroundings;
        let mut digest_key = [0; 32];
        random(&mut digest_key);
        Rc::new(Self {
            derived_keys: RefCell::new(DerivedKeys::new(digest_key)),
            statement_prefix,
            topologies,
            catalogs,
            sleepers,
            region,
            worker,
            node,
            counters: Rc::default(),
            routes: RouteCounters::default(),
            clock: Clock::default(),
            closing: RefCell::default(),
            pipes: Rc::default(),
            random,
            dial,
            post,
            server_tls: Rc::default(),
            scratch: RefCell::new(Scratch {
                read: vec![0; SCRATCH_BUFFER_BYTES].into_boxed_slice(),
                injected: Vec::new(),
                spare: SpareBuffers::default(),
            }),
            sql: RefCell::default(),
            pools: RefCell::default(),
        })
    }

    /// The scratch buffers, for the length of one synchronous step.
    #[inline]
    pub fn scratch(&self) -> std::cell::RefMut<'_, Scratch> {
        self.scratch.borrow_mut()
    }

    /// Room to write a query of the pooler's own in.
    pub fn sql(&self) -> std::cell::RefMut<'_, String> {
        self.sql.borrow_mut()
    }

    /// What the names of statements on servers begin with: no client's own name does.
    pub fn statement_prefix(&self) -> &str {
        &self.statement_prefix
    }

    /// A number for a client or a server, unique in this process.
    pub fn next_id(&self) -> u64 {
        self.node.next_id()
    }

    /// The pool of a tenant, database and user, made at its first use.
    pub fn pool(
        self: &Rc<Self>,
        tenant: &Arc<Tenant>,
        database: &str,
        user: &Arc<config::User>,
    ) -> Rc<Pool> {
        self.pool_named(&PoolKey::new(tenant, database, &user.name), tenant, user)
    }

    /// The same by its key, which is of that tenant and user.
    pub fn pool_named(
        self: &Rc<Self>,
        key: &PoolKey,
        tenant: &Arc<Tenant>,
        user: &Arc<config::User>,
    ) -> Rc<Pool> {
        if let Some(pool) = self.pools.borrow().get(key) {
            return Rc::clone(pool);
        }
        self.pool_with(key.clone(), tenant, user, ServerSession::default())
    }

    /// A pool for one client alone, whose servers are logged in to with settings of that client:
    /// replication. They are never lent to another.
    pub fn dedicated_pool(
        self: &Rc<Self>,
        tenant: &Arc<Tenant>,
        database: &str,
        user: &Arc<config::User>,
        session: ServerSession,
    ) -> Rc<Pool> {
        let key = PoolKey::new(tenant, database, &user.name).dedicated_to(self.next_id());
        self.pool_with(key, tenant, user, session)
    }

    /// The pool of the same tenant, database and user at one endpoint, made at its first use.
    pub(super) fn pool_at(&self, primary: &Rc<Pool>, endpoint: &config::Endpoint) -> Rc<Pool> {
        let key = primary.key.at(&endpoint.name);
        let mut pools = self.pools.borrow_mut();
        let pool = pools.entry(key.clone()).or_insert_with(|| {
            primary.replicas.set(primary.replicas.get() + 1);
            Pool::at(primary, key)
        });
        Rc::clone(pool)
    }

    fn pool_with(
        self: &Rc<Self>,
        key: PoolKey,
        tenant: &Arc<Tenant>,
        user: &Arc<config::User>,
        session: ServerSession,
    ) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        let pool = pools
            .entry(key.clone())
            .or_insert_with(|| Pool::new(self, key, session, Arc::clone(tenant), Arc::clone(user)));
        Rc::clone(pool)
    }

    /// Whether there is a pool of this name here.
    pub fn has_pool(&self, key: &PoolKey) -> bool {
        self.pools.borrow().contains_key(key)
    }

    /// All pools of this worker.
    pub fn pools(&self) -> Vec<Rc<Pool>> {
        self.pools.borrow().values().map(Rc::clone).collect()
    }

    /// One round of what happens by time: servers that are too old or idle for too long go, waits
    /// that are over end, pools that nobody uses are forgotten. Returns the names of these,
    /// but for pools of one client alone.
    pub fn tick(&self, now: Instant) -> Vec<PoolKey> {
        let mut forgotten = Vec::new();
        self.suspend_idle(now);
        for pool in self.pools() {
            pool.tick(now);
            if let Some(reads) = pool.reads() {
                reads.keep_only_used();
            }
            // A task may still need it: a cancel request on its way, a check. So may its replicas' pools,
            // which share its statements.
            let is_left = pool.is_unused() && Rc::strong_count(&pool) == 2;
            if is_left && pool.replicas.get() == 0 {
                self.pools.borrow_mut().remove(&pool.key);
                if let Some(primary) = pool.primary.upgrade() {
                    primary.replicas.set(primary.replicas.get() - 1);
                }
                let (key, is_gone) = (pool.key.clone(), pool.tenant.is_gone());
                drop(pool);
                self.counters.retire_database(key.tenant(), key.database());
                if is_gone {
                    // Only the last of its pools takes the tenant along.
                    self.counters.retire(key.tenant());
                    self.routes.forget(key.tenant());
                    self.topologies.forget(key.tenant());
                    self.catalogs.forget(key.tenant());
                }
                if !key.is_dedicated() {
                    forgotten.push(key);
                }
            }
        }
        forgotten
    }

    /// The clients that have a server, by their numbers.
    pub fn lent_to(&self) -> Vec<u64> {
        let mut clients = Vec::new();
        for pool in self.pools.borrow().values() {
            let cards = pool.cards.borrow();
            clients.extend(cards.iter().filter_map(|card| card.client.get()));
        }
        clients
    }

    /// The pool that a server belongs to.
    pub fn pool_of(&self, card: &Rc<ServerCard>) -> Option<Rc<Pool>> {
        let pools = self.pools.borrow();
        let has_it = |pool: &&Rc<Pool>| {
            let cards = pool.cards.borrow();
            cards.iter().any(|known| Rc::ptr_eq(known, card))
        };
        pools.values().find(has_it).map(Rc::clone)
    }

    /// Takes what another worker sends for one of the pools here.
    pub fn receive(&self, parcel: Parcel, now: Instant) {
        let pool = |key| self.pools.borrow().get(key).map(Rc::clone);
        match parcel {
            Parcel::Ask { key, from, held } => {
                if let Some(pool) = pool(&key) {
                    pool.asked(from, held, now);
                }
            },
            // A server whose pool has no part here any more is closed.
            Parcel::Server(traveller) => {
                if let Some(pool) = pool(&traveller.key) {
                    pool.take_in(*traveller, now);
                }
            },
        }
    }

    /// More is known of a tenant's endpoints: its pools go where its primary is.
    pub(super) fn follow(&self, tenant: TenantSlot, now: Instant) {
        let pools = self.pools();
        for pool in pools.iter().filter(|pool| pool.key.tenant() == tenant) {
            pool.follow(now);
        }
    }

    /// Takes over a reloaded configuration: pools whose user, endpoint or tenant changed let their
    /// servers go as they come back.
    pub fn reload(&self, now: Instant) {
        // The files may be others under the same names.
        self.server_tls.forget();
        for pool in self.pools() {
            pool.reload(now);
        }
    }

    /// The machine was asleep: connections may be dead that look alive.
    pub fn resumed(&self) {
        for pool in self.pools() {
            pool.doubt();
        }
    }

    /// Closes an idle server of another pool that shares the limit which was reached, so that its
    /// place can be used.
    pub(super) fn evict_idle(&self, scope: LimitScope, asking: &Pool) -> bool {
        let (tenant, user) = (asking.key.tenant(), asking.key.user());
        let shares = |pool: &&Rc<Pool>| match scope {
            LimitScope::User => pool.key.tenant() == tenant && pool.key.user() == user,
            LimitScope::Tenant => pool.key.tenant() == tenant,
            LimitScope::Node => true,
        };
        let pools = self.pools();
        let mut others = pools.iter().filter(|pool| pool.key != asking.key);
        others.by_ref().filter(shares).any(Pool::evict_idle)
    }

    /// Closes every idle server and forgets every pool: the end of the worker.
    pub fn close(&self) {
        for pool in self.pools() {
            pool.close_unused();
        }
        self.pools.borrow_mut().clear();
    }
}
