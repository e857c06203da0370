//! What is around a pool: clients, connections that are being opened, servers, and a clock; and the
//! rules that hold whatever these do.

use std::cell::RefCell;
use std::collections::BTreeMap;
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
use tidegate::pool::Parcel;
use tidegate::pool::Pool;
use tidegate::pool::PoolKey;
use tidegate::pool::Post;
use tidegate::pool::Seat;
use tidegate::pool::ServerState;
use tidegate::pool::Surroundings;
use tidegate::pool::Waiting;
use tidegate::tenancy::Directory;
use tidegate::tenancy::NodeCounts;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::tag;
use tokio::time::Instant;

use crate::pool::Op;
use crate::pool_servers::Gate;
use crate::pool_servers::Servers;

const WORKERS: usize = 2;
/// Alice's and Bob's on one worker, and a part of Alice's on the other.
const PARTS: usize = 3;
const POOL_SIZE: u32 = 3;
/// Of both pools together: they take servers from one another.
const TENANT_SERVERS_MAX: u32 = 4;
/// More than one letter for each worker, so that both happen: it arrives, and there is no room.
const MAIL_MAX: usize = 2;
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// What a client has.
#[derive(Debug)]
enum Has {
    Nothing,
    Place(Waiting),
    Server(Lease),
}

/// What is on its way to each worker.
#[derive(Debug, Clone, Default)]
struct Mail(Rc<RefCell<[VecDeque<Parcel>; WORKERS]>>);

impl Post for Mail {
    fn send(&self, worker: usize, parcel: Parcel) -> Result<(), Parcel> {
        let mut mail = self.0.borrow_mut();
        if mail[worker].len() == MAIL_MAX {
            return Err(parcel);
        }
        mail[worker].push_back(parcel);
        Ok(())
    }
}

impl Mail {
    fn take(&self, worker: usize) -> Option<Parcel> {
        self.0.borrow_mut()[worker].pop_front()
    }

    /// How many servers are on their way: all of them are Alice's.
    fn servers(&self) -> u32 {
        let mail = self.0.borrow();
        let servers = mail.iter().flatten();
        let servers = servers.filter(|parcel| matches!(parcel, Parcel::Server(_)));
        u32::try_from(servers.count()).expect("few")
    }
}

/// One client of one part of a pool.
#[derive(Debug)]
struct Client {
    pool: usize,
    seat: Option<Rc<Seat>>,
    has: Has,
}

/// Two pools, one of them in two parts, and all that is around them.
pub(crate) struct World {
    homes: Vec<Rc<Home>>,
    mail: Mail,
    node: Arc<NodeCounts>,
    directory: Directory,
    pools: Vec<Rc<Pool>>,
    clients: Vec<Client>,
    /// Who waits, in the order in which they came, by pool.
    queues: Vec<VecDeque<usize>>,
    servers: Servers,
    port: u16,
    failed_at: Option<Instant>,
}

impl World {
    pub(crate) fn new() -> Self {
        let port = 1;
        let tenants = BTreeMap::from([("acme".to_owned(), Arc::new(tenant(port)))]);
        let directory = Directory::new(&tenants);
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
                };
                Home::new(worker, Arc::clone(&node), surroundings)
            })
            .collect();
        let acme = directory.find("acme").expect("it was configured");
        let config = acme.config();
        let parts: [_; PARTS] = [(0, "alice"), (0, "bob"), (1, "alice")];
        let pools: Vec<_> = parts
            .iter()
            .map(|(worker, user)| homes[*worker].pool(&acme, "app", &config.users[*user]))
            .collect();
        for pool in &pools {
            // A pool that nobody uses is forgotten.
            pool.clients.set(3);
        }
        let client = |number: usize| Client {
            pool: number % PARTS,
            seat: None,
            has: Has::Nothing,
        };
        Self {
            homes,
            mail,
            node,
            directory,
            queues: pools.iter().map(|_| VecDeque::new()).collect(),
            pools,
            clients: (0..9).map(client).collect(),
            servers,
            port,
            failed_at: None,
        }
    }

    pub(crate) async fn apply(&mut self, op: Op) {
        let now = Instant::now();
        match op {
            Op::Ask(client) => self.ask(client, now),
            Op::Release(client) => {
                if let Some(lease) = self.take_server(client) {
                    pool::release(lease, now);
                }
            },
            Op::ReleaseToTheVanished(client) => {
                if let Some(lease) = self.take_server(client) {
                    let pool = usize::from(client) % self.clients.len() % PARTS;
                    pool::release(lease, now);
                    if let Some(first) = self.queues[pool].front().copied() {
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
                if let Some(lease) = self.take_server(client) {
                    self.servers.asked(lease.card.key.process_id);
                    pool::release_after_reset(lease, now);
                }
            },
            Op::Vanish(client) => {
                self.vanish(usize::from(client) % self.clients.len());
            },
            Op::Cancel(client) => {
                let client = &self.clients[usize::from(client) % self.clients.len()];
                if let Has::Server(lease) = &client.has {
                    pool::cancel_server(&self.pools[client.pool], &lease.card, ());
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
            Op::Reload => self.reload(now),
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
        let client = &mut self.clients[number];
        if !matches!(client.has, Has::Nothing) {
            return;
        }
        match self.pools[client.pool].checkout(&mut client.seat, now) {
            Checkout::Ready(lease) => {
                assert!(
                    self.queues[client.pool].is_empty(),
                    "it has overtaken others"
                );
                self.servers.check_lent(&lease, self.port);
                client.has = Has::Server(lease);
            },
            Checkout::Wait(waiting) => {
                client.has = Has::Place(waiting);
                self.queues[client.pool].push_back(number);
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

    fn vanish(&mut self, client: usize) {
        for queue in &mut self.queues {
            queue.retain(|waiting| *waiting != client);
        }
        self.clients[client].has = Has::Nothing;
        // Another comes in its place.
        self.clients[client].seat = None;
    }

    /// Time passes, then everybody looks at what has come of it until nothing more does.
    async fn tick(&mut self, tenths: u8) {
        tokio::time::advance(Duration::from_millis(100) * u32::from(tenths)).await;
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
        }
        self.settle().await;
        self.note_failures();
        // What has become free since then is seen at the next tick, and used at the one after.
        for home in self.homes.iter().chain(&self.homes) {
            drop(home.tick(Instant::now()));
        }
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

    fn reload(&mut self, now: Instant) {
        self.port += 1;
        let tenants = BTreeMap::from([("acme".to_owned(), Arc::new(tenant(self.port)))]);
        drop(self.directory.reload(&tenants));
        for home in &self.homes {
            // What is on its way between them belongs to the past.
            home.reload(now);
        }
    }

    /// Lets every task come to where it waits.
    async fn settle(&self) {
        for _ in 0..12 {
            tokio::task::yield_now().await;
        }
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
                                self.servers.check_lent(&lease, self.port);
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

    /// What holds at every moment.
    pub(crate) fn check(&self) {
        let mut known = self.mail.servers();
        for (number, pool) in self.pools.iter().enumerate() {
            let cards = pool.server_cards();
            known += count(pool);
            let of_pool = self.count_all(&pool.key);
            assert!(of_pool <= POOL_SIZE, "{of_pool} servers in one pool");
            let (waiting, _) = pool.waiting();
            assert_eq!(waiting, self.queues[number].len(), "who waits");
            let of = |state| {
                let cards = cards.iter().filter(move |card| card.state.get() == state);
                cards.count()
            };
            let held = self
                .clients
                .iter()
                .filter(|client| client.pool == number && matches!(client.has, Has::Server(_)));
            assert_eq!(of(ServerState::Active), held.count(), "who has a server");
            let idles = of(ServerState::Idle);
            let connecting = usize::try_from(pool.connecting()).expect("few");
            let coming = connecting + of(ServerState::Tested);
            assert!(
                idles == 0 || waiting <= coming,
                "{waiting} wait for {idles} idle"
            );
        }
        assert_eq!(known, self.node.servers(), "servers are counted");
        assert!(known <= TENANT_SERVERS_MAX, "{known} servers of one tenant");
    }

    /// The servers of a pool, on all workers and between them.
    fn count_all(&self, key: &PoolKey) -> u32 {
        let parts = self.pools.iter().filter(|pool| pool.key == *key);
        let there: u32 = parts.map(|pool| count(pool)).sum();
        let moving = if key.user() == "alice" {
            self.mail.servers()
        } else {
            0
        };
        there + moving
    }

    /// What holds after a tick: whoever waits, waits for something.
    fn check_progress(&self) {
        let now = Instant::now();
        let is_down = self
            .failed_at
            .is_some_and(|at| now.duration_since(at) < RETRY_MAX);
        for pool in &self.pools {
            let (waiting, _) = pool.waiting();
            let cards = pool.server_cards();
            let mut states = cards.iter().map(|card| card.state.get());
            // One that is asked whether it lives is on its way, too.
            let is_coming =
                pool.connecting() > 0 || states.any(|state| state == ServerState::Tested);
            if waiting == 0 || is_down || is_coming {
                continue;
            }
            assert!(
                self.node.servers() == TENANT_SERVERS_MAX || self.count_all(&pool.key) == POOL_SIZE,
                "there is room, and nothing is opened for {waiting} that wait: {}",
                self.picture()
            );
            for other in &self.pools {
                let is_in_its_place =
                    other.key == pool.key || self.count_all(&pool.key) < POOL_SIZE;
                let cards = other.server_cards();
                let mut states = cards.iter().map(|card| card.state.get());
                assert!(
                    !is_in_its_place || states.all(|state| state != ServerState::Idle),
                    "{waiting} wait for a place that an idle server elsewhere takes: {}",
                    self.picture()
                );
            }
        }
    }

    /// Who has what, for whoever must find out why.
    fn picture(&self) -> String {
        let parts = self.pools.iter().map(|pool| {
            let cards = pool.server_cards();
            let states: Vec<_> = cards.iter().map(|card| card.state.get()).collect();
            let (user, (waiting, _)) = (pool.key.user(), pool.waiting());
            format!("{user} {states:?} +{} for {waiting}", pool.connecting())
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// Everybody goes; then nothing is left.
    pub(crate) async fn end(mut self) {
        for client in &mut self.clients {
            client.has = Has::Nothing;
        }
        self.queues.iter_mut().for_each(VecDeque::clear);
        for _ in 0..3 {
            self.servers.fail_all();
            self.tick(250).await;
            self.settle().await;
        }
        for home in &self.homes {
            home.close();
        }
        self.settle().await;
        assert_eq!(
            self.mail.servers(),
            0,
            "servers are on their way at the end"
        );
        for pool in &self.pools {
            pool.clients.set(0);
            assert!(pool.is_unused(), "a pool is not empty at the end");
            assert_eq!(pool.waiting().0, 0, "somebody waits at the end");
        }
        assert_eq!(self.node.servers(), 0, "servers are counted at the end");
    }
}

/// The servers of one worker's part of a pool.
fn count(pool: &Pool) -> u32 {
    let connected = u32::try_from(pool.server_cards().len()).expect("few");
    connected + pool.connecting()
}

fn tenant(port: u16) -> config::Tenant {
    let pool = config::PoolSettings {
        pool_size: POOL_SIZE,
        query_wait_timeout: WAIT_TIMEOUT,
        server_login_retry: RETRY_MAX,
        ..config::PoolSettings::default()
    };
    let user = |name: &str| config::User {
        name: name.to_owned(),
        pool: pool.clone(),
        ..config::User::default()
    };
    let users = ["alice", "bob"].map(|name| (name.to_owned(), Arc::new(user(name))));
    let mut endpoint = config::Endpoint {
        name: "primary".to_owned(),
        port,
        ..config::Endpoint::default()
    };
    endpoint.tls.mode = config::ServerTlsMode::Disable;
    config::Tenant {
        name: "acme".to_owned(),
        endpoints: vec![Arc::new(endpoint)],
        users: BTreeMap::from(users),
        pool,
        max_db_connections: TENANT_SERVERS_MAX,
        ..config::Tenant::default()
    }
}
