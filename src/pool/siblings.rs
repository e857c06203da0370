//! A pool that lives on several workers: servers move to where clients wait.
//!
//! Each worker's part opens servers of its own, under one limit. A part whose clients have waited for
//! [`SIBLING_ASK_INTERVAL`] and that may open no more asks the others, one after the other. Whoever is
//! asked gives the next server that none of its own clients waits for, and if it has at least two more
//! than the one who asks, any server that comes back. So all parts that are short have as many as the
//! others, and none that are not keep any from them.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;

use tokio::time::Instant;

use crate::limits::SIBLING_ASK_INTERVAL;
use crate::limits::SIBLING_ASK_LIFETIME;
use crate::pool::Parcel;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Server;
use crate::pool::Traveller;

/// Wishes for a server: of other workers here, and of this one there.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// From other workers, in the order in which they came.
    received: RefCell<Vec<Ask>>,
    /// Who is asked next.
    turn: Cell<usize>,
    /// Somebody looks every [`SIBLING_ASK_INTERVAL`] whether to ask.
    is_asking: Cell<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Ask {
    from: usize,
    held: u32,
    at: Instant,
}

impl Asks {
    /// Whether other workers wish for a server.
    #[inline]
    pub(super) fn are_any(&self) -> bool {
        !self.received.borrow().is_empty()
    }
}

impl Pool {
    /// Asks other workers for servers, in a task of its own, whenever clients wait here and no more may
    /// be opened for them.
    pub(super) fn ask_siblings(self: &Rc<Self>) {
        if self.asks.is_asking.get() || self.shard.sibling(0).is_none() {
            return;
        }
        self.asks.is_asking.set(true);
        let pool = Rc::clone(self);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(SIBLING_ASK_INTERVAL).await;
                // The next tick looks again whether it is.
                if !pool.is_full.get() {
                    break;
                }
                if pool.is_short() {
                    pool.ask_one(Instant::now());
                }
            }
            pool.asks.is_asking.set(false);
        });
    }

    fn ask_one(&self, now: Instant) {
        let first = self.queue.first_since();
        if first.is_none_or(|since| now.duration_since(since) < SIBLING_ASK_INTERVAL) {
            return;
        }
        let turn = self.asks.turn.get();
        self.asks.turn.set(turn.wrapping_add(1));
        if let Some(worker) = self.shard.sibling(turn) {
            let ask = Parcel::Ask {
                key: self.key.clone(),
                from: self.home.worker,
                held: self.opened.get(),
            };
            // One that is gone or has too much to read gives nothing.
            self.home.post.send(worker, ask).ok();
        }
    }

    /// Another worker's clients wait.
    pub(super) fn asked(self: &Rc<Self>, from: usize, held: u32, now: Instant) {
        {
            let mut received = self.asks.received.borrow_mut();
            received.retain(|ask| ask.from != from);
            received.push(Ask {
                from,
                held,
                at: now,
            });
        }
        // One that is idle although clients wait is none of theirs: others are on their way to them.
        if !self.is_short()
            && let Some(server) = self.pop_idle(now)
            && let Some(server) = self.share(server, true, now)
        {
            self.idle.borrow_mut().push_back(server);
        }
    }

    /// Gives a server to another worker whose clients wait, if it should: one that `is_spare` here, or
    /// that makes both even. Returns the one that stays.
    pub(super) fn share(
        self: &Rc<Self>,
        server: Box<Server>,
        is_spare: bool,
        now: Instant,
    ) -> Option<Box<Server>> {
        if server.is_doubted {
            return Some(server);
        }
        let Some(to) = self.whom_to_give(is_spare, now) else {
            return Some(server);
        };
        self.forget(&server);
        let departed = (*server).depart();
        let refused = match departed {
            Ok(traveller) => self.home.post.send(to, Parcel::Server(Box::new(traveller))),
            Err(error) => {
                self.lost(&error);
                return None;
            },
        };
        // It stays, then, as if it had just come.
        let Err(Parcel::Server(traveller)) = refused else {
            return None;
        };
        match traveller.arrive(self) {
            Ok(server) => {
                self.count_in(&server);
                Some(Box::new(server))
            },
            Err(error) => {
                self.lost(&error);
                None
            },
        }
    }

    /// The first that asked and should have a server of this worker. It has asked for one.
    fn whom_to_give(&self, is_spare: bool, now: Instant) -> Option<usize> {
        let mut received = self.asks.received.borrow_mut();
        if received.is_empty() {
            return None;
        }
        received.retain(|ask| now.duration_since(ask.at) < SIBLING_ASK_LIFETIME);
        let has_more = |ask: &Ask| self.opened.get() >= ask.held.saturating_add(2);
        let at = received.iter().position(|ask| is_spare || has_more(ask))?;
        Some(received.remove(at).from)
    }

    /// A server comes from another worker.
    pub(super) fn take_in(self: &Rc<Self>, traveller: Traveller, now: Instant) {
        match traveller.arrive(self) {
            Ok(server) => self.take_in_new(Box::new(server), now),
            Err(error) => self.lost(&error),
        }
    }

    fn lost(self: &Rc<Self>, error: &PoolError) {
        self.has_room(Instant::now());
        let tenant = self.tenant.name();
        tracing::warn!(tenant, error = %error.chain(), "a server was lost on the way to another worker");
    }
}
