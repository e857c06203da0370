//! A small node for tests: fake workers that tell of one tenant's pools, and a desk over them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::CipherSuite;
use rustls::ProtocolVersion;
use tidegate_proto::startup::Replication;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::admin::Desk;
use crate::admin::Furniture;
use crate::admin::Operator;
use crate::admin::Order;
use crate::admin::Orders;
use crate::admin::access::Role;
use crate::config;
use crate::config::Config;
use crate::config::PoolMode;
use crate::net::AgreedTls;
use crate::net::Socket;
use crate::net::Transport;
use crate::pool::RouteTotals;
use crate::pool::ServerState;
use crate::restrictions::Backlog;
use crate::restrictions::Throttle;
use crate::session::ClientState;
use crate::session::ClientView;
use crate::session::Depth;
use crate::session::Letter;
use crate::session::Mailboxes;
use crate::session::PoolView;
use crate::session::ServerView;
use crate::session::WorkerView;
use crate::telemetry::Count;
use crate::telemetry::RefusalReason;
use crate::telemetry::TenantSlot;
use crate::telemetry::WorkerCounters;
use crate::tenancy::Directory;
use crate::tenancy::NodeCounts;
use crate::tenancy::Origin;
use crate::tenancy::PeerAddress;
use crate::tenancy::UnixPeer;

/// The client that [`Letter::Kill`] finds.
pub(super) const CLIENT: u64 = 11;
const WAITING_CLIENT: u64 = 12;
const SERVER: u64 = 21;
const IDLE_SERVER: u64 = 22;

/// A secret that must not be shown anywhere.
pub(super) const SECRET: &str = "the-secret-of-app";

/// One worker with one pool of `acme`: two clients, two servers.
pub(super) fn view(worker: usize) -> WorkerView {
    let counters = WorkerCounters::new();
    let shop = counters.database(TenantSlot::new(0), "shop");
    shop.add(Count::Queries, 120);
    shop.add(Count::Transactions, 60);
    shop.add(Count::ReceivedBytes, 4096);
    shop.add(Count::QueryMicroseconds, 240_000);
    counters
        .tenant(TenantSlot::new(0))
        .refuse(RefusalReason::Network);
    counters.nameless().refuse(RefusalReason::TenantUnknown);
    WorkerView {
        worker,
        pools: vec![PoolView {
            tenant: "acme".into(),
            database: "shop".to_owned(),
            user: "app".to_owned(),
            endpoint: Some("primary".to_owned()),
            replication: Replication::None,
            mode: PoolMode::Transaction,
            pool_size: 20,
            clients: 2,
            waiting: 1,
            waited_max: Duration::from_micros(1_500_250),
            connecting: 1,
            servers: vec![
                server(SERVER, ServerState::Active, Some(CLIENT)),
                server(IDLE_SERVER, ServerState::Idle, None),
            ],
        }],
        clients: vec![
            client(WAITING_CLIENT, ClientState::Waiting, None),
            client(CLIENT, ClientState::Active, Some(SERVER)),
        ],
        totals: counters.totals(),
        routes: RouteTotals::default(),
    }
}

fn server(id: u64, state: ServerState, client: Option<u64>) -> ServerView {
    ServerView {
        id,
        state,
        client,
        age: Duration::from_mins(1),
        used: Duration::from_secs(5),
        process_id: 4711,
        remote: Some("192.0.2.10:5432".parse().unwrap()),
        local: Some("192.0.2.1:40000".parse().unwrap()),
        tls: Some(AgreedTls::new(
            ProtocolVersion::TLSv1_3,
            CipherSuite::TLS13_AES_256_GCM_SHA384,
        )),
        statements: 0,
        close_needed: state == ServerState::Idle,
        cancels: 0,
    }
}

fn client(id: u64, state: ClientState, server: Option<u64>) -> ClientView {
    let peer = PeerAddress::from_socket("10.0.0.1:7".parse().unwrap());
    let source = "[2001:db8::7]:5000".parse().unwrap();
    ClientView {
        id,
        tenant: "acme".into(),
        user: "app".to_owned(),
        database: "shop".to_owned(),
        replication: Replication::None,
        state,
        origin: Origin::proxied(peer, source, None, None),
        local: Some("10.0.0.2:6432".parse().unwrap()),
        age: Duration::from_hours(1),
        since: Duration::from_micros(1_500_250),
        server,
        tls: None,
        statements: 0,
        application_name: "psql".to_owned(),
    }
}

/// A configuration with one tenant, `acme`, whose database `store` is `shop` on its server.
pub(super) fn config() -> Config {
    let user = config::User {
        name: "app".to_owned(),
        secret: Some(config::SecretText::new(SECRET.to_owned())),
        max_user_connections: 7,
        ..config::User::default()
    };
    let endpoint = config::Endpoint {
        name: "primary".to_owned(),
        host: config::Host::Name("db.example.com".to_owned()),
        ..config::Endpoint::default()
    };
    let tenant = config::Tenant {
        name: "acme".to_owned(),
        databases: Some(BTreeMap::from([("store".to_owned(), "shop".to_owned())])),
        endpoints: vec![Arc::new(endpoint)],
        users: BTreeMap::from([("app".to_owned(), Arc::new(user))]),
        max_client_conn: 300,
        max_db_connections: 40,
        ..config::Tenant::default()
    };
    Config {
        tenants: BTreeMap::from([("acme".to_owned(), Arc::new(tenant))]),
        ..Config::default()
    }
}

/// A desk over fake workers, and what its orders come to. Must be called in a `LocalSet` or a local
/// runtime.
pub(super) fn desk(workers: usize) -> (Arc<Desk>, mpsc::Receiver<Order>) {
    let (mailboxes, letters) = Mailboxes::new(workers);
    for (worker, letters) in letters.into_iter().enumerate() {
        tokio::task::spawn_local(work(worker, letters));
    }
    desk_over(mailboxes)
}

/// A desk whose workers are somebody else's business.
pub(super) fn desk_over(mailboxes: Mailboxes) -> (Arc<Desk>, mpsc::Receiver<Order>) {
    let config = config();
    let (orders, taken) = Orders::new();
    let furniture = Furniture {
        directory: Arc::new(Directory::new(&config.tenants)),
        counts: Arc::new(NodeCounts::new(&config.node)),
        backlog: Arc::new(Backlog::new(&config.node)),
        throttle: Arc::new(Throttle::new(&config.node)),
        config: Arc::new(ArcSwap::from_pointee(config)),
        mailboxes,
        orders,
        random: |bytes| bytes.fill(7),
        topologies: Arc::default(),
        names: Arc::default(),
        catalogs: Arc::default(),
    };
    (Arc::new(Desk::new(furniture, Instant::now())), taken)
}

async fn work(worker: usize, mut letters: mpsc::Receiver<Letter>) {
    while let Some(letter) = letters.recv().await {
        match letter {
            Letter::View(depth, answer) => {
                let mut view = view(worker);
                if depth < Depth::Clients {
                    view.clients.clear();
                }
                drop(answer.send(view));
            },
            Letter::Kill(id, answer) => answer.send(id == CLIENT).unwrap(),
            other @ (Letter::Arrival(..)
            | Letter::Cancel(..)
            | Letter::Reloaded
            | Letter::Parcel(_)
            | Letter::EndAll(_)
            | Letter::Drain) => panic!("{other:?}"),
        }
    }
}

/// An operator with every right, and the other end of its connection.
pub(super) fn operator() -> (Operator, DuplexStream) {
    operator_as(Role::Admin)
}

/// An operator of this role, and the other end of its connection.
pub(super) fn operator_as(role: Role) -> (Operator, DuplexStream) {
    operator_over(role, 1024 * 1024)
}

/// The same over a connection that holds so many bytes that were not read.
pub(super) fn operator_over(role: Role, held_bytes_max: usize) -> (Operator, DuplexStream) {
    let (far, near) = tokio::io::duplex(held_bytes_max);
    let peer = UnixPeer {
        process_id: Some(815),
        user_id: Some(1000),
    };
    let origin = Origin::direct(PeerAddress::from_unix(peer));
    let operator = Operator {
        socket: Socket::Plain(Transport::in_memory(near)),
        origin,
        name: "olga".to_owned(),
        role,
        database: "pgbouncer".to_owned(),
        parameters: vec![("application_name".to_owned(), "psql".to_owned())],
    };
    (operator, far)
}
