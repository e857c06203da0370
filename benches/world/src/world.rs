//! A node with one worker, one tenant and one server, or two of which one is a standby, all in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate::config;
use tidegate::config::Endpoint;
use tidegate::config::PoolMode;
use tidegate::config::Role;
use tidegate::config::Route;
use tidegate::config::ServerTlsMode;
use tidegate::limits::TICK_INTERVAL;
use tidegate::net::Socket;
use tidegate::net::Transport;
use tidegate::pool::Dial;
use tidegate::pool::Dialing;
use tidegate::pool::Home;
use tidegate::pool::Pool;
use tidegate::pool::PoolKey;
use tidegate::pool::Surroundings;
use tidegate::routing::Look;
use tidegate::routing::Lsn;
use tidegate::routing::Sighting;
use tidegate::routing::State;
use tidegate::routing::Topologies;
use tidegate::routing::Watch;
use tidegate::session;
use tidegate::session::Arrival;
use tidegate::session::Ending;
use tidegate::session::Mailboxes;
use tidegate::session::Registry;
use tidegate::tenancy::ClientPermit;
use tidegate::tenancy::Directory;
use tidegate::tenancy::NodeCounts;
use tidegate::tenancy::Origin;
use tidegate::tenancy::PeerAddress;
use tidegate_proto::startup::Replication;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::far_end;
use crate::far_end::READY;
use crate::far_end::Script;
use crate::far_end::Side;
use crate::pipe::End;
use crate::pipe::pipe;

/// No login and no answer of a script is longer.
const ANSWER_BYTES: usize = 1024;

/// What the replica is called.
const REPLICA: &str = "replica";

/// So often both endpoints are looked at before anybody comes, so that their distances are known.
const LOOKS_AT_FIRST: u32 = 8;

/// The node.
#[derive(Debug)]
pub struct World {
    home: Rc<Home>,
    registry: Rc<Registry>,
    node: Arc<NodeCounts>,
    directory: Directory,
    mode: PoolMode,
    /// What is known of the endpoints, if there is a replica. No monitor asks them: see [`World::look`].
    watch: Option<Watch>,
}

/// A client.
#[derive(Debug)]
pub struct Guest {
    stream: End,
    script: &'static Script,
}

/// Every connection leads to a server of its own.
#[derive(Debug)]
struct Servers;

impl Dial for Servers {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, _only: Option<SocketAddr>) -> Dialing<'a> {
        let (near, far) = pipe();
        let side = if endpoint.name == REPLICA {
            Side::Replica
        } else {
            Side::Primary
        };
        tokio::task::spawn_local(far_end::serve(far, side));
        Box::pin(async { Ok(Transport::in_memory(near)) })
    }
}

/// No two clients may be given the same key, nor the same four bytes of one.
fn different(bytes: &mut [u8]) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    for (place, byte) in bytes.iter_mut().zip(number.into_iter().rev().cycle()) {
        *place = byte;
    }
}

impl World {
    /// A node whose one tenant may have so many servers. Sessions that keep theirs need one each.
    pub fn new(mode: PoolMode, pool_size: u32) -> Self {
        Self::with(
            mode,
            config::PoolSettings {
                pool_size,
                ..config::PoolSettings::default()
            },
        )
    }

    /// The same, with these settings.
    pub fn with(mode: PoolMode, pool: config::PoolSettings) -> Self {
        Self::of(mode, tenant(pool, &[]))
    }

    /// The same, whose tenant has a replica that is nearer than its primary.
    pub fn with_replica(mode: PoolMode, pool: config::PoolSettings) -> Self {
        let world = Self::of(mode, tenant(pool, &[REPLICA]));
        for _ in 0..LOOKS_AT_FIRST {
            world.look();
        }
        world
    }

    fn of(mode: PoolMode, tenant: config::Tenant) -> Self {
        let tenants = BTreeMap::from([("acme".to_owned(), Arc::new(tenant))]);
        let node = config::Node {
            max_client_conn: 0,
            ..config::Node::default()
        };
        let node = Arc::new(NodeCounts::new(&node));
        let topologies = Arc::<Topologies>::default();
        let directory = Directory::new(&tenants);
        let acme = directory.find("acme").unwrap();
        let surroundings = Surroundings {
            random: different,
            dial: Box::new(Servers),
            post: Box::new(Mailboxes::new(1).0),
            statement_prefix: "tidegate_07070707_".into(),
            topologies: Arc::clone(&topologies),
            catalogs: Arc::default(),
            sleepers: Arc::default(),
            region: Arc::default(),
        };
        Self {
            home: Home::new(0, Arc::clone(&node), surroundings),
            registry: Rc::default(),
            directory,
            node,
            mode,
            watch: topologies.of(&acme).and_then(|topology| topology.watch()),
        }
    }

    /// The pool of its clients.
    pub fn pool(&self) -> Rc<Pool> {
        let tenant = self.directory.find("acme").unwrap();
        let user = Arc::clone(&tenant.config().users["app"]);
        self.home.pool(&tenant, "app", &user)
    }

    /// What monitors would find, who find nothing new: both endpoints answer, and the replica has all that
    /// there is. To be called again before what they said is too old, and when servers have been opened.
    pub fn look(&self) {
        let Some(watch) = &self.watch else {
            return;
        };
        let tenant = self.directory.find("acme").unwrap().config();
        for endpoint in &tenant.endpoints {
            let is_replica = endpoint.name == REPLICA;
            let sighting = Sighting {
                state: if is_replica {
                    State::Standby
                } else {
                    State::Writable { timeline: 1 }
                },
                started: 1,
                system: Some(1),
                followed: is_replica.then_some(1),
                lsn: Lsn(100),
                received: None,
                lag: None,
                replay_age: None,
            };
            let now = Instant::now();
            let round_trip = Duration::from_millis(if is_replica { 1 } else { 50 });
            let look = Look {
                connected_at: now,
                asked_at: now,
                answered_at: now + round_trip,
            };
            watch.topology().saw(endpoint, sighting, look);
        }
    }

    /// Asks every client to go, once what it is at is done.
    pub fn drain(&self) {
        self.registry.end_all(Ending::ShuttingDown);
    }

    /// How many clients wait for a server.
    pub fn waiting(&self) -> usize {
        self.pool().waiting().0
    }

    /// What a worker does by time, from time to time, for as long as the runtime runs.
    pub fn keep_ticking(&self) {
        let (home, registry) = (Rc::clone(&self.home), Rc::clone(&self.registry));
        tokio::task::spawn_local(async move {
            let mut ticks = tokio::time::interval(TICK_INTERVAL);
            loop {
                let now = ticks.tick().await;
                drop(home.tick(now));
                registry.tick(&home, now);
            }
        });
    }

    /// A client logs in and says what it says once.
    pub async fn connect(&self, name: &str, script: &'static Script) -> Guest {
        let tenant = self.directory.find("acme").unwrap();
        let (near, stream) = pipe();
        let address = SocketAddr::from(([10, 0, 0, 1], 4711));
        let arrival = Arrival {
            socket: Socket::Plain(Transport::in_memory(near)),
            greeting: Vec::new(),
            local: None,
            origin: Origin::direct(PeerAddress::from_socket(address)),
            user: Arc::clone(&tenant.config().users["app"]),
            permit: ClientPermit::try_acquire(&self.node, &tenant, "app").unwrap(),
            key: PoolKey::new(&tenant, "app", "app"),
            tenant,
            database_label: "app".to_owned(),
            parameters: vec![("application_name".to_owned(), name.to_owned())],
            replication: Replication::None,
            protocol_minor: 0,
            pool_mode: self.mode,
            route: Route::Auto,
            client_keys: None,
            accepted_at: Instant::now(),
        };
        let (home, registry) = (Rc::clone(&self.home), Rc::clone(&self.registry));
        let begun = session::begin(arrival, home, registry);
        tokio::task::spawn_local(session::Task::new(begun));
        let mut guest = Guest { stream, script };
        guest.until_ready().await;
        guest.stream.write_all(script.first).await.unwrap();
        guest.take(script.first_answered_bytes, READY).await;
        guest
    }
}

impl Guest {
    /// Says what it says again and again.
    pub async fn say(&mut self) {
        self.stream.write_all(self.script.again).await.unwrap();
    }

    /// Hears the answer.
    pub async fn hear(&mut self) {
        let row = self.script.answered_by.row();
        self.take(self.script.again_answered_bytes, row).await;
    }

    /// All that it hears until its connection ends.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        rest
    }

    /// Takes an answer of so many bytes with this in it, the last of which says that more may be asked.
    async fn take(&mut self, bytes: usize, wanted: &[u8]) {
        let mut answer = [0; ANSWER_BYTES];
        let answer = &mut answer[..bytes];
        self.stream.read_exact(answer).await.unwrap();
        let has_it = answer.windows(wanted.len()).any(|bytes| bytes == wanted);
        assert!(has_it && answer.ends_with(READY), "{answer:?}");
    }

    async fn until_ready(&mut self) {
        let mut length = 0;
        let mut answer = [0; ANSWER_BYTES];
        while !answer[..length].ends_with(READY) {
            let read = self.stream.read(&mut answer[length..]).await.unwrap();
            assert!(read > 0, "the login failed");
            length += read;
        }
    }
}

/// A tenant with a primary and these replicas.
fn tenant(pool: config::PoolSettings, replicas: &[&str]) -> config::Tenant {
    let user = config::User {
        name: "app".to_owned(),
        pool: pool.clone(),
        ..config::User::default()
    };
    let endpoint = |(name, role): (&str, Role)| {
        let mut endpoint = Endpoint {
            name: name.to_owned(),
            role,
            ..Endpoint::default()
        };
        endpoint.tls.mode = ServerTlsMode::Disable;
        Arc::new(endpoint)
    };
    let replicas = replicas.iter().map(|name| (*name, Role::Replica));
    let endpoints = std::iter::once(("primary", Role::Primary)).chain(replicas);
    config::Tenant {
        name: "acme".to_owned(),
        endpoints: endpoints.map(endpoint).collect(),
        users: BTreeMap::from([("app".to_owned(), Arc::new(user))]),
        pool,
        ..config::Tenant::default()
    }
}
