//! How a connection to an endpoint is opened. In production by the sockets of the operating
//! system; in a simulated world by whatever stands for them.
//!
//! Every address of a name is tried. TLS and the login are no part of it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio::net::UnixStream;

use crate::config::Config;
use crate::config::Endpoint;
use crate::config::Host;
use crate::net::SocketOptions;
use crate::net::Transport;
use crate::pool::PoolError;

/// Opens connections to endpoints.
pub trait Dial: fmt::Debug {
    /// Opens one, to one address of the endpoint if `only` says which.
    ///
    /// # Errors
    ///
    /// [`PoolError`]: no address, or none that answers.
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, only: Option<SocketAddr>) -> Dialing<'a>;
}

/// A connection that is being opened.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Transport, PoolError>> + 'a>>;

/// The sockets of the operating system.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    /// Whose options of TCP they have; without it they are as the system makes them.
    pub config: Option<Arc<ArcSwap<Config>>>,
}

impl Dial for Sockets {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, only: Option<SocketAddr>) -> Dialing<'a> {
        let options = self.config.as_ref();
        let options = options.map(|config| config.load().node.socket_options());
        let options = options.unwrap_or_default();
        Box::pin(connect(endpoint, only, options))
    }
}

async fn connect(
    endpoint: &Endpoint,
    only: Option<SocketAddr>,
    options: SocketOptions,
) -> Result<Transport, PoolError> {
    let addresses = match (&endpoint.host, only) {
        (Host::Unix(path), _) => return connect_unix(endpoint, path.clone()).await,
        (Host::Name(_) | Host::Address(_), Some(address)) => vec![address],
        (Host::Address(address), None) => vec![SocketAddr::new(*address, endpoint.port)],
        (Host::Name(name), None) => resolve(name, endpoint.port).await?,
    };
    connect_tcp(endpoint, &addresses, &options).await
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

async fn connect_tcp(
    endpoint: &Endpoint,
    to: &[SocketAddr],
    options: &SocketOptions,
) -> Result<Transport, PoolError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in to {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                options.set(&stream);
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
