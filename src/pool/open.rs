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
use crate::pool::Opened;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Server;
use crate::pool::cancel;
use crate::pool::connect;
use crate::pool::pool::Outage;
use crate::telemetry::Count;
use crate::tenancy::ServerPermit;

impl Pool {
    /// Opens servers for the clients that wait, as far as the limits allow.
    pub(super) fn refill(self: &Rc<Self>, now: Instant) {
        let (waiting, first) = self.waiting();
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let wanted = waiting.saturating_sub(self.coming());
        let may_use_reserve = {
            let timeout = self.user.borrow().pool.reserve_pool_timeout;
            !timeout.is_zero() && first.is_some_and(|since| now.duration_since(since) >= timeout)
        };
        let room = self.room(may_use_reserve);
        if wanted > 0 && !self.is_before_retry(now) {
            for _ in 0..wanted.min(room) {
                if !self.open(now) {
                    break;
                }
            }
        }
    }

    /// Servers that are being opened, or asked whether they live, for clients who wait.
    pub(super) fn coming(&self) -> u32 {
        self.connecting.get() + self.checking.get()
    }

    /// Keeps `min_pool_size` servers while the pool has clients.
    pub(super) fn keep_minimum(self: &Rc<Self>, now: Instant) {
        let minimum = self.user.borrow().pool.min_pool_size;
        if self.clients.get() == 0 || self.key.is_dedicated() || self.is_before_retry(now) {
            return;
        }
        while self.opened.get() < minimum && self.room(false) > 0 {
            if !self.open(now) {
                return;
            }
        }
    }

    fn is_before_retry(&self, now: Instant) -> bool {
        self.outage
            .borrow()
            .as_ref()
            .is_some_and(|outage| now < outage.retry_at)
    }

    /// How many more servers the pool's own size allows.
    fn room(&self, may_use_reserve: bool) -> u32 {
        let user = self.user.borrow();
        if user.pool.pool_size == 0 {
            return u32::MAX;
        }
        let reserve = if may_use_reserve {
            user.pool.reserve_pool_size
        } else {
            0
        };
        (user.pool.pool_size.saturating_add(reserve)).saturating_sub(self.opened.get())
    }

    /// Begins to open one server, unless a limit of the user, the tenant or the node is reached.
    fn open(self: &Rc<Self>, now: Instant) -> bool {
        let acquire = || ServerPermit::try_acquire(&self.home.node, &self.tenant, self.key.user());
        let mut permit = acquire();
        if let Err(reached) = permit
            && self.home.evict_idle(reached.scope, self)
        {
            permit = acquire();
        }
        let permit = match permit {
            Ok(permit) => permit,
            Err(reached) => {
                // On other workers, too, servers may be unused that count against the same limit.
                let (node, user) = (&self.home.node, self.key.user());
                ServerPermit::ask_for_one(node, &self.tenant, user, reached);
                if self.opened.get() == 0 {
                    tracing::debug!(%reached, pool = ?self.key, "no server can be opened");
                }
                return false;
            },
        };
        let Some(endpoint) = self.endpoint() else {
            drop(permit);
            self.open_failed(PoolError::NoEndpoint, now);
            return false;
        };
        self.opened.set(self.opened.get() + 1);
        self.connecting.set(self.connecting.get() + 1);
        let (pool, reconnects) = (Rc::clone(self), self.reconnects.get());
        tokio::task::spawn_local(async move {
            let opening = Opening(Rc::clone(&pool));
            let connected = Box::pin(connect::connect(&pool, &endpoint)).await;
            drop(opening);
            let now = Instant::now();
            if pool.reconnects.get() != reconnects {
                // It is where servers were, or who they were, before a reload.
                drop((connected, permit));
                pool.refill(now);
                return;
            }
            match connected {
                Ok(opened) => pool.opened(opened, permit, now),
                Err(error) => {
                    drop(permit);
                    pool.open_failed(error, now);
                },
            }
        });
        true
    }

    fn opened(self: &Rc<Self>, opened: Opened, permit: ServerPermit, now: Instant) {
        self.opened.set(self.opened.get() + 1);
        self.counters.add(Count::ServersOpened, 1);
        *self.outage.borrow_mut() = None;
        self.welcomes.borrow_mut().learn(opened.parameters);
        let server = Box::new(Server {
            pool: Rc::clone(self),
            socket: opened.socket,
            ledger: tidegate_proto::exchange::Ledger::new(),
            incoming: crate::pool::Incoming::default(),
            promised: crate::pool::Promised::default(),
            prepared: crate::pool::Prepared::default(),
            settings: Rc::default(),
            card: Rc::new(opened.card),
            is_broken: false,
            permit,
        });
        self.cards.borrow_mut().push(Rc::clone(&server.card));
        self.take_back(server, now);
    }

    fn open_failed(self: &Rc<Self>, error: PoolError, now: Instant) {
        self.counters.add(Count::ServerOpenFailures, 1);
        let error = Rc::new(error);
        let failures = self
            .outage
            .borrow()
            .as_ref()
            .map_or(0, |outage| outage.failures)
            + 1;
        let retry_at = now + retry_delay(failures, self.user.borrow().pool.server_login_retry);
        tracing::warn!(
            tenant = self.tenant.name(),
            database = self.key.database(),
            user = self.key.user(),
            error = %error.chain(),
            "a server could not be opened"
        );
        *self.outage.borrow_mut() = Some(Outage {
            error: Rc::clone(&error),
            failures,
            retry_at,
        });
        if self.live() == 0 && self.connecting.get() == 0 {
            self.refuse_waiting(&error, |_| true);
        }
    }

    /// Closes a server politely: it said nothing wrong.
    pub(super) fn close(self: &Rc<Self>, mut server: Box<Server>) {
        let mut goodbye = Vec::new();
        Terminate.encode(&mut goodbye);
        let mut context = Context::from_waker(Waker::noop());
        // The server notices the end of the connection as well; nobody waits for this.
        drop(server.socket.poll_write(&mut context, &goodbye, &[]));
        drop(server.socket.poll_flush(&mut context));
        self.forget(&server);
        drop(server);
        self.refill(Instant::now());
    }

    /// Closes a server in whatever state it is, and cancels what it may still be running.
    pub(super) fn discard(self: &Rc<Self>, server: Box<Server>) {
        self.counters.add(Count::ServersDiscarded, 1);
        if server.ledger.is_busy() {
            cancel::send(self, &server.card, ());
        }
        self.forget(&server);
        drop(server);
        self.refill(Instant::now());
    }

    fn forget(&self, server: &Server) {
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
