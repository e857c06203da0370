//! How a connection to an endpoint is opened. In production by the sockets of the operating
//! system; in a simulated world by whatever stands for them.
//!
//! Every address of a name is tried. TLS and the login are no part of it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::net::TcpStream;
use tokio::net::UnixStream;

use crate::config::Endpoint;
use crate::config::Host;
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
#[derive(Debug, Clone, Copy, Default)]
pub struct Sockets;

impl Dial for Sockets {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, only: Option<SocketAddr>) -> Dialing<'a> {
        Box::pin(connect(endpoint, only))
    }
}

async fn connect(endpoint: &Endpoint, only: Option<SocketAddr>) -> Result<Transport, PoolError> {
    match (&endpoint.host, only) {
        (Host::Unix(path), _) => connect_unix(endpoint, path.clone()).await,
        (Host::Name(_) | Host::Address(_), Some(address)) => {
            connect_tcp(endpoint, &[address]).await
        },
        (Host::Address(address), None) => {
            connect_tcp(endpoint, &[SocketAddr::new(*address, endpoint.port)]).await
        },
        (Host::Name(name), None) => {
            connect_tcp(endpoint, &resolve(name, endpoint.port).await?).await
        },
    }
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
