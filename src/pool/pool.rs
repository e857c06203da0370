//! The servers of one tenant, database and user, and the clients that wait for them.
//!
//! ```text
//!            open                    checkout                release, clean
//!   (none) ───────▶ login ──▶ idle ───────────▶ active ───────────────────▶ idle
//!                     │         │                  │ release, a cancel on its way
//!                     │ fails   │ too old          ├──────────▶ being_canceled ──▶ idle
//!                     ▼         ▼                  ▼ dropped, unclean
//!                  outage     closed             closed
//! ```
//!
//! Invariants, each kept by the one function that changes the counts:
//! `connecting <= opened`; a server waits in `idle` only while for
//! everybody in `waiting` another one is on its way.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::rc::Weak;
use std::sync::Arc;

use tidegate_proto::startup::Replication;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::auth::ClientKeys;
use crate::config;
use crate::pool::EndpointCounters;
use crate::pool::Home;
use crate::pool::PoolError;
use crate::pool::PoolKey;
use crate::pool::Reads;
use crate::pool::Server;
use crate::pool::ServerCard;
use crate::pool::Statements;
use crate::pool::Welcomes;
use crate::pool::age::AgeLimit;
use crate::pool::failover::Lookout;
use crate::pool::functions::FunctionView;
use crate::pool::moved::NameWatch;
use crate::pool::queue::Queue;
use crate::pool::siblings::Asks;
use crate::routing::TenantFloor;
use crate::sql::FamiliarTexts;
use crate::telemetry::Counters;
use crate::tenancy::Claim;
use crate::tenancy::PoolCounts;
use crate::tenancy::ServerAccount;
use crate::tenancy::Shard;
use crate::tenancy::Tenant;

/// One pool.
pub struct Pool {
    /// The worker's state that it lives in.
    pub home: Rc<Home>,
    /// Its name.
    pub key: PoolKey,
    /// What its servers' sessions begin with.
    pub session: ServerSession,
    /// Whose it is.
    pub tenant: Arc<Tenant>,
    /// The counters of its database on this worker.
    pub counters: Rc<Counters>,
    /// The clients that belong to it.
    pub clients: Cell<u32>,
    /// What servers said at login, and what they made of clients' startup parameters.
    pub welcomes: RefCell<Welcomes>,
    /// Texts that its clients say again and again.
    pub familiar: RefCell<FamiliarTexts>,
    /// The prepared statements that its clients share, at whatever endpoint.
    pub statements: Rc<RefCell<Statements>>,
    /// The keys that a client's SCRAM login proved, to log in to servers with, at whatever endpoint.
    pub client_keys: Rc<RefCell<Option<ClientKeys>>>,
    pub(super) user: RefCell<Arc<config::User>>,
    pub(super) endpoint: RefCell<Option<Arc<config::Endpoint>>>,
    /// The primary's pool of the same clients, if this one is at a replica.
    pub(super) primary: Weak<Self>,
    /// How often rounds went to its servers, if it is at a replica.
    pub(super) routes: Option<Rc<EndpointCounters>>,
    /// How many pools at replicas share its statements.
    pub(super) replicas: Cell<u32>,
    /// Where the reads of its clients may go.
    pub(super) reads: RefCell<Option<Rc<Reads>>>,
    /// What its clients write is told to whoever reads by that at a replica.
    pub(super) floor: RefCell<Option<Arc<TenantFloor>>>,
    /// What is found out about the tenant's endpoints.
    pub(super) lookout: RefCell<Lookout>,
    /// What is known of the name that its servers are reached by.
    pub(super) name_watch: NameWatch,
    /// What is known of the functions that its clients call.
    pub(super) functions: FunctionView,
    pub(super) idle: RefCell<VecDeque<Box<Server>>>,
    pub(super) queue: Rc<Queue>,
    /// Clean servers that a cancel request is still on its way to.
    pub(super) canceled: RefCell<VecDeque<Box<Server>>>,
    pub(super) cards: RefCell<Vec<Rc<ServerCard>>>,
    /// `server_lifetime`, of those that come back.
    pub(super) lifetime: AgeLimit,
    /// `server_check_delay`, of those that are lent.
    pub(super) check_delay: AgeLimit,
    /// What it may have, and has, on all workers.
    pub(super) account: ServerAccount,
    /// This worker's part in it.
    pub(super) shard: Shard,
    /// Other workers' wishes for a server, and this one's.
    pub(super) asks: Asks,
    /// What it is short of because of a limit that others share.
    pub(super) claim: RefCell<Option<Claim>>,
    /// No server may be opened: not asked again until one of its own has gone, or at the next tick.
    pub(super) is_full: Cell<bool>,
    /// Servers to be closed as they come back: others have a better claim to them.
    pub(super) owed: Cell<u32>,
    /// Servers here, whether connecting, idle, lent or otherwise.
    pub(super) opened: Cell<u32>,
    pub(super) connecting: Cell<u32>,
    /// Servers that are asked whether they live.
    pub(super) checking: Cell<u32>,
    /// Servers that are none of the pool's any more, and may be running something still.
    pub(super) winding_up: Cell<u32>,
    pub(super) outage: RefCell<Option<Outage>>,
    /// The tasks that open servers, some of which may have ended.
    pub(super) openings: RefCell<Vec<AbortHandle>>,
    /// How often its servers were all let go: one that was being opened meanwhile is of no use.
    pub(super) reconnects: Cell<u64>,
    /// When that was last.
    pub(super) reconnected_at: Cell<Option<Instant>>,
}

/// Its servers know it, and would show it again.
impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pool = formatter.debug_struct("Pool");
        pool.field("key", &self.key).finish_non_exhaustive()
    }
}

/// Settings that servers are logged in to with: none, but for replication.
pub type ServerSession = Box<[(Box<str>, Box<str>)]>;

/// The endpoint could not be reached.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    /// When it began.
    pub(super) since: Instant,
    pub(super) error: Rc<PoolError>,
    pub(super) failures: u32,
    pub(super) retry_at: Instant,
}

/// Where servers are, and whom they are logged in as: those of another login are of no use.
#[derive(Debug, Clone)]
pub(super) struct Login {
    user: Arc<config::User>,
    endpoint: Option<Arc<config::Endpoint>>,
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&self.user, &other.user);
        one.server_user == two.server_user
            && one.server_secret == two.server_secret
            && one.secret == two.secret
            && is_same_place(self.endpoint.as_deref(), other.endpoint.as_deref())
    }
}

/// Whether servers of the one place are as good as servers of the other.
pub(super) fn is_same_place(
    one: Option<&config::Endpoint>,
    other: Option<&config::Endpoint>,
) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_same_place(other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl Pool {
    pub(super) fn new(
        home: &Rc<Home>,
        key: PoolKey,
        session: ServerSession,
        tenant: Arc<Tenant>,
        user: Arc<config::User>,
    ) -> Rc<Self> {
        Rc::new(Self::build(home, key, session, tenant, user))
    }

    /// The pool of the same database and user at one endpoint.
    pub(super) fn at(primary: &Rc<Self>, key: PoolKey) -> Rc<Self> {
        let (session, tenant) = (primary.session.clone(), Arc::clone(&primary.tenant));
        let endpoint = key.endpoint().unwrap_or_default();
        let routes = primary.home.routes.of(key.tenant(), endpoint);
        let mut pool = Self::build(&primary.home, key, session, tenant, primary.user());
        pool.routes = Some(routes);
        pool.primary = Rc::downgrade(primary);
        pool.statements = Rc::clone(&primary.statements);
        pool.client_keys = Rc::clone(&primary.client_keys);
        Rc::new(pool)
    }

    fn build(
        home: &Rc<Home>,
        key: PoolKey,
        session: ServerSession,
        tenant: Arc<Tenant>,
        user: Arc<config::User>,
    ) -> Self {
        let (lookout, endpoint) = Lookout::of(home, &tenant, &key);
        let counts = if key.is_dedicated() {
            Arc::new(PoolCounts::default())
        } else {
            tenant.pool_counts(key.database(), key.user(), key.endpoint())
        };
        let reads = Reads::of(home, &tenant, &key);
        let floor = Reads::floor_of(home, &tenant);
        Self {
            account: ServerAccount::new(&home.node, &tenant, key.user(), &counts),
            shard: counts.join(home.worker),
            home: Rc::clone(home),
            counters: home.counters.database(tenant.slot(), key.database()),
            key,
            session,
            tenant,
            clients: Cell::new(0),
            welcomes: RefCell::default(),
            familiar: RefCell::default(),
            statements: Rc::default(),
            client_keys: Rc::default(),
            user: RefCell::new(user),
            endpoint: RefCell::new(endpoint),
            primary: Weak::new(),
            replicas: Cell::new(0),
            routes: None,
            reads: RefCell::new(reads),
            floor: RefCell::new(floor),
            lookout: RefCell::new(lookout),
            name_watch: NameWatch::default(),
            functions: FunctionView::default(),
            idle: RefCell::default(),
            queue: Rc::default(),
            canceled: RefCell::default(),
            cards: RefCell::default(),
            lifetime: AgeLimit::default(),
            check_delay: AgeLimit::default(),
            asks: Asks::default(),
            claim: RefCell::default(),
            is_full: Cell::new(false),
            owed: Cell::new(0),
            opened: Cell::new(0),
            connecting: Cell::new(0),
            checking: Cell::new(0),
            winding_up: Cell::new(0),
            outage: RefCell::default(),
            openings: RefCell::default(),
            reconnects: Cell::new(0),
            reconnected_at: Cell::new(None),
        }
    }

    /// The user that its clients are, with the settings of the pool.
    pub fn user(&self) -> Arc<config::User> {
        Arc::clone(&self.user.borrow())
    }

    /// Where its servers are; `None` if the tenant has lost its primary.
    pub fn endpoint(&self) -> Option<Arc<config::Endpoint>> {
        self.endpoint.borrow().clone()
    }

    /// What the console shows of its servers.
    pub fn server_cards(&self) -> Vec<Rc<ServerCard>> {
        self.cards.borrow().iter().map(Rc::clone).collect()
    }

    /// What its servers replicate.
    pub fn replication(&self) -> Replication {
        let mut settings = self.session.iter();
        let setting = settings.find(|(name, _value)| &**name == "replication");
        let wanted = setting.and_then(|(_name, value)| Replication::from_value(value.as_bytes()));
        wanted.unwrap_or_default()
    }

    /// How many statements each of its servers may keep prepared.
    pub fn statements_max(&self) -> usize {
        usize::try_from(self.user.borrow().pool.max_prepared_statements).unwrap_or(usize::MAX)
    }

    /// Whether clients share what unnamed statements are parsed to.
    pub fn shares_unnamed_statements(&self) -> bool {
        let settings = &self.user.borrow().pool;
        settings.share_unnamed_statements && settings.max_prepared_statements > 0
    }

    /// How many of its servers are being connected, in servers.
    pub fn connecting(&self) -> u32 {
        self.connecting.get()
    }

    /// How many clients wait, and since when the first of them does.
    pub fn waiting(&self) -> (usize, Option<Instant>) {
        (self.queue.len(), self.queue.first_since())
    }

    /// Whether it has no client and no server, nor one that is being wound up: it can be forgotten.
    pub fn is_unused(&self) -> bool {
        let servers = self.opened.get() + self.winding_up.get();
        // Clients that wait for a replica's server belong to the primary's pool.
        self.clients.get() == 0 && servers == 0 && self.queue.is_empty()
    }

    /// Servers that are connected.
    pub(super) fn live(&self) -> u32 {
        debug_assert!(self.connecting.get() <= self.opened.get());
        self.opened.get() - self.connecting.get()
    }

    /// Where, and as whom, its servers are logged in.
    pub(super) fn login(&self) -> Login {
        Login {
            user: self.user(),
            endpoint: self.endpoint(),
        }
    }

    /// Takes over the tenant's configuration of the moment.
    pub(super) fn reload(self: &Rc<Self>, now: Instant) {
        let tenant = self.tenant.config();
        let mut lookout = self.lookout.borrow_mut();
        let endpoint = lookout.reload(&self.home, &self.tenant, &self.key);
        drop(lookout);
        *self.floor.borrow_mut() = Reads::floor_of(&self.home, &self.tenant);
        *self.reads.borrow_mut() = Reads::of(&self.home, &self.tenant, &self.key);
        let user = tenant.user(self.key.user());
        if !tenant.may_have(self.key.user()) {
            // What its clients have proven proves nothing any more.
            *self.client_keys.borrow_mut() = None;
        }
        let login = |user, endpoint| Login { user, endpoint };
        let is_same_login = self.login() == login(Arc::clone(&user), endpoint.clone());
        *self.user.borrow_mut() = user;
        *self.endpoint.borrow_mut() = endpoint;
        if !is_same_login || self.tenant.is_gone() {
            self.reconnect(now);
        }
        self.strand_at_reload();
        self.reload_functions();
        self.is_full.set(false);
        *self.outage.borrow_mut() = None;
        self.refill(now);
    }

    /// Lets every server go as it comes back, so that new ones are opened: `RECONNECT`.
    pub fn reconnect(self: &Rc<Self>, now: Instant) {
        self.reconnects.set(self.reconnects.get() + 1);
        self.reconnected_at.set(Some(now));
        for card in self.cards.borrow().iter() {
            card.close_needed.set(true);
        }
        for opening in self.openings.borrow_mut().drain(..) {
            // Where it leads, nobody wants to be any more.
            opening.abort();
        }
        self.welcomes.borrow_mut().forget();
        self.close_idle();
    }
}
