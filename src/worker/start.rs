//! From a file to a running node: everything that can fail fails here, before the first client.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use sha2::Digest;
use sha2::Sha256;
use tidegate_proto::scram::MockKey;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::admin::Desk;
use crate::admin::Furniture;
use crate::admin::Order;
use crate::admin::Orders;
use crate::admin::http;
use crate::config;
use crate::config::Config;
use crate::config::ListenAddress;
use crate::edge::Bound;
use crate::edge::Gate;
use crate::edge::ListenerRuntime;
use crate::edge::SecretStore;
use crate::edge::Sharing;
use crate::edge::Terms;
use crate::edge::TlsError;
use crate::pool;
use crate::pool::Catalogs;
use crate::pool::Names;
use crate::restrictions::Admission;
use crate::restrictions::Backlog;
use crate::restrictions::Throttle;
use crate::routing::Topologies;
use crate::session::CancelKeys;
use crate::session::Homes;
use crate::session::Mailboxes;
use crate::telemetry;
use crate::telemetry::LogHandle;
use crate::telemetry::log::LogError;
use crate::tenancy::Directory;
use crate::tenancy::NodeCounts;
use crate::worker::cancels::Cancels;
use crate::worker::lookup::SystemLookup;
use crate::worker::node::NodeState;
use crate::worker::randomness::random_bytes;
use crate::worker::secrets::Secrets;
use crate::worker::thread::Equipment;
use crate::worker::thread::work;

/// Why a node does not start. The operator's fault, or the machine's.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has mistakes; each names its place.
    #[error("{0}")]
    Refused(config::Refused),
    /// The log cannot be written as configured.
    #[error("the log cannot be started")]
    Log(#[source] LogError),
    /// The certificates of a listener cannot be used.
    #[error("listener {listener}: its certificates cannot be used")]
    Certificates {
        /// The listener's name.
        listener: String,
        /// Why.
        #[source]
        source: TlsError,
    },
    /// A listening address cannot be had.
    #[error("listener {listener}: cannot listen on {address}")]
    Listen {
        /// The listener's name.
        listener: String,
        /// Its address.
        address: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The address of the HTTP endpoints cannot be had.
    #[error("http: cannot listen on {address}")]
    Http {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Randomness(#[source] getrandom::Error),
    /// The main thread has no runtime, or a worker no thread.
    #[error("no thread or runtime can be made")]
    Runtime(#[source] io::Error),
}

/// A node whose workers run.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) node: Arc<NodeState>,
    pub(super) threads: Vec<JoinHandle<()>>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) http: Option<http::Server>,
}

/// Loads, binds, and starts the workers.
pub(super) fn start(path: &Path) -> Result<Started, StartError> {
    let loaded = config::load(path).map_err(StartError::Refused)?;
    let log = &loaded.config.log;
    let log = LogHandle::start(log_format(log.format), &log.level).map_err(StartError::Log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let config = loaded.config;
    let workers = match config.node.workers {
        0 => thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let mut sockets: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    let mut listeners = Vec::new();
    for listener in &config.listeners {
        let runtime = Arc::new(load_terms(listener)?);
        for (worker, bound) in bind(listener, workers)?.into_iter().enumerate() {
            if let Some(sockets) = sockets.get_mut(worker) {
                sockets.push((bound, Arc::clone(&runtime)));
            }
        }
        listeners.push(runtime);
    }
    let http = config.http.as_ref().map(bind_http).transpose()?;
    let (mailboxes, letters) = Mailboxes::new(workers);
    let (ways, orders) = Ways::new(mailboxes);
    let node = Arc::new(share(path, config, listeners, ways, log)?);
    let mut threads = Vec::new();
    for (number, (sockets, letters)) in sockets.into_iter().zip(letters).enumerate() {
        let node = Arc::clone(&node);
        let equipment = Equipment {
            number,
            sockets,
            letters,
            node,
        };
        let builder = thread::Builder::new().name(format!("worker-{number}"));
        threads.push(
            builder
                .spawn(move || work(equipment))
                .map_err(StartError::Runtime)?,
        );
    }
    Ok(Started {
        node,
        threads,
        orders,
        http,
    })
}

/// The ways from one thread to another.
struct Ways {
    mailboxes: Mailboxes,
    orders: Orders,
}

impl Ways {
    fn new(mailboxes: Mailboxes) -> (Self, mpsc::Receiver<Order>) {
        let (orders, taken) = Orders::new();
        (Self { mailboxes, orders }, taken)
    }
}

fn share(
    path: &Path,
    config: Config,
    listeners: Vec<Arc<ListenerRuntime>>,
    ways: Ways,
    log: LogHandle,
) -> Result<NodeState, StartError> {
    let Ways { mailboxes, orders } = ways;
    let config = Arc::new(ArcSwap::from_pointee(config));
    let now = config.load();
    let directory = Arc::new(Directory::new(&now.tenants));
    let counts = Arc::new(NodeCounts::new(&now.node));
    let cancel_keys = Arc::new(CancelKeys::default());
    let topologies = Arc::new(Topologies::default());
    let names = Arc::new(Names::new(Box::new(SystemLookup), &now.node));
    let gate = Gate {
        config: Arc::clone(&config),
        admission: Arc::new(Admission::new(Arc::clone(&directory), Arc::clone(&counts))),
        backlog: Arc::new(Backlog::new(&now.node)),
        throttle: Arc::new(Throttle::new(&now.node)),
        mock_key: mock_key(&now)?,
        cancels: Arc::new(Cancels {
            keys: Arc::clone(&cancel_keys),
            mailboxes: mailboxes.clone(),
        }),
        random: random_bytes,
        secrets: Arc::new(SecretStore::new(random_bytes)),
        lookups: Some(Arc::new(Secrets::new(
            random_bytes,
            Arc::clone(&names),
            Arc::clone(&topologies),
        ))),
    };
    drop(now);
    let catalogs = Arc::<Catalogs>::default();
    let furniture = Furniture {
        config: Arc::clone(&config),
        directory: Arc::clone(&directory),
        counts: Arc::clone(&counts),
        backlog: Arc::clone(&gate.backlog),
        throttle: Arc::clone(&gate.throttle),
        mailboxes: mailboxes.clone(),
        orders,
        random: gate.random,
        topologies: Arc::clone(&topologies),
        names: Arc::clone(&names),
        catalogs: Arc::clone(&catalogs),
    };
    Ok(NodeState {
        config_path: path.to_owned(),
        config,
        directory,
        counts,
        gate,
        listeners,
        cancel_keys,
        homes: Homes::new(mailboxes.workers()),
        statement_prefix: pool::statement_prefix(random_bytes),
        topologies,
        names,
        catalogs,
        sleepers: Arc::default(),
        mailboxes,
        desk: Arc::new(Desk::new(furniture, Instant::now())),
        log: Some(log),
    })
}

fn log_format(format: config::LogFormat) -> telemetry::LogFormat {
    match format {
        config::LogFormat::Text => telemetry::LogFormat::Text,
        config::LogFormat::Json => telemetry::LogFormat::Json,
    }
}

/// One socket per worker, so that the kernel deals connections out; a unix socket has one alone.
fn bind(listener: &config::Listener, workers: usize) -> Result<Vec<Bound>, StartError> {
    let (count, sharing) = match &listener.address {
        ListenAddress::Tcp(_) if workers > 1 => (workers, Sharing::Workers),
        ListenAddress::Tcp(_) | ListenAddress::Unix { .. } => (1, Sharing::Alone),
    };
    (0..count)
        .map(|_| Bound::bind(listener, sharing))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|source| StartError::Listen {
            listener: listener.name.clone(),
            address: match &listener.address {
                ListenAddress::Tcp(address) => address.to_string(),
                ListenAddress::Unix { path, .. } => path.display().to_string(),
            },
            source,
        })
}

fn bind_http(http: &config::Http) -> Result<http::Server, StartError> {
    let address = http.address;
    http::Server::bind(address).map_err(|source| StartError::Http { address, source })
}

fn load_terms(listener: &Arc<config::Listener>) -> Result<ListenerRuntime, StartError> {
    Terms::load(Arc::clone(listener))
        .map(ListenerRuntime::new)
        .map_err(|source| StartError::Certificates {
            listener: listener.name.clone(),
            source,
        })
}

/// The key that unknown users' salts are made with: the configured one, so that they stay the same
/// across restarts and nodes, else a random one.
fn mock_key(config: &Config) -> Result<MockKey, StartError> {
    if let Some(secret) = &config.node.mock_key {
        return Ok(MockKey::new(
            Sha256::digest(secret.reveal().as_bytes()).into(),
        ));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(StartError::Randomness)?;
    Ok(MockKey::new(bytes))
}
