//! From an endpoint to a connection: dial, TLS. Logging in is [`login`](super::login)'s.
//!
//! What TLS mode is configured is what happens, or nothing: no mode falls back to plain text.
//!
//! See "SSL Session Encryption",
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::config::Endpoint;
use crate::config::Host;
use crate::config::ServerTlsMode;
use crate::net::Socket;
use crate::net::Transport;
use crate::pool::Dial;
use crate::pool::Notices;
use crate::pool::OwnRounds;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Reported;
use crate::pool::ServerCard;
use crate::pool::ServerState;
use crate::pool::ServerTlsCache;
use crate::pool::TlsFailure;
use crate::pool::credentials;
use crate::pool::login::LoggedIn;
use crate::pool::login::Login;
use crate::pool::reach::reach;
use crate::pool::replayed;
use crate::pool::reset::within;
use crate::routing::Lsn;
use crate::telemetry::TenantSlot;

/// A server that has said `ReadyForQuery` for the first time.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) socket: Socket,
    pub(super) card: ServerCard,
    /// What it reported of itself.
    pub(super) parameters: Reported,
    /// What it raised meanwhile.
    pub(super) notices: Notices,
}

/// Connects and logs in, within `server_connect_timeout`.
///
/// # Errors
///
/// [`PoolError`]: what went wrong first, in the server's own words if it had any.
pub(super) async fn connect(pool: &Pool, endpoint: &Arc<Endpoint>) -> Result<Opened, PoolError> {
    let limit = pool.user().pool.server_connect_timeout;
    within(limit, async {
        let settings = pool.session.iter().map(|(name, value)| (&**name, &**value));
        let settings: Vec<_> = settings.collect();
        let only = pool.name_watch.address();
        let (mut socket, logged_in, address) = log_in(pool, endpoint, only, &settings).await?;
        let replayed = match pool.key.endpoint() {
            Some(_) => replayed::replayed(&mut socket).await?,
            None => Lsn::default(),
        };
        let (remote, local) = addresses(&socket);
        let now = Instant::now();
        let card = ServerCard {
            id: pool.home.next_id(),
            state: ServerState::Login.into(),
            client: None.into(),
            connected_at: now,
            used_at: now.into(),
            endpoint: Arc::clone(endpoint),
            replayed,
            is_stranded: false.into(),
            key: logged_in.key,
            remote: remote.or(address),
            local,
            tls: socket.tls(),
            statements: 0.into(),
            close_needed: false.into(),
            cancels: 0.into(),
            own_rounds: OwnRounds::default(),
        };
        Ok(Opened {
            socket,
            card,
            parameters: logged_in.parameters,
            notices: logged_in.notices,
        })
    })
    .await
}

/// Connects and logs in as the pool's user, with these settings; to one address of the endpoint if `only`
/// says which. Says which it was, if it has one.
///
/// # Errors
///
/// As [`connect`].
pub(super) async fn log_in(
    pool: &Pool,
    endpoint: &Endpoint,
    only: Option<SocketAddr>,
    settings: &[(&str, &str)],
) -> Result<(Socket, LoggedIn, Option<SocketAddr>), PoolError> {
    let way = Way {
        dial: &*pool.home.dial,
        tls: &pool.home.server_tls,
        asker: pool.key.tenant(),
    };
    let (mut socket, address) = open_socket(way, endpoint, only).await?;
    let user = credentials::server_user(pool);
    let login = Login {
        user: &user,
        database: pool.key.database(),
        settings,
        authentication: credentials::authentication(pool, &socket)?,
        keys: &pool.home.derived_keys,
    };
    let logged_in = login.log_in(&mut socket).await;
    let logged_in = logged_in.map_err(|error| credentials::blame(pool, error))?;
    Ok((socket, logged_in, address))
}

/// How a tenant's endpoints are reached.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) dial: &'a dyn Dial,
    pub(super) tls: &'a ServerTlsCache,
    /// Whose they are.
    pub(super) asker: TenantSlot,
}

/// Connects to an endpoint, to one address of it if `only` says which, and begins TLS. Says which it was,
/// if it has one.
///
/// # Errors
///
/// [`PoolError`]: no address, none that answers, or no TLS as configured.
pub(super) async fn open_socket(
    way: Way<'_>,
    endpoint: &Endpoint,
    only: Option<SocketAddr>,
) -> Result<(Socket, Option<SocketAddr>), PoolError> {
    let (mut transport, address) = reach(way.dial, endpoint, only, way.asker).await?;
    if endpoint.tls.mode == ServerTlsMode::Disable {
        return Ok((Socket::Plain(transport), address));
    }
    let failed = |source| PoolError::Tls {
        endpoint: endpoint.name.clone(),
        source,
    };
    ask_for_tls(&mut transport).await.map_err(failed)?;
    let config = way.tls.config(&endpoint.tls).map_err(failed)?;
    let name = server_name(endpoint).map_err(failed)?;
    let connector = tokio_rustls::TlsConnector::from(config);
    let stream = connector.connect(name, transport).await;
    let stream = stream.map_err(|error| failed(TlsFailure::Handshake(error)))?;
    Ok((Socket::ServerTls(Box::new(stream)), address))
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
