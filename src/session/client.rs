//! One client as the rest of the worker sees it: what the console shows, what ends it, what a
//! cancel request finds. The session itself is a task that nobody else touches.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use tokio::time::Instant;

use crate::config::PoolMode;
use crate::config::Route;
use crate::net::AgreedTls;
use crate::pool::Pool;
use crate::pool::ServerCard;
use crate::pool::Settings;
use crate::session::Ending;
use crate::session::HomeSeat;
use crate::session::Registry;
use crate::session::cancel_keys::Granted;
use crate::session::routed::Routed;
use crate::tenancy::ClientPermit;
use crate::tenancy::Origin;

/// The state of a client, in PgBouncer's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientState {
    /// Authenticated; its parameters are being settled.
    Login,
    /// Between transactions, without a server.
    Idle,
    /// With a server.
    Active,
    /// In the queue for a server.
    Waiting,
}

/// One client.
pub struct Client {
    /// A number unique in this process.
    pub id: u64,
    /// Where its servers come from.
    pub pool: Rc<Pool>,
    /// Its two addresses, and what the PROXY header said.
    pub origin: Arc<Origin>,
    /// Our end of the connection; `None` on a unix socket.
    pub local: Option<SocketAddr>,
    /// The database, by the name that it gave.
    pub database_label: Box<str>,
    /// When its server goes back.
    pub mode: PoolMode,
    /// Where its listener sends what it says.
    route: Route,
    /// What TLS was agreed on.
    pub tls: Option<AgreedTls>,
    /// When it was accepted.
    pub connected_at: Instant,
    /// What its session has set; follows it from server to server.
    pub settings: RefCell<Rc<Settings>>,
    /// What its startup packet set: what a reset falls back to.
    pub startup_settings: RefCell<Rc<Settings>>,
    /// How many prepared statements it has names for.
    pub statements: Cell<usize>,
    server: Cell<Option<Rc<ServerCard>>>,
    /// Where its transactions went.
    pub(super) routed: Cell<Routed>,
    /// Its state.
    pub state: Cell<ClientState>,
    /// When the state, or the statement within it, began.
    pub since: Cell<Instant>,
    /// When its transaction began; `None` between transactions, even if it keeps its server.
    pub transaction_since: Cell<Option<Instant>>,
    /// Whether its transaction waits for it to say something.
    pub is_idle_in_transaction: Cell<bool>,
    /// When its session began to close.
    closing_since: Cell<Option<Instant>>,
    is_abandoned: Cell<bool>,
    ending: Cell<Option<Ending>>,
    /// Of the task that it lives in.
    waker: RefCell<Option<Waker>>,
    /// Where it is found by its number.
    pub(super) registry: Rc<Registry>,
    /// What it was given to cancel with.
    pub(super) key: OnceCell<Granted>,
    /// Where it is counted; a client in memory may be nowhere.
    seat: Cell<Option<HomeSeat>>,
    _permit: ClientPermit,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut client = formatter.debug_struct("Client");
        client.field("id", &self.id).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has just proven who it is.
    pub(super) fn new(facts: Facts, permit: ClientPermit, now: Instant) -> Rc<Self> {
        facts.pool.clients.set(facts.pool.clients.get() + 1);
        let bare = facts.pool.welcomes.borrow().bare();
        Rc::new(Self {
            id: facts.pool.home.next_id(),
            pool: facts.pool,
            origin: facts.origin,
            local: facts.local,
            database_label: facts.database_label,
            mode: facts.mode,
            route: facts.route,
            tls: facts.tls,
            connected_at: facts.connected_at,
            settings: RefCell::new(Rc::clone(&bare)),
            startup_settings: RefCell::new(bare),
            statements: Cell::new(0),
            server: Cell::default(),
            routed: Cell::default(),
            state: Cell::new(ClientState::Login),
            since: Cell::new(now),
            transaction_since: Cell::new(None),
            is_idle_in_transaction: Cell::new(false),
            closing_since: Cell::new(None),
            is_abandoned: Cell::new(false),
            ending: Cell::new(None),
            waker: RefCell::default(),
            registry: facts.registry,
            key: OnceCell::new(),
            seat: Cell::default(),
            _permit: permit,
        })
    }

    /// Asks the session to end, for this reason, at the next moment it can say so. The first
    /// reason stays, unless it lets the session finish its transaction and this one does not.
    pub fn end(&self, ending: Ending) {
        let gives_way = |first: Ending| {
            first.waits_for_the_transaction() && !ending.waits_for_the_transaction()
        };
        if self.ending.get().is_none_or(gives_way) {
            self.ending.set(Some(ending));
        }
        self.wake();
    }

    /// The server that it has.
    pub fn server(&self) -> Option<Rc<ServerCard>> {
        let server = self.server.take();
        self.server.set(server.as_ref().map(Rc::clone));
        server
    }

    /// It has this server now, or none.
    #[inline]
    pub(super) fn has(&self, server: Option<&Rc<ServerCard>>) {
        self.server.set(server.map(Rc::clone));
    }

    /// Why the session was asked to end, if it was.
    #[inline]
    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending.get()
    }

    pub(super) fn begin_closing(&self, now: Instant) {
        self.closing_since.set(Some(now));
        self.pool.home.closing.borrow_mut().push(self.id);
    }

    /// When the session began to close, if it has.
    pub(super) fn closing_since(&self) -> Option<Instant> {
        self.closing_since.get()
    }

    /// Gives up on telling the client anything more.
    pub(super) fn abandon(&self) {
        self.is_abandoned.set(true);
        self.wake();
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.get()
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Whether where its rounds go depends on what they do.
    #[inline]
    pub(super) fn may_route(&self) -> bool {
        // In session mode it has its server from its login on.
        self.mode != PoolMode::Session && self.route != Route::Primary
    }

    /// Where its transactions went, if that depended on what they did.
    pub(super) fn routed(&self) -> Option<Routed> {
        let is_routed = self.may_route() && self.pool.has_reads();
        is_routed.then(|| self.routed.get())
    }

    /// Whether it is told that it talks with a standby, wherever its server may be.
    pub(super) fn is_told_of_standby(&self) -> bool {
        self.may_route() && self.route() == Route::Replica && self.pool.reads().is_some()
    }

    /// Where what it says goes, unless it says that itself.
    pub(super) fn route(&self) -> Route {
        match self.route {
            Route::Auto => self.pool.user().pool.route,
            route @ (Route::Primary | Route::Replica) => route,
        }
    }

    /// The time, within a poll of its session.
    #[inline]
    pub(super) fn now(&self) -> Instant {
        self.pool.home.clock.now()
    }

    /// Counts it at its home until it is gone.
    pub(super) fn sit(&self, seat: HomeSeat) {
        self.seat.set(Some(seat));
    }

    /// Keeps the waker of the session's task, which never changes.
    pub(super) fn listen(&self, waker: &Waker) {
        *self.waker.borrow_mut() = Some(waker.clone());
    }

    /// The application's name for itself.
    pub fn application_name(&self) -> String {
        let settings = self.settings.borrow();
        settings
            .value("application_name")
            .unwrap_or_default()
            .to_owned()
    }

    /// What `look` makes of the value that the server last reported for a parameter.
    pub(super) fn reported_value(&self, name: &str, look: impl FnOnce(&str) -> bool) -> bool {
        if let Some(value) = self.settings.borrow().value(name) {
            return look(value);
        }
        let welcomes = self.pool.welcomes.borrow();
        welcomes.last_reported(name).is_some_and(look)
    }

    pub(super) fn enter(&self, state: ClientState, now: Instant) {
        self.state.set(state);
        self.since.set(now);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let clients = &self.pool.clients;
        clients.set(clients.get().saturating_sub(1));
        self.pool.left();
        if let Some(seat) = self.seat.take() {
            // A client that replicates has had a pool of its own.
            seat.leave(|key| !self.pool.home.has_pool(key));
        }
    }
}

/// What is known of a client before it is one.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) pool: Rc<Pool>,
    pub(super) registry: Rc<Registry>,
    pub(super) origin: Arc<Origin>,
    pub(super) local: Option<SocketAddr>,
    pub(super) database_label: Box<str>,
    pub(super) mode: PoolMode,
    pub(super) route: Route,
    pub(super) tls: Option<AgreedTls>,
    pub(super) connected_at: Instant,
}
