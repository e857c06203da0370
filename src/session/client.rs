//! One client as the rest of the worker sees it: what the console shows, what ends it, what a
//! cancel request finds. The session itself is a task that nobody else touches.

use std::cell::Cell;
use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;
use std::task::Waker;

use tokio::time::Instant;

use crate::config::PoolMode;
use crate::config::Route;
use crate::net::AgreedTls;
use crate::pool::Pool;
use crate::pool::ServerCard;
use crate::pool::Settings;
use crate::session::CancelKey;
use crate::session::Ending;
use crate::session::Entrance;
use crate::session::HomeSeat;
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

/// One client: what changes while its session lasts.
///
/// A node has many that are idle, and this is most of what each takes here.
pub struct Client {
    /// Where its servers come from.
    pub pool: Rc<Pool>,
    /// What does not change.
    pub facts: Facts,
    /// What its session has set; follows it from server to server. `None` is nothing.
    settings: Cell<Option<Rc<Settings>>>,
    server: Cell<Option<Rc<ServerCard>>>,
    /// When the state, or the statement within it, began; then, when its session began to close.
    pub since: Cell<Instant>,
    /// When its transaction began; `None` between transactions, even if it keeps its server.
    pub transaction_since: Cell<Option<Instant>>,
    /// Of the task that it lives in.
    waker: Cell<Option<Waker>>,
    /// How many prepared statements it has names for.
    pub statements: Cell<u32>,
    /// Its state.
    pub state: Cell<ClientState>,
    /// Whether its transaction waits for it to say something.
    pub is_idle_in_transaction: Cell<bool>,
    closing: Cell<Closing>,
    ending: Cell<Option<Ending>>,
}

/// What is known of a client from its login on.
pub struct Facts {
    /// A number unique in this process.
    pub id: u64,
    /// Its two addresses, and what the PROXY header said.
    pub origin: Origin,
    /// Our end of the connection, what it calls its database, and where it is registered.
    pub entrance: Rc<Entrance>,
    /// When its server goes back.
    pub mode: PoolMode,
    /// Where its listener sends what it says.
    pub(super) route: Route,
    /// What TLS was agreed on.
    pub tls: Option<AgreedTls>,
    /// When it was accepted.
    pub connected_at: Instant,
    /// What its startup packet set: what a reset falls back to.
    pub(super) startup_settings: OnceCell<Rc<Settings>>,
    /// What it was given to cancel with.
    pub(super) key: OnceCell<CancelKey>,
    /// Where it is counted; a client in memory may be nowhere.
    pub(super) seat: Cell<Option<HomeSeat>>,
    pub(super) _permit: ClientPermit,
}

/// With the counts of its `Rc`, a size that the allocator has: one byte more costs every client 32.
const _: () = assert!(size_of::<Client>() + 2 * size_of::<usize>() <= 224);

/// How far the end of a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    Not,
    Begun,
    /// Whether the client hears why is nobody's concern any more.
    Abandoned,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut client = formatter.debug_struct("Client");
        client.field("id", &self.id()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = formatter.debug_struct("Facts");
        facts.field("id", &self.id).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has just proven who it is.
    pub(super) fn new(pool: Rc<Pool>, facts: Facts, now: Instant) -> Rc<Self> {
        pool.clients.set(pool.clients.get() + 1);
        let bare = pool.welcomes.borrow().bare();
        Rc::new(Self {
            pool,
            facts,
            settings: Cell::new(Some(bare)),
            server: Cell::default(),
            since: Cell::new(now),
            transaction_since: Cell::new(None),
            waker: Cell::default(),
            statements: Cell::new(0),
            state: Cell::new(ClientState::Login),
            is_idle_in_transaction: Cell::new(false),
            closing: Cell::new(Closing::Not),
            ending: Cell::new(None),
        })
    }

    /// A number unique in this process.
    pub fn id(&self) -> u64 {
        self.facts.id
    }

    /// The database, by the name that it gave.
    pub(super) fn database(&self) -> &str {
        let alias = self.facts.entrance.alias.as_deref();
        alias.unwrap_or_else(|| self.pool.key.database())
    }

    /// When its server goes back.
    #[inline]
    pub(super) fn mode(&self) -> PoolMode {
        self.facts.mode
    }

    /// What its session has set.
    #[inline]
    pub(super) fn settings(&self) -> Rc<Settings> {
        let settings = self.settings.take().unwrap_or_default();
        self.settings.set(Some(Rc::clone(&settings)));
        settings
    }

    /// Its session has set these instead.
    pub(super) fn set(&self, settings: Rc<Settings>) {
        self.settings.set(Some(settings));
    }

    /// What its startup packet set: what a reset falls back to.
    pub(super) fn startup_settings(&self) -> Rc<Settings> {
        self.facts
            .startup_settings
            .get()
            .map_or_else(Rc::default, Rc::clone)
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
        self.since.set(now);
        self.closing.set(Closing::Begun);
        self.pool.home.closing.borrow_mut().push(self.id());
    }

    /// When the session began to close, if it has.
    pub(super) fn closing_since(&self) -> Option<Instant> {
        (self.closing.get() != Closing::Not).then(|| self.since.get())
    }

    /// Gives up on telling the client anything more.
    pub(super) fn abandon(&self) {
        self.closing.set(Closing::Abandoned);
        self.wake();
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.closing.get() == Closing::Abandoned
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }

    /// Whether where its rounds go depends on what they do.
    #[inline]
    pub(super) fn may_route(&self) -> bool {
        // In session mode it has its server from its login on.
        self.mode() != PoolMode::Session && self.facts.route != Route::Primary
    }

    /// Whether where its transactions went depended on what they did.
    pub(super) fn is_routed(&self) -> bool {
        self.may_route() && self.pool.has_reads()
    }

    /// Whether it is told that it talks with a standby, wherever its server may be.
    pub(super) fn is_told_of_standby(&self) -> bool {
        self.may_route() && self.route() == Route::Replica && self.pool.reads().is_some()
    }

    /// Where what it says goes, unless it says that itself.
    pub(super) fn route(&self) -> Route {
        match self.facts.route {
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
        self.facts.seat.set(Some(seat));
    }

    /// Keeps the waker of the session's task, which never changes.
    pub(super) fn listen(&self, waker: &Waker) {
        self.waker.set(Some(waker.clone()));
    }

    /// The application's name for itself.
    pub fn application_name(&self) -> String {
        self.settings()
            .value("application_name")
            .unwrap_or_default()
            .to_owned()
    }

    /// What `look` makes of the value that the server last reported for a parameter.
    pub(super) fn reported_value(&self, name: &str, look: impl FnOnce(&str) -> bool) -> bool {
        if let Some(value) = self.settings().value(name) {
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
        if let Some(seat) = self.facts.seat.take() {
            // A client that replicates has had a pool of its own.
            seat.leave(|key| !self.pool.home.has_pool(key));
        }
    }
}
