//! A few workers, a tenant's pools on them, and their clients, all in memory, under a clock that moves
//! when it is told to.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::time::Instant;

use super::far_end::Servers;
use crate::config;
use crate::config::PoolSettings;
use crate::config::ServerTlsMode;
use crate::limits::TICK_INTERVAL;
use crate::pool;
use crate::pool::Checkout;
use crate::pool::Home;
use crate::pool::Lease;
use crate::pool::Parcel;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Post;
use crate::pool::Surroundings;
use crate::pool::Waiting;
use crate::telemetry::TenantSlot;
use crate::tenancy::NodeCounts;
use crate::tenancy::Tenant;

/// Enough for every task to come to where it waits, though one may have to wake the other.
const TURNS: usize = 50;

/// What is on its way to which worker. The clones are one.
#[derive(Debug, Clone, Default)]
struct Mail(Rc<RefCell<VecDeque<(usize, Parcel)>>>);

impl Post for Mail {
    fn send(&self, worker: usize, parcel: Parcel) -> Result<(), Parcel> {
        self.0.borrow_mut().push_back((worker, parcel));
        Ok(())
    }
}

/// The world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) servers: Servers,
    pub(super) homes: Vec<Rc<Home>>,
    pub(super) tenant: Arc<Tenant>,
    mail: Mail,
}

/// How many servers there may be, 0 for no limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) node: u32,
    pub(super) tenant: u32,
}

/// A client of one worker's part of a pool.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) pool: Rc<Pool>,
    pub(super) has: Has,
}

/// What a client has.
#[derive(Debug)]
pub(super) enum Has {
    Nothing,
    Place(Waiting),
    Server(Lease),
    Refused(Rc<PoolError>),
}

/// Runs what happens in a world.
pub(super) fn run(happens: impl Future<Output = ()>) {
    let mut builder = Builder::new_current_thread();
    let builder = builder.enable_time().start_paused(true);
    let runtime = builder.build_local(LocalOptions::default()).unwrap();
    runtime.block_on(happens);
}

/// Settings of a pool of this size.
pub(super) fn size(pool_size: u32) -> PoolSettings {
    PoolSettings {
        pool_size,
        ..PoolSettings::default()
    }
}

impl World {
    /// So many workers, and users with their pools' settings.
    pub(super) fn new<const USERS: usize>(
        workers: usize,
        limits: Limits,
        users: [(&str, PoolSettings); USERS],
    ) -> Self {
        let node = NodeCounts::new(&config::Node {
            max_server_connections: limits.node,
            ..config::Node::default()
        });
        let (node, servers, mail) = (Arc::new(node), Servers::default(), Mail::default());
        let homes = (0..workers).map(|worker| {
            let surroundings = Surroundings {
                random: |bytes| bytes.fill(7),
                dial: Box::new(servers.clone()),
                post: Box::new(mail.clone()),
                statement_prefix: "tidegate_07070707_".into(),
                topologies: Arc::default(),
                catalogs: Arc::default(),
                sleepers: Arc::default(),
                region: Arc::default(),
            };
            Home::new(worker, Arc::clone(&node), surroundings)
        });
        let homes = homes.collect();
        let config = tenant(limits.tenant, users);
        Self {
            tenant: Arc::new(Tenant::new(TenantSlot::new(1), Arc::new(config))),
            servers,
            homes,
            mail,
        }
    }

    /// Another client of a user's pool, or its part, on a worker.
    pub(super) fn guest(&self, worker: usize, user: &str) -> Guest {
        let user = &self.tenant.config().users[user];
        Guest::of(self.homes[worker].pool(&self.tenant, "app", user))
    }

    /// So many of them, each with a server of its own.
    pub(super) async fn busy<const COUNT: usize>(&self, user: &str) -> [Guest; COUNT] {
        let mut guests = std::array::from_fn(|_| self.guest(0, user));
        guests.iter_mut().for_each(Guest::ask);
        self.settle().await;
        assert!(guests.iter_mut().all(Guest::has_server), "{guests:?}");
        guests
    }

    /// Lets everything come to where it waits.
    pub(super) async fn settle(&self) {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
            let arrived = self.mail.0.borrow_mut().pop_front();
            if let Some((worker, parcel)) = arrived {
                self.homes[worker].receive(parcel, Instant::now());
            }
        }
    }

    /// Time passes, and every worker looks at what has come of it.
    pub(super) async fn tick(&self) {
        tokio::time::advance(TICK_INTERVAL).await;
        for home in &self.homes {
            home.tick(Instant::now());
        }
        self.settle().await;
    }
}

impl Guest {
    pub(super) fn of(pool: Rc<Pool>) -> Self {
        pool.clients.set(pool.clients.get() + 1);
        Self {
            pool,
            has: Has::Nothing,
        }
    }

    pub(super) fn ask(&mut self) {
        self.has = match self.pool.checkout(Instant::now()) {
            Checkout::Ready(lease) => Has::Server(lease),
            Checkout::Wait(waiting) => Has::Place(waiting),
            Checkout::Refused(error) => Has::Refused(error),
        };
    }

    /// Whether it waits, and was not refused.
    pub(super) fn is_waiting(&mut self) -> bool {
        if !self.has_server()
            && let Has::Refused(error) = &self.has
        {
            panic!("it is refused: {error}");
        }
        matches!(self.has, Has::Place(_))
    }

    /// Looks what has come of its wait.
    pub(super) fn has_server(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        if let Has::Place(waiting) = &self.has
            && let Poll::Ready(outcome) = waiting.poll(&mut context)
        {
            self.has = outcome.map_or_else(Has::Refused, Has::Server);
        }
        matches!(self.has, Has::Server(_))
    }

    pub(super) fn release(&mut self) {
        let Has::Server(lease) = std::mem::replace(&mut self.has, Has::Nothing) else {
            panic!("there is nothing to release")
        };
        pool::release(lease, Instant::now());
    }

    /// Gives its server back and asks for the next one, behind whoever waits already.
    pub(super) fn take_turns(&mut self) {
        if self.has_server() {
            self.release();
            self.ask();
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.pool.clients.set(self.pool.clients.get() - 1);
    }
}

fn tenant<const USERS: usize>(
    servers_max: u32,
    users: [(&str, PoolSettings); USERS],
) -> config::Tenant {
    let mut endpoint = config::Endpoint {
        name: "primary".to_owned(),
        ..config::Endpoint::default()
    };
    endpoint.tls.mode = ServerTlsMode::Disable;
    let users = users.map(|(name, pool)| {
        let user = config::User {
            name: name.to_owned(),
            pool,
            ..config::User::default()
        };
        (name.to_owned(), Arc::new(user))
    });
    config::Tenant {
        name: "acme".to_owned(),
        endpoints: vec![Arc::new(endpoint)],
        users: users.into(),
        max_db_connections: servers_max,
        ..config::Tenant::default()
    }
}
