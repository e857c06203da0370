//! What is around a pool: clients, connections that are being opened, servers, and a clock; and the
//! rules that hold whatever these do.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use tidegate::config;
use tidegate::pool;
use tidegate::pool::Checkout;
use tidegate::pool::Home;
use tidegate::pool::Surroundings;
use tidegate::pool::Lease;
use tidegate::pool::Pool;
use tidegate::pool::Seat;
use tidegate::pool::ServerState;
use tidegate::pool::Waiting;
use tidegate::session::Mailboxes;
use tidegate::tenancy::Directory;
use tidegate::tenancy::NodeCounts;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::tag;
use tokio::time::Instant;

use crate::pool::Op;
use crate::pool_servers::Gate;
use crate::pool_servers::Servers;

const POOLS: usize = 2;
const POOL_SIZE: u32 = 2;
/// Of both pools together: they take idle servers from one another.
const TENANT_SERVERS_MAX: u32 = 3;
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// What a client has.
#[derive(Debug)]
enum Has {
    Nothing,
    Place(Waiting),
    Server(Lease),
}

/// One client of one pool.
#[derive(Debug)]
struct Client {
    pool: usize,
    seat: Option<Rc<Seat>>,
    has: Has,
}

/// Two pools and all that is around them.
pub(crate) struct World {
    home: Rc<Home>,
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
        let surroundings = Surroundings {
            random: |bytes| bytes.fill(7),
            dial: Box::new(gate),
            post: Box::new(Mailboxes::new(1).0),
            statement_prefix: "tidegate_07070707_".into(),
        };
        let home = Home::new(0, Arc::clone(&node), surroundings);
        let acme = directory.find("acme").expect("it was configured");
        let users = acme.config();
        let pools: Vec<_> = users
            .users
            .values()
            .map(|user| home.pool(&acme, "app", user))
            .collect();
        for pool in &pools {
            // A pool that nobody uses is forgotten.
            pool.clients.set(3);
        }
        let client = |number: usize| Client {
            pool: number % POOLS,
            seat: None,
            has: Has::Nothing,
        };
        Self {
            home,
            node,
            directory,
            queues: pools.iter().map(|_| VecDeque::new()).collect(),
            pools,
            clients: (0..6).map(client).collect(),
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
                    let pool = usize::from(client) % self.clients.len() % POOLS;
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

    async fn tick(&mut self, tenths: u8) {
        tokio::time::advance(Duration::from_millis(100) * u32::from(tenths)).await;
        self.settle().await;
        if self.servers.has_given_up() {
            self.failed_at = Some(Instant::now());
        }
        drop(self.home.tick(Instant::now()));
    }

    fn reload(&mut self, now: Instant) {
        self.port += 1;
        let tenants = BTreeMap::from([("acme".to_owned(), Arc::new(tenant(self.port)))]);
        drop(self.directory.reload(&tenants));
        self.home.reload(now);
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
        let mut known = 0;
        for (number, pool) in self.pools.iter().enumerate() {
            let cards = pool.server_cards();
            let count = u32::try_from(cards.len()).expect("few") + pool.connecting();
            known += count;
            assert!(count <= POOL_SIZE, "{count} servers in one pool");
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

    /// What holds after a tick: whoever waits, waits for something.
    fn check_progress(&self) {
        let now = Instant::now();
        let is_down = self
            .failed_at
            .is_some_and(|at| now.duration_since(at) < RETRY_MAX);
        for pool in &self.pools {
            let cards = pool.server_cards();
            let (waiting, _) = pool.waiting();
            let count = u32::try_from(cards.len()).expect("few") + pool.connecting();
            let has_room = count < POOL_SIZE;
            if waiting == 0 || is_down || !has_room || pool.connecting() > 0 {
                continue;
            }
            assert_eq!(
                self.node.servers(),
                TENANT_SERVERS_MAX,
                "there is room, and nothing is opened for {waiting} that wait"
            );
            for other in &self.pools {
                let cards = other.server_cards();
                let mut states = cards.iter().map(|card| card.state.get());
                assert!(
                    states.all(|state| state != ServerState::Idle),
                    "{waiting} wait for a place that an idle server of another pool takes"
                );
            }
        }
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
        self.home.close();
        self.settle().await;
        for pool in &self.pools {
            pool.clients.set(0);
            assert!(pool.is_unused(), "a pool is not empty at the end");
            assert_eq!(pool.waiting().0, 0, "somebody waits at the end");
        }
        assert_eq!(self.node.servers(), 0, "servers are counted at the end");
    }
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
