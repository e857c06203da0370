//! Opening servers as they are needed, within every limit, and closing them.
//!
//! A pool opens at most as many servers at a time as there are clients waiting for one; after a
//! failure it waits, longer each time.

use std::rc::Rc;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

use tidegate_proto::frontend::Terminate;
use tokio::time::Instant;

use crate::limits::SERVER_RETRY_FIRST;
use crate::limits::WAKE_RETRY_FIRST;
use crate::pool::Opened;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Server;
use crate::pool::connect;
use crate::pool::pool::Outage;
use crate::pool::wind_up;
use crate::telemetry::Count;
use crate::tenancy::NoRoom;
use crate::tenancy::ServerPermit;

impl Pool {
    /// Opens servers for the clients that wait, as far as the limits allow.
    pub(super) fn refill(self: &Rc<Self>, now: Instant) {
        if self.is_full.get() {
            return;
        }
        let missing = self.missing();
        if missing > 0 && self.is_before_retry(now) {
            // Where others of this pool reach a server, there are some.
            self.go_short(NoRoom::Pool, missing, 0);
            return;
        }
        let size = self.size(now);
        for opened in 0..missing {
            let mut is_opened = self.open(size, now);
            if let Err(NoRoom::Limit(reached)) = is_opened
                && self.home.evict_idle(reached.scope, self)
            {
                is_opened = self.open(size, now);
            }
            if let Err(no_room) = is_opened {
                self.go_short(no_room, missing - opened, size);
                return;
            }
        }
        *self.claim.borrow_mut() = None;
    }

    /// Clients wait, and no more servers may be opened: whoever has some to spare is asked.
    fn go_short(self: &Rc<Self>, no_room: NoRoom, missing: u32, size: u32) {
        self.is_full.set(true);
        // It may not use more than its size allows.
        let missing = match size {
            0 => missing,
            size => missing.min(size.saturating_sub(self.shard.counts().servers())),
        };
        let mut claim = self.claim.borrow_mut();
        match (no_room, &*claim) {
            (NoRoom::Limit(reached), Some(known)) if known.scope() == reached.scope => {
                known.renew(missing);
            },
            (NoRoom::Limit(reached), _) if missing > 0 => {
                *claim = self.account.claim(reached.scope, missing);
            },
            (NoRoom::Limit(_) | NoRoom::Pool, _) => *claim = None,
        }
        drop(claim);
        self.ask_siblings();
    }

    /// Servers that are being opened, or asked whether they live, for clients who wait.
    pub(super) fn coming(&self) -> u32 {
        self.connecting.get() + self.checking.get()
    }

    /// Keeps `min_pool_size` servers while the pool has clients.
    pub(super) fn keep_minimum(self: &Rc<Self>, now: Instant) {
        let minimum = self.minimum();
        if minimum == 0 || self.is_before_retry(now) {
            return;
        }
        // As many as one more would make too many are not opened by two workers at once, either.
        let size = match self.pool_size() {
            0 => minimum,
            size => size.min(minimum),
        };
        // Nobody waits for these: not in the place of others' servers, nor before who waits for theirs.
        while size > 0 && !self.account.is_claimed() && self.open(size, now).is_ok() {}
    }

    /// How many servers it keeps, whether or not clients wait.
    pub(super) fn minimum(&self) -> u32 {
        let primary = self.primary.upgrade();
        // Clients of a replica's servers belong to the primary's pool.
        let clients = primary.map_or(0, |primary| primary.clients.get());
        if self.clients.get() + clients == 0 || self.key.is_dedicated() {
            return 0;
        }
        let endpoint = self.endpoint.borrow();
        let own = endpoint
            .as_ref()
            .and_then(|endpoint| endpoint.min_pool_size);
        match self.key.endpoint() {
            Some(_) => own.unwrap_or(0),
            None => own.unwrap_or(self.user.borrow().pool.min_pool_size),
        }
    }

    /// How many servers it may have where they are, without its reserve; 0 is no limit.
    pub fn pool_size(&self) -> u32 {
        let endpoint = self.endpoint.borrow();
        let own = endpoint.as_ref().and_then(|endpoint| endpoint.pool_size);
        own.unwrap_or(self.user.borrow().pool.pool_size)
    }

    fn is_before_retry(&self, now: Instant) -> bool {
        self.outage
            .borrow()
            .as_ref()
            .is_some_and(|outage| now < outage.retry_at)
    }

    /// How many servers the pool may have on all workers; 0 is no limit.
    fn size(&self, now: Instant) -> u32 {
        let pool = &self.user.borrow().pool;
        let timeout = pool.reserve_pool_timeout;
        let may_use_reserve = !timeout.is_zero()
            && pool.reserve_pool_size > 0
            && self
                .queue
                .first_since()
                .is_some_and(|since| now.duration_since(since) >= timeout);
        match self.pool_size() {
            0 => 0,
            size if may_use_reserve => size.saturating_add(pool.reserve_pool_size),
            size => size,
        }
    }

    /// Begins to open one server, unless the pool has `size` of them, or a limit of the user, the
    /// tenant or the node is reached.
    fn open(self: &Rc<Self>, size: u32, now: Instant) -> Result<(), NoRoom> {
        let Some(endpoint) = self.endpoint() else {
            self.attend(now);
            self.open_failed(self.no_endpoint(), now);
            return Err(NoRoom::Pool);
        };
        if self.sleeps() {
            self.open_failed(PoolError::Asleep, now);
            return Err(NoRoom::Pool);
        }
        let permit = self.account.open(size).inspect_err(|no_room| {
            if self.opened.get() == 0 {
                tracing::debug!(%no_room, pool = ?self.key, "no server can be opened");
            }
        })?;
        self.opened.set(self.opened.get() + 1);
        self.connecting.set(self.connecting.get() + 1);
        let opening = Opening(Rc::clone(self));
        let (pool, reconnects) = (Rc::clone(self), self.reconnects.get());
        let rest = self.begin_use(now);
        let task = tokio::task::spawn_local(async move {
            let connected = Box::pin(connect::connect(&pool, &endpoint)).await;
            let connected = connected.and_then(|opened| pool.accept(opened));
            if connected.is_ok() {
                pool.end(rest).await;
            }
            drop(opening);
            let now = Instant::now();
            if pool.reconnects.get() != reconnects {
                // It is where servers were, or who they were, before a reload.
                drop((connected, permit));
                pool.has_room(now);
                return;
            }
            match connected {
                Ok(opened) => pool.opened(opened, permit, now),
                Err(error) => {
                    drop(permit);
                    pool.open_failed(error, now);
                    // Not opened again at once: the pause may be set to nothing.
                    pool.is_full.set(false);
                    pool.use_idle(now);
                },
            }
        });
        let mut openings = self.openings.borrow_mut();
        openings.retain(|opening| !opening.is_finished());
        openings.push(task.abort_handle());
        Ok(())
    }

    fn opened(self: &Rc<Self>, opened: Opened, permit: ServerPermit, now: Instant) {
        self.counters.add(Count::ServersOpened, 1);
        *self.outage.borrow_mut() = None;
        if let Some(sleeper) = self.sleeper() {
            sleeper.answered();
        }
        let reported = self.welcomes.borrow_mut().learn(opened.parameters);
        let notices = self.welcomes.borrow_mut().hear(opened.notices);
        let server = Box::new(Server {
            pool: Rc::clone(self),
            socket: opened.socket,
            ledger: tidegate_proto::exchange::Ledger::new(),
            incoming: crate::pool::Incoming::default(),
            promised: crate::pool::Promised::default(),
            prepared: crate::pool::Prepared::default(),
            reported,
            notices,
            settings: Rc::default(),
            card: Rc::new(opened.card),
            is_broken: false,
            is_doubted: false,
            permit,
        });
        self.take_in_new(server, now);
    }

    /// A server is here that was not.
    pub(super) fn take_in_new(self: &Rc<Self>, server: Box<Server>, now: Instant) {
        self.count_in(&server);
        // However short its life may be, it is of use once.
        self.put(server, now);
    }

    /// A server counts here from now on.
    pub(super) fn count_in(&self, server: &Server) {
        self.opened.set(self.opened.get() + 1);
        self.cards.borrow_mut().push(Rc::clone(&server.card));
        self.name_watch.look_again();
    }

    fn open_failed(self: &Rc<Self>, error: PoolError, now: Instant) {
        self.counters.add(Count::ServerOpenFailures, 1);
        self.blame_for(&error, now);
        let error = Rc::new(self.wake_for(error, now));
        let before = self.outage.borrow().clone();
        let failures = before.as_ref().map_or(0, |outage| outage.failures) + 1;
        let since = before.map_or(now, |outage| outage.since);
        let mut retry_max = self.user.borrow().pool.server_login_retry;
        if self.sleeper().is_some() {
            // It may wake up at any moment.
            retry_max = retry_max.min(WAKE_RETRY_FIRST);
        }
        let retry_at = now + retry_delay(failures, retry_max);
        tracing::warn!(
            tenant = self.tenant.name(),
            database = self.key.database(),
            user = self.key.user(),
            error = %error.chain(),
            "a server could not be opened"
        );
        *self.outage.borrow_mut() = Some(Outage {
            since,
            error: Rc::clone(&error),
            failures,
            retry_at,
        });
        if self.shard.counts().servers() == 0 && !self.rides_out(&error) {
            self.refuse_waiting(&error, |_| true);
        }
    }

    /// Closes a server politely: it said nothing wrong.
    pub(super) fn close(self: &Rc<Self>, server: Box<Server>) {
        self.part_from(server);
        self.has_room(Instant::now());
    }

    /// The same, for whoever looks for another one next.
    pub(super) fn part_from(&self, mut server: Box<Server>) {
        let mut goodbye = Vec::new();
        Terminate.encode(&mut goodbye);
        let mut context = Context::from_waker(Waker::noop());
        // The server notices the end of the connection as well; nobody waits for this.
        drop(server.socket.poll_write(&mut context, &goodbye, &[]));
        drop(server.socket.poll_flush(&mut context));
        self.forget(&server);
        self.is_full.set(false);
    }

    /// There may be room for another server now, and somebody whose server does not come after all.
    pub(super) fn has_room(self: &Rc<Self>, now: Instant) {
        self.is_full.set(false);
        self.use_idle(now);
        self.refill(now);
    }

    /// Closes a server in whatever state it is, and cancels what it may still be running.
    pub(super) fn discard(self: &Rc<Self>, server: Box<Server>) {
        if server.ledger.is_busy() {
            let server = self.give_up(server);
            wind_up::begin(self, *server);
        } else {
            drop(self.give_up(server));
        }
        self.has_room(Instant::now());
    }

    /// Closes a server that runs nothing worth canceling.
    pub(super) fn abandon(self: &Rc<Self>, server: Box<Server>) {
        drop(self.give_up(server));
        self.has_room(Instant::now());
    }

    fn give_up(self: &Rc<Self>, mut server: Box<Server>) -> Box<Server> {
        self.counters.add(Count::ServersDiscarded, 1);
        self.blame_if_broken(&mut server, Instant::now());
        self.forget(&server);
        server
    }

    /// A server is here no more.
    pub(super) fn forget(&self, server: &Server) {
        let id = server.card.id;
        self.cards.borrow_mut().retain(|card| card.id != id);
        debug_assert!(self.opened.get() > 0, "a server that closes was counted");
        self.opened.set(self.opened.get().saturating_sub(1));
    }
}

/// A server that is being opened: counted until it is there, has failed, or the task is gone.
struct Opening(Rc<Pool>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.opened.set(self.0.opened.get().saturating_sub(1));
        self.0
            .connecting
            .set(self.0.connecting.get().saturating_sub(1));
    }
}

/// The pause before the next try: doubled with each failure, up to `server_login_retry`.
fn retry_delay(failures: u32, retry_max: Duration) -> Duration {
    SERVER_RETRY_FIRST
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(retry_max)
}
