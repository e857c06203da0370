//! What the console and the HTTP endpoints read, and the two ways down: letters to workers, orders
//! to the main thread.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::admin::Averages;
use crate::admin::Orders;
use crate::admin::Picture;
use crate::admin::Roster;
use crate::config::Config;
use crate::limits::WORKER_ANSWER_TIMEOUT;
use crate::pool::Catalogs;
use crate::pool::Names;
use crate::pool::Randomness;
use crate::restrictions::Backlog;
use crate::restrictions::Throttle;
use crate::routing::Topologies;
use crate::session::Depth;
use crate::session::Letter;
use crate::session::Mailboxes;
use crate::tenancy::Directory;
use crate::tenancy::NodeCounts;

/// What the console and the HTTP endpoints read, and their ways to workers and the main thread.
#[derive(Debug)]
pub struct Desk {
    /// The configuration of the moment.
    pub config: Arc<ArcSwap<Config>>,
    /// The tenants.
    pub directory: Arc<Directory>,
    /// Clients and servers of the node.
    pub counts: Arc<NodeCounts>,
    /// Connections that are not authenticated yet.
    pub backlog: Arc<Backlog>,
    /// Failed logins that are remembered.
    pub throttle: Arc<Throttle>,
    /// The way to every worker.
    pub mailboxes: Mailboxes,
    /// The way to the main thread.
    pub orders: Orders,
    /// Where keys come from.
    pub random: Randomness,
    /// What is known of tenants' endpoints.
    pub topologies: Arc<Topologies>,
    /// What is known of the names of endpoints.
    pub names: Arc<Names>,
    /// What is known of databases' functions.
    pub catalogs: Arc<Catalogs>,
    /// The operators at the console.
    pub roster: Arc<Roster>,
    /// What averages are worked out from.
    pub averages: Averages,
    /// When the process came up.
    pub started_at: Instant,
    is_draining: AtomicBool,
}

/// What a desk is made of.
#[derive(Debug)]
pub struct Furniture {
    /// See [`Desk::config`].
    pub config: Arc<ArcSwap<Config>>,
    /// See [`Desk::directory`].
    pub directory: Arc<Directory>,
    /// See [`Desk::counts`].
    pub counts: Arc<NodeCounts>,
    /// See [`Desk::backlog`].
    pub backlog: Arc<Backlog>,
    /// See [`Desk::throttle`].
    pub throttle: Arc<Throttle>,
    /// See [`Desk::mailboxes`].
    pub mailboxes: Mailboxes,
    /// See [`Desk::orders`].
    pub orders: Orders,
    /// See [`Desk::random`].
    pub random: Randomness,
    /// See [`Desk::topologies`].
    pub topologies: Arc<Topologies>,
    /// See [`Desk::names`].
    pub names: Arc<Names>,
    /// See [`Desk::catalogs`].
    pub catalogs: Arc<Catalogs>,
}

impl Desk {
    /// The desk of a process that comes up now.
    pub fn new(furniture: Furniture, now: Instant) -> Self {
        let Furniture {
            config,
            directory,
            counts,
            backlog,
            throttle,
            mailboxes,
            orders,
            random,
            topologies,
            names,
            catalogs,
        } = furniture;
        Self {
            config,
            directory,
            counts,
            backlog,
            throttle,
            mailboxes,
            orders,
            random,
            topologies,
            names,
            catalogs,
            roster: Arc::default(),
            averages: Averages::new(now),
            started_at: now,
            is_draining: AtomicBool::new(false),
        }
    }

    /// Asks every worker what it looks like there. Workers that do not answer in
    /// [`WORKER_ANSWER_TIMEOUT`] are named in the picture, not waited for.
    pub async fn look(&self, depth: Depth) -> Picture {
        let deadline = Instant::now() + WORKER_ANSWER_TIMEOUT;
        let mut questions = Vec::new();
        for worker in 0..self.mailboxes.workers() {
            let (answer, question) = oneshot::channel();
            let sending = self.mailboxes.send(worker, Letter::View(depth, answer));
            let is_sent = timeout_at(deadline, sending).await == Ok(true);
            questions.push(is_sent.then_some(question));
        }
        let mut picture = Picture::default();
        for (worker, question) in questions.into_iter().enumerate() {
            let answer = match question {
                Some(question) => timeout_at(deadline, question).await.ok(),
                None => None,
            };
            match answer {
                Some(Ok(view)) => picture.views.push(view),
                Some(Err(_)) | None => picture.silent.push(worker),
            }
        }
        picture
    }

    /// Ends the session of a client or an operator, by its number. False if there is none.
    pub async fn kill(&self, id: u64) -> bool {
        if self.roster.kill(id) {
            return true;
        }
        let deadline = Instant::now() + WORKER_ANSWER_TIMEOUT;
        for worker in 0..self.mailboxes.workers() {
            let (answer, question) = oneshot::channel();
            let asking = async {
                self.mailboxes.send(worker, Letter::Kill(id, answer)).await;
                question.await.unwrap_or(false)
            };
            if timeout_at(deadline, asking).await.unwrap_or(false) {
                return true;
            }
        }
        false
    }

    /// Takes a sample for the averages, if one is due.
    pub async fn sample(&self) {
        let picture = self.look(Depth::Pools).await;
        // A sample without a worker would make the next average too high by what that worker had
        // counted.
        if picture.silent.is_empty() {
            let totals = picture.totals();
            self.averages
                .sample(Instant::now(), &totals, self.roster.commands());
        }
    }

    /// Says that no more clients are taken.
    pub fn begin_draining(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Whether no more clients are taken.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }
}
