//! One node with a few tenants and one listener, to which clients connect in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use arc_swap::ArcSwap;
use tidegate_proto::limits::SCRAM_ITERATIONS_DEFAULT;
use tidegate_proto::scram::MockKey;
use tidegate_proto::scram::ScramSecret;
use tokio::io::AsyncWriteExt as _;
use tokio::io::DuplexStream;
use tokio::time::Instant;

use crate::config;
use crate::config::Config;
use crate::config::Listener;
use crate::config::SecretText;
use crate::edge;
use crate::edge::Accepted;
use crate::edge::CancelSink;
use crate::edge::Gate;
use crate::edge::ListenerRuntime;
use crate::edge::Outcome;
use crate::edge::SecretStore;
use crate::edge::SessionKey;
use crate::edge::Terms;
use crate::net::Transport;
use crate::restrictions::Admission;
use crate::restrictions::Backlog;
use crate::restrictions::Throttle;
use crate::tenancy::Directory;
use crate::tenancy::NodeCounts;
use crate::tenancy::PeerAddress;
use crate::tenancy::Tenant;

/// The password of every user that has one.
pub(super) const PASSWORD: &str = "correct horse";

/// Bytes in flight before a writer waits.
const PIPE_BYTES: usize = 64 * 1024;

pub(super) struct World {
    pub(super) gate: Gate,
    pub(super) listener: ListenerRuntime,
    pub(super) cancels: Arc<Cancels>,
    pub(super) peer: PeerAddress,
    pipe_bytes: usize,
}

/// A registry with one session, whose key is [`Cancels::KEY`] and whose tenant is `acme`.
pub(super) struct Cancels {
    acme: Arc<Tenant>,
    pub(super) canceled: Mutex<Vec<SessionKey>>,
}

impl Cancels {
    pub(super) const KEY: (u32, &'static [u8]) = (7, b"keys");
}

impl CancelSink for Cancels {
    fn tenant_of(&self, key: &SessionKey) -> Option<Arc<Tenant>> {
        let is_known = (key.process_id, &*key.secret) == Self::KEY;
        is_known.then(|| Arc::clone(&self.acme))
    }

    fn cancel(&self, key: &SessionKey, _: Box<dyn Send>) {
        self.canceled.lock().unwrap().push(key.clone());
    }
}

impl World {
    /// The tenants `acme` (users `app` with a verifier, `clear` with a password in the clear,
    /// `keyless` with neither) and `walled`, which admits 203.0.113.0/24 only.
    pub(super) fn new(listener: Listener) -> Self {
        Self::with(listener, |_| {})
    }

    pub(super) fn with(listener: Listener, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        change(&mut config);
        let directory = Arc::new(Directory::new(&config.tenants));
        let cancels = Arc::new(Cancels {
            acme: directory.find("acme").unwrap(),
            canceled: Mutex::default(),
        });
        let node = Arc::new(NodeCounts::new(&config.node));
        let gate = Gate {
            admission: Arc::new(Admission::new(directory, node)),
            backlog: Arc::new(Backlog::new(&config.node)),
            throttle: Arc::new(Throttle::new(&config.node)),
            secrets: Arc::new(SecretStore::new(|bytes| bytes.fill(5))),
            lookups: None,
            mock_key: MockKey::new([7; 32]),
            cancels: Arc::clone(&cancels) as Arc<dyn CancelSink>,
            random: |bytes| bytes.fill(9),
            config: Arc::new(ArcSwap::from_pointee(config)),
        };
        Self {
            gate,
            listener: ListenerRuntime::new(Terms::load(Arc::new(listener)).unwrap()),
            cancels,
            peer: PeerAddress::from_socket("198.51.100.7:4711".parse().unwrap()),
            pipe_bytes: PIPE_BYTES,
        }
    }

    /// The same, with clients from this address.
    pub(super) fn from(self, peer: &str) -> Self {
        let peer = PeerAddress::from_socket(peer.parse().unwrap());
        Self { peer, ..self }
    }

    /// The same, with other limits of the node.
    pub(super) fn with_node(self, change: impl FnOnce(&mut config::Node)) -> Self {
        let mut config = self.gate.config.load().as_ref().clone();
        change(&mut config.node);
        self.gate.reload(&config);
        self.gate.config.store(Arc::new(config));
        self
    }

    /// The same, with connections that hold only so much in flight.
    pub(super) fn with_pipes_of(self, pipe_bytes: usize) -> Self {
        Self { pipe_bytes, ..self }
    }

    /// Connects; the login runs as long as the future is polled.
    pub(super) fn connect(&self) -> (DuplexStream, impl Future<Output = Outcome>) {
        self.connect_as(self.peer)
    }

    /// The same, from another address.
    pub(super) fn connect_from(
        &self,
        peer: SocketAddr,
    ) -> (DuplexStream, impl Future<Output = Outcome>) {
        self.connect_as(PeerAddress::from_socket(peer))
    }

    fn connect_as(&self, peer: PeerAddress) -> (DuplexStream, impl Future<Output = Outcome>) {
        let (far, near) = tokio::io::duplex(self.pipe_bytes);
        let accepted = Accepted {
            transport: Transport::in_memory(near),
            peer,
            local: None,
            at: Instant::now(),
        };
        (far, self.serve(accepted))
    }

    /// The login, and the greeting that a session begins with.
    pub(super) async fn serve(&self, accepted: Accepted) -> Outcome {
        let mut outcome = Box::pin(edge::serve(accepted, &self.listener, &self.gate)).await;
        if let Outcome::Session(arrival) = &mut outcome {
            // A client that is gone misses nothing.
            let greeting = std::mem::take(&mut arrival.greeting);
            arrival.socket.write_all(&greeting).await.ok();
            arrival.socket.flush().await.ok();
        }
        outcome
    }

    /// Nothing is held: no place in the backlog, no client.
    pub(super) fn is_empty(&self) -> bool {
        self.gate.backlog.in_all() == 0
            && self.gate.backlog.addresses() == 0
            && self.gate.admission.node().clients() == 0
    }
}

/// The verifier of [`PASSWORD`]; deriving it takes longer than a login.
fn verifier() -> &'static str {
    static VERIFIER: OnceLock<String> = OnceLock::new();
    VERIFIER.get_or_init(|| {
        let iterations = SCRAM_ITERATIONS_DEFAULT.try_into().unwrap();
        let salt = b"sixteen bytes...";
        let secret = ScramSecret::from_password(PASSWORD.as_bytes(), salt, iterations);
        secret.unwrap().to_text().to_string()
    })
}

pub(super) fn user(name: &str, secret: Option<&str>) -> config::User {
    config::User {
        name: name.to_owned(),
        secret: secret.map(|secret| SecretText::new(secret.to_owned())),
        ..config::User::default()
    }
}

fn config() -> Config {
    let mut config = Config::default();
    let mut acme = tenant("acme");
    let databases = [("app", "app_on_server"), ("clear", "clear")];
    let databases = databases.map(|(label, name)| (label.to_owned(), name.to_owned()));
    acme.databases = Some(BTreeMap::from(databases));
    let mut walled = tenant("walled");
    walled.network.allow = Some(vec!["203.0.113.0/24".parse().unwrap()]);
    for tenant in [acme, walled] {
        config.tenants.insert(tenant.name.clone(), Arc::new(tenant));
    }
    config
}

fn tenant(name: &str) -> config::Tenant {
    let users = [
        user("app", Some(verifier())),
        user("clear", Some(PASSWORD)),
        user("keyless", None),
    ];
    config::Tenant {
        name: name.to_owned(),
        users: users
            .into_iter()
            .map(|user| (user.name.clone(), Arc::new(user)))
            .collect(),
        ..config::Tenant::default()
    }
}
