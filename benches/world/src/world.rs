//! A node with one worker, one tenant and one server, all in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use tidegate::config;
use tidegate::config::Endpoint;
use tidegate::config::PoolMode;
use tidegate::config::Route;
use tidegate::config::ServerTlsMode;
use tidegate::limits::TICK_INTERVAL;
use tidegate::net::Socket;
use tidegate::net::Transport;
use tidegate::pool::Dial;
use tidegate::pool::Dialing;
use tidegate::pool::Home;
use tidegate::pool::Pool;
use tidegate::pool::Surroundings;
use tidegate::session;
use tidegate::session::Arrival;
use tidegate::session::CancelKeys;
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
use crate::far_end::Script;
use crate::pipe::End;
use crate::pipe::pipe;

/// No login and no answer of a script is longer.
const ANSWER_BYTES: usize = 1024;

/// The node.
#[derive(Debug)]
pub struct World {
    home: Rc<Home>,
    registry: Rc<Registry>,
    keys: Arc<CancelKeys>,
    node: Arc<NodeCounts>,
    directory: Directory,
    mode: PoolMode,
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
    fn dial<'a>(&'a self, _endpoint: &'a Endpoint, _only: Option<SocketAddr>) -> Dialing<'a> {
        let (near, far) = pipe();
        tokio::task::spawn_local(far_end::serve(far));
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
        let tenants = BTreeMap::from([("acme".to_owned(), Arc::new(tenant(pool)))]);
        let node = config::Node {
            max_client_conn: 0,
            ..config::Node::default()
        };
        let node = Arc::new(NodeCounts::new(&node));
        let surroundings = Surroundings {
            random: different,
            dial: Box::new(Servers),
            post: Box::new(Mailboxes::new(1).0),
            statement_prefix: "tidegate_07070707_".into(),
            topologies: Arc::default(),
            catalogs: Arc::default(),
            sleepers: Arc::default(),
            region: Arc::default(),
        };
        Self {
            home: Home::new(0, Arc::clone(&node), surroundings),
            registry: Rc::default(),
            keys: Arc::default(),
            directory: Directory::new(&tenants),
            node,
            mode,
        }
    }

    /// The pool of its clients.
    pub fn pool(&self) -> Rc<Pool> {
        let tenant = self.directory.find("acme").unwrap();
        let user = Arc::clone(&tenant.config().users["app"]);
        self.home.pool(&tenant, "app", &user)
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
            origin: Arc::new(Origin::direct(PeerAddress::from_socket(address))),
            user: Arc::clone(&tenant.config().users["app"]),
            permit: ClientPermit::try_acquire(&self.node, &tenant, "app").unwrap(),
            tenant,
            database: "app".to_owned(),
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
        let keys = Arc::clone(&self.keys);
        tokio::task::spawn_local(async move {
            // As a worker does: the session's task has nothing of the login in it.
            let begun = Box::pin(session::begin(arrival, home, registry, keys)).await;
            tokio::task::spawn_local(begun.unwrap());
        });
        let mut guest = Guest { stream, script };
        guest.until_ready().await;
        guest.stream.write_all(script.first).await.unwrap();
        guest.take(script.first_answered_bytes).await;
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
        self.take(self.script.again_answered_bytes).await;
    }

    /// All that it hears until its connection ends.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        rest
    }

    /// Takes an answer of so many bytes, the last of which says that more may be asked.
    async fn take(&mut self, bytes: usize) {
        let mut answer = [0; ANSWER_BYTES];
        let answer = &mut answer[..bytes];
        self.stream.read_exact(answer).await.unwrap();
        assert!(answer.ends_with(b"Z\0\0\0\x05I"), "{answer:?}");
    }

    async fn until_ready(&mut self) {
        let mut length = 0;
        let mut answer = [0; ANSWER_BYTES];
        while !answer[..length].ends_with(b"Z\0\0\0\x05I") {
            let read = self.stream.read(&mut answer[length..]).await.unwrap();
            assert!(read > 0, "the login failed");
            length += read;
        }
    }
}

fn tenant(pool: config::PoolSettings) -> config::Tenant {
    let user = config::User {
        name: "app".to_owned(),
        pool: pool.clone(),
        ..config::User::default()
    };
    let mut endpoint = Endpoint {
        name: "primary".to_owned(),
        ..Endpoint::default()
    };
    endpoint.tls.mode = ServerTlsMode::Disable;
    config::Tenant {
        name: "acme".to_owned(),
        endpoints: vec![Arc::new(endpoint)],
        users: BTreeMap::from([("app".to_owned(), Arc::new(user))]),
        pool,
        ..config::Tenant::default()
    }
}
