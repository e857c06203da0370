//! One node in a world of its own: its tenants, its pools, and what operators do to it.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tidegate::config;
use tidegate::config::Host;
use tidegate::config::PoolMode;
use tidegate::config::Route;
use tidegate::config::SecretText;
use tidegate::config::ServerTlsMode;
use tidegate::limits::TICK_INTERVAL;
use tidegate::net::Socket;
use tidegate::net::Transport;
use tidegate::pool;
use tidegate::pool::Home;
use tidegate::pool::Pool;
use tidegate::pool::PoolKey;
use tidegate::pool::Surroundings;
use tidegate::pool::statement_prefix;
use tidegate::session;
use tidegate::session::Arrival;
use tidegate::session::CancelKey;
use tidegate::session::CancelKeys;
use tidegate::session::Client;
use tidegate::session::Ending;
use tidegate::session::Registry;
use tidegate::tenancy::ClientPermit;
use tidegate::tenancy::Directory;
use tidegate::tenancy::NodeCounts;
use tidegate::tenancy::Origin;
use tidegate::tenancy::PeerAddress;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::challenge;
use crate::challenge::Challenge;
use crate::mail::Mail;
use crate::nature::Nature;
use crate::nature::Place;
use crate::nature::pass;
use crate::network;
use crate::network::Line;
use crate::network::Network;
use crate::random;

/// The users of every tenant.
const USERS: [&str; 2] = ["alice", "bob"];

/// The configuration of every tenant, by name.
pub(crate) type Tenants = BTreeMap<String, Arc<config::Tenant>>;

/// One node.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) nature: Rc<Nature>,
    pub(crate) workers: Vec<Worker>,
    mail: Mail,
    pub(crate) keys: Arc<CancelKeys>,
    pub(crate) node: Arc<NodeCounts>,
    pub(crate) tenants: RefCell<Tenants>,
    directory: Directory,
    /// Nothing more happens to it.
    pub(crate) is_over: Cell<bool>,
}

/// One worker of it.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) home: Rc<Home>,
    pub(crate) registry: Rc<Registry>,
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: DuplexStream,
    pub(crate) line: Rc<Line>,
    pub(crate) session: JoinHandle<()>,
}

/// What a client says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) number: u32,
    pub(crate) place: Place,
    pub(crate) mode: PoolMode,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Worker {
    fn reloaded(&self) {
        self.home.reload(Instant::now());
        for client in self.registry.clients() {
            if client.pool.tenant.is_gone() {
                client.end(Ending::TenantGone);
            }
        }
    }
}

impl World {
    pub(crate) fn new(nature: Rc<Nature>, tenants: Tenants) -> Rc<Self> {
        random::seed_keys(nature.random.borrow_mut().number());
        let node = Arc::new(NodeCounts::new(&config::Node::default()));
        let keys = Arc::<CancelKeys>::default();
        let (mail, prefix) = (Mail::new(&nature), statement_prefix(random::keys));
        let workers = (0..nature.weather.workers).map(|number| {
            let surroundings = Surroundings {
                random: random::keys,
                dial: Box::new(Network(Rc::clone(&nature))),
                post: Box::new(mail.clone()),
                statement_prefix: Arc::clone(&prefix),
                topologies: Arc::default(),
                catalogs: Arc::default(),
                sleepers: Arc::default(),
                region: Arc::default(),
            };
            let home = Home::new(number, Arc::clone(&node), surroundings);
            mail.join(&home);
            Worker {
                home,
                registry: Rc::new(Registry::new(Arc::clone(&keys))),
            }
        });
        Rc::new(Self {
            workers: workers.collect(),
            mail,
            keys,
            directory: Directory::new(&tenants),
            is_over: Cell::new(false),
            tenants: RefCell::new(tenants),
            nature,
            node,
        })
    }

    /// A client comes; `None` if its tenant is gone. `wrap` stands between its session and the
    /// runtime.
    pub(crate) fn connect<F: Future<Output = ()> + 'static>(
        &self,
        client: &Introduction,
        wrap: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()>>>) -> F,
    ) -> Option<Connection> {
        let Place {
            tenant,
            database,
            user,
            ..
        } = &client.place;
        let tenant = self.directory.find(tenant)?;
        let permit = ClientPermit::try_acquire(&self.node, &tenant, user).ok()?;
        let (near, stream, line) = network::connect(&self.nature, network::Side::Client);
        let address = SocketAddr::from(([10, 0, 0, 1], 4711));
        let arrival = Arrival {
            socket: Socket::Plain(Transport::in_memory(near)),
            greeting: Vec::new(),
            local: None,
            origin: Origin::direct(PeerAddress::from_socket(address)),
            user: tenant.config().users.get(user).cloned()?,
            key: PoolKey::new(&tenant, database, user),
            tenant,
            database_label: database.clone(),
            parameters: client.parameters.clone(),
            replication: client.place.replication,
            protocol_minor: 0,
            pool_mode: client.mode,
            route: Route::Auto,
            permit,
            client_keys: matches!(self.nature.weather.challenge, Challenge::Scram)
                .then(|| challenge::client_keys(user)),
            accepted_at: Instant::now(),
        };
        let Worker { home, registry } = self.nature.pick(&self.workers).clone();
        let session = async move {
            let begun = session::begin(arrival, home, registry).await;
            if let Some(live) = begun {
                live.await;
            }
        };
        let mut places = self.nature.places.borrow_mut();
        places.insert(client.number, client.place.clone());
        Some(Connection {
            stream,
            line,
            session: tokio::task::spawn_local(wrap(Box::pin(session))),
        })
    }

    /// A cancel request comes, as a worker takes it.
    pub(crate) fn cancel(&self, key: &CancelKey) {
        if let Some(client) = self.client(key)
            && let Some(card) = client.server()
        {
            pool::cancel_server(&client.pool, &card, ());
        }
    }

    fn client(&self, key: &CancelKey) -> Option<Rc<Client>> {
        let target = self.keys.target(key)?;
        let worker = self.workers.get(target.worker)?;
        worker.registry.client(target.client)
    }

    /// The live sessions.
    pub(crate) fn clients(&self) -> Vec<Rc<Client>> {
        let registries = self.workers.iter().map(|worker| &worker.registry);
        registries.flat_map(|registry| registry.clients()).collect()
    }

    fn pools(&self) -> Vec<Rc<Pool>> {
        let homes = self.workers.iter().map(|worker| &worker.home);
        homes.flat_map(|home| home.pools()).collect()
    }

    /// An operator ends a client.
    pub(crate) fn kill(&self, key: &CancelKey) {
        if let Some(client) = self.client(key) {
            client.end(Ending::Killed);
        }
    }

    /// Everybody is asked to go, once what they are at is done.
    pub(crate) fn drain(&self) {
        self.nature.note(format_args!("the node drains"));
        self.nature.is_draining.set(true);
        for worker in &self.workers {
            worker.registry.end_all(Ending::ShuttingDown);
        }
    }

    /// Another configuration, as a worker takes it.
    pub(crate) fn reload(&self, tenants: Tenants) {
        self.nature.note(format_args!("the node reloads"));
        for gone in self.directory.reload(&tenants).removed {
            let mut all = self.nature.gone.borrow_mut();
            all.insert(gone.name().to_owned());
        }
        *self.tenants.borrow_mut() = tenants;
        // They do not all hear of it at once.
        let mut workers = self.workers.iter().cloned();
        let first = workers.next();
        for worker in workers {
            let nature = Rc::clone(&self.nature);
            tokio::task::spawn_local(async move {
                nature.dawdle().await;
                worker.reloaded();
            });
        }
        if let Some(first) = first {
            first.reloaded();
        }
    }

    /// What a worker does all the time.
    pub(crate) async fn go_round(self: Rc<Self>) {
        while !self.is_over.get() {
            pass(TICK_INTERVAL).await;
            let now = Instant::now();
            for Worker { home, registry } in &self.workers {
                // Clients come to any worker here; nobody keeps a list of their homes.
                drop(home.tick(now));
                registry.tick(home, now);
            }
            self.check_limits();
        }
    }

    /// What operators do now and then.
    pub(crate) async fn meddle(self: Rc<Self>) {
        let nature = &self.nature;
        while !self.is_over.get() && nature.weather.reloads + nature.weather.drains > 0 {
            pass(Duration::from_millis(nature.between(1, 100))).await;
            self.check_limits();
            if nature.chance(nature.weather.reloads) {
                self.reload_somehow();
            }
            if nature.chance(nature.weather.drains) {
                self.drain();
                if nature.chance(nature.weather.reloads_in_drains) {
                    nature.dawdle().await;
                    self.reload_somehow();
                }
            }
        }
    }

    fn reload_somehow(&self) {
        let mut tenants = self.tenants.borrow().clone();
        let names: Vec<String> = tenants.keys().cloned().collect();
        let nature = &self.nature;
        let Some(name) = names.get(nature.random.borrow_mut().below(names.len().max(1))) else {
            return;
        };
        if nature.chance(150) {
            tenants.remove(name);
        } else if let Some(config) = tenants.get(name) {
            let mut config = config::Tenant::clone(config);
            if nature.chance(500) {
                let endpoint = config::Endpoint {
                    port: u16::try_from(nature.between(1, 60_000)).unwrap(),
                    ..config::Endpoint::clone(&config.endpoints[0])
                };
                config.endpoints = vec![Arc::new(endpoint)];
            }
            for user in config.users.values_mut() {
                Arc::make_mut(user).pool.pool_size = u32::try_from(nature.between(1, 4)).unwrap();
            }
            tenants.insert(name.clone(), Arc::new(config));
        }
        self.reload(tenants);
    }

    /// What holds at every moment.
    fn check_limits(&self) {
        let mut connected = self.mail.servers();
        for pool in self.pools() {
            let (waiting, _) = pool.waiting();
            let cards = u32::try_from(pool.server_cards().len()).unwrap();
            connected += cards + pool.connecting();
            if waiting > usize::try_from(pool.clients.get()).unwrap() {
                self.nature
                    .find(format!("{:?} has more waiting than clients", pool.key));
            }
        }
        if connected != self.node.servers() {
            self.nature.find(format!(
                "{connected} servers are known, {} are counted",
                self.node.servers()
            ));
        }
    }

    /// What holds once the last client has gone and all has settled; then the node ends.
    pub(crate) async fn check_end(&self) {
        pass(Duration::from_mins(1)).await;
        let found = |what: String| self.nature.find(format!("at the end, {what}"));
        let sessions = self.clients().len();
        if sessions > 0 || !self.keys.is_empty() || self.node.clients() != 0 {
            found(format!(
                "{sessions} sessions, {} cancel keys and {} clients are left",
                self.keys.len(),
                self.node.clients()
            ));
        }
        self.check_limits();
        for server in self.nature.servers.borrow().values() {
            let tenants = self.tenants.borrow();
            let tenant = tenants.get(&server.place.tenant);
            if tenant.is_none_or(|tenant| tenant.endpoints[0].port != server.port) {
                found(format!(
                    "server {} is left from before a reload",
                    server.process_id
                ));
            }
        }
        let pools = self.pools();
        for pool in &pools {
            let (waiting, _) = pool.waiting();
            if pool.clients.get() != 0 || waiting != 0 || pool.connecting() != 0 {
                let (clients, connecting) = (pool.clients.get(), pool.connecting());
                found(format!(
                    "{:?} has {clients} clients, {waiting} waiting, {connecting} connecting",
                    pool.key
                ));
            }
            for card in pool.server_cards() {
                let state = card.state.get();
                let is_idle = state == pool::ServerState::Idle;
                if !is_idle || card.client.get().is_some() || card.cancels.get() != 0 {
                    found(format!("a server is {card:?}"));
                }
            }
        }
        for pool in &pools {
            // Its servers would show it again.
            if format!("{pool:?}").len() > 1000 {
                found(format!("{:?} shows itself within itself", pool.key));
            }
        }
        for worker in &self.workers {
            worker.home.close();
        }
        pass(Duration::from_mins(1)).await;
        for pool in &pools {
            if !pool.is_unused() {
                found(format!("{:?} is not empty", pool.key));
            }
        }
        let alive = self.nature.servers.borrow().len();
        if self.node.servers() != 0 || alive != 0 {
            let counted = self.node.servers();
            found(format!("{counted} servers are counted, {alive} live"));
        }
    }
}

/// A tenant like others, with pools of this size.
pub(crate) fn tenant(name: &str, pool: &config::PoolSettings) -> config::Tenant {
    let user = |name: &str| config::User {
        name: name.to_owned(),
        pool: pool.clone(),
        secret: Some(SecretText::new(
            challenge::md5_secret(name).to_text().to_string(),
        )),
        ..config::User::default()
    };
    let users = USERS.map(|name| (name.to_owned(), Arc::new(user(name))));
    let mut endpoint = config::Endpoint {
        name: format!("{name}-primary"),
        region: name.to_owned(),
        host: Host::Name("localhost".to_owned()),
        ..config::Endpoint::default()
    };
    endpoint.tls.mode = ServerTlsMode::Disable;
    config::Tenant {
        name: name.to_owned(),
        endpoints: vec![Arc::new(endpoint)],
        users: BTreeMap::from(users),
        pool: pool.clone(),
        ..config::Tenant::default()
    }
}
