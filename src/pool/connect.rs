//! From an endpoint to a connection: resolve, connect, TLS. Logging in is [`login`](super::login)'s.
//!
//! Every address of a name is tried. What TLS mode is configured is what happens, or nothing: no
//! mode falls back to plain text.
//!
//! See "SSL Session Encryption",
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::config::Endpoint;
use crate::config::Host;
use crate::config::ServerTlsMode;
use crate::net::Socket;
use crate::net::Transport;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Reported;
use crate::pool::ServerCard;
use crate::pool::ServerState;
use crate::pool::ServerTlsCache;
use crate::pool::TlsFailure;
use crate::pool::credentials;
use crate::pool::login::Login;
use crate::pool::reset::within;

/// A server that has said `ReadyForQuery` for the first time.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) socket: Socket,
    pub(super) card: ServerCard,
    /// What it reported of itself.
    pub(super) parameters: Reported,
}

/// Connects and logs in, within `server_connect_timeout`.
///
/// # Errors
///
/// [`PoolError`]: what went wrong first, in the server's own words if it had any.
pub(super) async fn connect(pool: &Pool, endpoint: &Endpoint) -> Result<Opened, PoolError> {
    let limit = pool.user().pool.server_connect_timeout;
    within(limit, async {
        let mut socket = open_socket(&pool.home.server_tls, endpoint, None).await?;
        let user = credentials::server_user(pool);
        let settings = pool.session.iter().map(|(name, value)| (&**name, &**value));
        let settings: Vec<_> = settings.collect();
        let login = Login {
            user: &user,
            database: pool.key.database(),
            settings: &settings,
            authentication: credentials::authentication(pool, &socket)?,
            keys: &pool.home.derived_keys,
        };
        let logged_in = login.log_in(&mut socket).await?;
        let (remote, local) = addresses(&socket);
        let now = Instant::now();
        let card = ServerCard {
            id: pool.home.next_id(),
            state: ServerState::Login.into(),
            client: None.into(),
            connected_at: now,
            used_at: now.into(),
            key: logged_in.key,
            remote,
            local,
            tls: socket.tls(),
            close_needed: false.into(),
            cancels: 0.into(),
        };
        Ok(Opened {
            socket,
            card,
            parameters: logged_in.parameters,
        })
    })
    .await
}

/// Connects to an endpoint, to one address of it if `only` says which, and begins TLS.
///
/// # Errors
///
/// [`PoolError`]: no address, none that answers, or no TLS as configured.
pub(super) async fn open_socket(
    tls: &ServerTlsCache,
    endpoint: &Endpoint,
    only: Option<SocketAddr>,
) -> Result<Socket, PoolError> {
    let mut transport = match (&endpoint.host, only) {
        (Host::Unix(path), _) => connect_unix(endpoint, path.clone()).await?,
        (Host::Name(_) | Host::Address(_), Some(address)) => {
            connect_tcp(endpoint, &[address]).await?
        },
        (Host::Address(address), None) => {
            connect_tcp(endpoint, &[SocketAddr::new(*address, endpoint.port)]).await?
        },
        (Host::Name(name), None) => {
            connect_tcp(endpoint, &resolve(name, endpoint.port).await?).await?
        },
    };
    if endpoint.tls.mode == ServerTlsMode::Disable {
        return Ok(Socket::Plain(transport));
    }
    let failed = |source| PoolError::Tls {
        endpoint: endpoint.name.clone(),
        source,
    };
    ask_for_tls(&mut transport).await.map_err(failed)?;
    let config = tls.config(&endpoint.tls).map_err(failed)?;
    let name = server_name(endpoint).map_err(failed)?;
    let connector = tokio_rustls::TlsConnector::from(config);
    let stream = connector.connect(name, transport).await;
    let stream = stream.map_err(|error| failed(TlsFailure::Handshake(error)))?;
    Ok(Socket::Tls(Box::new(stream.into())))
}

async fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, PoolError> {
    let unresolved = |source| PoolError::Unresolved {
        host: name.to_owned(),
        source,
    };
    let found = tokio::net::lookup_host((name, port)).await;
    let found: Vec<_> = found.map_err(|error| unresolved(Some(error)))?.collect();
    if found.is_empty() {
        return Err(unresolved(None));
    }
    Ok(found)
}

async fn connect_tcp(endpoint: &Endpoint, to: &[SocketAddr]) -> Result<Transport, PoolError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in to {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A kernel that refuses the option only costs latency.
                drop(stream.set_nodelay(true));
                return Ok(Transport::Tcp(stream));
            },
            Err(error) => last = error,
        }
    }
    Err(PoolError::Unreachable {
        endpoint: endpoint.name.clone(),
        source: last,
    })
}

async fn connect_unix(endpoint: &Endpoint, mut path: PathBuf) -> Result<Transport, PoolError> {
    if path.is_dir() {
        path.push(format!(".s.PGSQL.{}", endpoint.port));
    }
    match UnixStream::connect(&path).await {
        Ok(stream) => Ok(Transport::Unix(stream)),
        Err(source) => Err(PoolError::Unreachable {
            endpoint: endpoint.name.clone(),
            source,
        }),
    }
}

/// Sends `SSLRequest` and reads the one byte that answers it, and not a byte more: what a server
/// sends before the handshake was not encrypted and may be injected (CVE-2021-23222). An error
/// message sent in its place is not believed either (CVE-2024-10977).
async fn ask_for_tls(transport: &mut Transport) -> Result<(), TlsFailure> {
    transport
        .write_all(&SslRequest::BYTES)
        .await
        .map_err(TlsFailure::Handshake)?;
    match transport.read_u8().await.map_err(TlsFailure::Handshake)? {
        b'S' => Ok(()),
        b'N' => Err(TlsFailure::NotOffered),
        _ => Err(TlsFailure::BadAnswer),
    }
}

fn server_name(endpoint: &Endpoint) -> Result<rustls::pki_types::ServerName<'static>, TlsFailure> {
    match &endpoint.host {
        Host::Address(address) => Ok((*address).into()),
        Host::Name(name) => rustls::pki_types::ServerName::try_from(name.clone())
            .map_err(|error| TlsFailure::Files(io::Error::new(io::ErrorKind::InvalidInput, error))),
        Host::Unix(_) => rustls::pki_types::ServerName::try_from("localhost")
            .map_err(|error| TlsFailure::Files(io::Error::new(io::ErrorKind::InvalidInput, error))),
    }
}

fn addresses(socket: &Socket) -> (Option<SocketAddr>, Option<SocketAddr>) {
    match socket.transport() {
        Transport::Tcp(stream) => (stream.peer_addr().ok(), stream.local_addr().ok()),
        Transport::Unix(_)
        | Transport::Memory(_)
        | Transport::Replayed(_)
        | Transport::Parked(_) => (None, None),
    }
}
