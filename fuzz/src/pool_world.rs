//! What is around a pool: clients, connections that are being opened, servers, and a clock. What must
//! hold whatever these do, the rules say.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use tidegate::config;
use tidegate::limits::SIBLING_ASK_INTERVAL;
use tidegate::pool;
use tidegate::pool::Checkout;
use tidegate::pool::Home;
use tidegate::pool::Lease;
use tidegate::pool::Pool;
use tidegate::pool::ServerState;
use tidegate::pool::Surroundings;
use tidegate::pool::Waiting;
use tidegate::tenancy::Directory;
use tidegate::tenancy::NodeCounts;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::tag;
use tokio::time::Instant;

use crate::pool::Op;
use crate::pool_mail::Mail;
use crate::pool_mail::WORKERS;
use crate::pool_servers::Gate;
use crate::pool_servers::Servers;
use crate::pool_setup::Setup;

/// Alice's and Bob's on one worker, and a part of Alice's on the other.
const PARTS: [(usize, &str); 3] = [(0, "alice"), (0, "bob"), (1, "alice")];

/// Of each part of a pool.
const CLIENTS: u32 = 3;

/// What a client has.
#[derive(Debug)]
enum Has {
    Nothing,
    Place(Waiting),
    Server(Lease),
}

/// One client of one part of a pool.
#[derive(Debug)]
struct Client {
    part: usize,
    has: Has,
}

/// Two pools, one of them in two parts, and all that is around them.
pub(crate) struct World {
    homes: Vec<Rc<Home>>,
    pub(crate) mail: Mail,
    pub(crate) node: Arc<NodeCounts>,
    directory: Directory,
    clients: Vec<Client>,
    /// Whether a part of a pool has clients at all. One without is forgotten in time.
    pub(crate) is_here: [bool; PARTS.len()],
    /// Who waits, in the order in which they came, by part.
    pub(crate) queues: [VecDeque<usize>; PARTS.len()],
    pub(crate) servers: Servers,
    pub(crate) setup: Setup,
    pub(crate) failed_at: Option<Instant>,
    /// Nobody has waited since before the last tick: there are no claims.
    is_calm: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let setup = Setup::new();
        let directory = Directory::new(&setup.tenants());
        let node = Arc::new(NodeCounts::new(&config::Node::default()));
        let gate = Gate::default();
        let servers = Servers::new(&gate);
        let mail = Mail::default();
        let homes: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let surroundings = Surroundings {
                    random: |bytes| bytes.fill(7),
                    dial: Box::new(gate.clone()),
                    post: Box::new(mail.clone()),
                    statement_prefix: "tidegate_07070707_".into(),
                    topologies: Arc::default(),
                    catalogs: Arc::default(),
                    sleepers: Arc::default(),
                    region: Arc::default(),
                };
                Home::new(worker, Arc::clone(&node), surroundings)
            })
            .collect();
        let client = |number: usize| Client {
            part: number % PARTS.len(),
            has: Has::Nothing,
        };
        let mut world = Self {
            homes,
            mail,
            node,
            directory,
            is_here: [false; PARTS.len()],
            queues: Default::default(),
            clients: (0..9).map(client).collect(),
            servers,
            setup,
            failed_at: None,
            is_calm: true,
        };
        (0..PARTS.len()).for_each(|part| world.come(part));
        world
    }

    /// The parts that workers know of.
    pub(crate) fn pools(&self) -> Vec<(usize, Rc<Pool>)> {
        let parts = PARTS.iter().enumerate();
        let pools = parts.filter_map(|(number, (worker, user))| {
            let mut pools = self.homes[*worker].pools().into_iter();
            let pool = pools.find(|pool| pool.key.user() == *user);
            Some((number, pool?))
        });
        pools.collect()
    }

    /// How many clients of a part have a server.
    pub(crate) fn holders(&self, part: usize) -> usize {
        let of_part = self.clients.iter().filter(|client| client.part == part);
        let holders = of_part.filter(|client| matches!(client.has, Has::Server(_)));
        holders.count()
    }

    /// A part of a pool that has clients.
    fn part(&self, number: usize) -> Rc<Pool> {
        let (worker, user) = PARTS[number];
        let acme = self.directory.find("acme").expect("it was configured");
        let user = &acme.config().users[user];
        self.homes[worker].pool(&acme, "app", user)
    }

    /// Clients of a part log in.
    fn come(&mut self, part: usize) {
        self.is_here[part] = true;
        self.part(part).clients.set(CLIENTS);
    }

    /// All clients of a part are gone.
    fn leave(&mut self, part: usize) {
        for number in 0..self.clients.len() {
            if self.clients[number].part == part {
                self.vanish(number);
            }
        }
        if self.is_here[part] {
            self.part(part).clients.set(0);
        }
        self.is_here[part] = false;
    }

    pub(crate) async fn apply(&mut self, op: Op) {
        let now = Instant::now();
        match op {
            Op::Ask(client) => self.ask(client, now),
            Op::Release(client) => {
                if let Some(lease) = self.take_used(client) {
                    pool::release(lease, now);
                }
            },
            Op::ReleaseToTheVanished(client) => {
                if let Some(lease) = self.take_used(client) {
                    let part = usize::from(client) % self.clients.len() % PARTS.len();
                    pool::release(lease, now);
                    if let Some(first) = self.queues[part].front().copied() {
                        self.vanish(first);
                    }
                }
            },
            Op::ReleaseDirty(client) => {
                if let Some(mut lease) = self.take_server(client) {
                    let sent = lease.ledger.sent(tag::QUERY, Owner::Client);
                    sent.expect("a query is legal");
                    pool::release(lease, now);
                }
            },
            Op::ReleaseToReset(client) => {
                if let Some(lease) = self.take_used(client) {
                    pool::release_after_reset(lease, now);
                }
            },
            Op::Vanish(client) => {
                self.vanish(usize::from(client) % self.clients.len());
            },
            Op::Cancel(client) => {
                let client = &self.clients[usize::from(client) % self.clients.len()];
                if let Has::Server(lease) = &client.has {
                    pool::cancel_server(&lease.pool, &lease.card, ());
                }
            },
            Op::Open(which) => self.servers.open(which).await,
            Op::Fail(which) => {
                if self.servers.fail(which) {
                    self.failed_at = Some(now);
                }
            },
            Op::Die(which) => self.servers.die(which),
            Op::Speak(which) => self.servers.speak(which).await,
            Op::Answer(which) => self.servers.answer(which).await,
            Op::Tick(tenths) => self.tick(tenths).await,
            Op::Reload => {
                self.setup.port += 1;
                self.reload().await;
            },
            Op::Adjust(which) => {
                self.setup.adjust(which);
                self.reload().await;
            },
            Op::Leave(part) => self.leave(usize::from(part) % PARTS.len()),
            Op::Come(part) => self.come(usize::from(part) % PARTS.len()),
            Op::Resume => self.resume(),
            Op::Deliver(worker) => self.deliver(usize::from(worker) % WORKERS, now),
        }
        self.settle().await;
        self.look();
        if let Op::Tick(_) = op {
            self.check_progress();
        }
    }

    fn ask(&mut self, client: u8, now: Instant) {
        let number = usize::from(client) % self.clients.len();
        let client = &self.clients[number];
        let part = client.part;
        if !matches!(client.has, Has::Nothing) || !self.is_here[part] {
            return;
        }
        let pool = self.part(part);
        let client = &mut self.clients[number];
        match pool.checkout(now) {
            Checkout::Ready(lease) => {
                assert!(self.queues[part].is_empty(), "it has overtaken others");
                self.servers.check_lent(&lease, self.setup.port);
                client.has = Has::Server(lease);
            },
            Checkout::Wait(waiting) => {
                self.is_calm = false;
                client.has = Has::Place(waiting);
                self.queues[part].push_back(number);
            },
            Checkout::Refused(_) => {
                assert!(self.failed_at.is_some(), "refused, though nothing failed");
            },
        }
    }

    fn take_server(&mut self, client: u8) -> Option<Lease> {
        let number = usize::from(client) % self.clients.len();
        let has = &mut self.clients[number].has;
        match std::mem::replace(has, Has::Nothing) {
            Has::Server(lease) => Some(lease),
            other => {
                *has = other;
                None
            },
        }
    }

    /// The same, when it has done something there.
    fn take_used(&mut self, client: u8) -> Option<Lease> {
        let lease = self.take_server(client)?;
        if self.setup.is_once() {
            self.servers.spend(lease.card.key.process_id);
        }
        Some(lease)
    }

    fn vanish(&mut self, client: usize) {
        for queue in &mut self.queues {
            queue.retain(|waiting| *waiting != client);
        }
        self.clients[client].has = Has::Nothing;
        // Another comes in its place.
    }

    /// Time passes, then everybody looks at what has come of it until nothing more does.
    async fn tick(&mut self, tenths: u8) {
        tokio::time::advance(Duration::from_millis(100) * u32::from(tenths)).await;
        let unused = self.unused();
        let mut unwanted = self.is_calm.then(|| self.unwanted());
        for _ in 0..3 {
            self.settle().await;
            self.note_failures();
            for home in &self.homes {
                drop(home.tick(Instant::now()));
            }
            for _ in 0..2 {
                tokio::time::advance(SIBLING_ASK_INTERVAL).await;
                self.settle().await;
                for worker in 0..WORKERS {
                    self.deliver(worker, Instant::now());
                }
            }
            // Whoever gave up before has no claim any more.
            unwanted.get_or_insert_with(|| self.unwanted());
        }
        self.settle().await;
        self.note_failures();
        // What has become free since then is seen at the next tick, and used at the one after.
        for home in self.homes.iter().chain(&self.homes) {
            drop(home.tick(Instant::now()));
        }
        self.check_kept(&unwanted.unwrap_or_default());
        self.check_forgotten(&unused);
        self.is_calm = !self.does_anybody_wait();
    }

    fn note_failures(&mut self) {
        if self.servers.has_given_up() {
            self.failed_at = Some(Instant::now());
        }
    }

    fn deliver(&self, worker: usize, now: Instant) {
        while let Some(parcel) = self.mail.take(worker) {
            self.homes[worker].receive(parcel, now);
        }
    }

    async fn reload(&mut self) {
        self.servers.forgive();
        drop(self.directory.reload(&self.setup.tenants()));
        for home in &self.homes {
            // What is on its way between them belongs to the past.
            home.reload(Instant::now());
        }
        // What is opened from now on is younger.
        tokio::time::advance(Duration::from_millis(1)).await;
    }

    /// The machine was asleep.
    fn resume(&mut self) {
        for (_, pool) in self.pools() {
            for card in pool.server_cards() {
                if matches!(
                    card.state.get(),
                    ServerState::Idle | ServerState::BeingCanceled
                ) {
                    self.servers.doubt(card.key.process_id);
                }
            }
        }
        self.homes.iter().for_each(|home| home.resumed());
    }

    /// Lets every task come to where it waits.
    async fn settle(&mut self) {
        for _ in 0..12 {
            tokio::task::yield_now().await;
        }
        self.servers.listen();
    }

    /// Everybody who waits looks at what has come of it, in the order in which they came: those who
    /// have something came first.
    fn look(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for queue in &mut self.queues {
            let mut still = VecDeque::new();
            for number in queue.drain(..) {
                let has = &mut self.clients[number].has;
                let Has::Place(waiting) = has else {
                    unreachable!("who is in the queue has a place")
                };
                match waiting.poll(&mut context) {
                    Poll::Pending => still.push_back(number),
                    Poll::Ready(outcome) => {
                        assert!(still.is_empty(), "{number} was served before {still:?}");
                        *has = match outcome {
                            Ok(lease) => {
                                self.servers.check_lent(&lease, self.setup.port);
                                Has::Server(lease)
                            },
                            Err(_refused) => Has::Nothing,
                        };
                    },
                }
            }
            *queue = still;
        }
    }

    /// Everybody goes; then nothing is left.
    pub(crate) async fn end(mut self) {
        (0..PARTS.len()).for_each(|part| self.leave(part));
        for _ in 0..3 {
            self.servers.fail_all();
            self.tick(250).await;
            self.settle().await;
        }
        let pools = self.pools();
        for home in &self.homes {
            home.close();
        }
        self.settle().await;
        assert_eq!(
            self.mail.servers(),
            0,
            "servers are on their way at the end"
        );
        for (_, pool) in &pools {
            assert!(pool.is_unused(), "a pool is not empty at the end");
            assert_eq!(pool.waiting().0, 0, "somebody waits at the end");
        }
        assert_eq!(self.node.servers(), 0, "servers are counted at the end");
    }
}
