//! How a connection to an endpoint is opened. In production by the sockets of the operating
//! system; in a simulated world by whatever stands for them.
//!
//! Names are looked up before; TLS and the login come after it.

use std::fmt;
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
use crate::pool::Names;
use crate::pool::PoolError;

/// Opens connections to endpoints.
pub trait Dial: fmt::Debug {
    /// Opens one, to one address of the endpoint if `only` says which.
    ///
    /// # Errors
    ///
    /// [`PoolError`]: no address, or none that answers.
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, only: Option<SocketAddr>) -> Dialing<'a>;

    /// What is known of the names of endpoints; none if a name is all that is needed to reach one.
    fn names(&self) -> Option<&Arc<Names>> {
        None
    }
}

/// A connection that is being opened.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Transport, PoolError>> + 'a>>;

/// The sockets of the operating system.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    /// Whose options of TCP they have; without it they are as the system makes them.
    pub config: Option<Arc<ArcSwap<Config>>>,
    /// Who knows the addresses of names; without it none has any.
    pub names: Option<Arc<Names>>,
}

impl Dial for Sockets {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, only: Option<SocketAddr>) -> Dialing<'a> {
        let options = self.config.as_ref();
        let options = options.map(|config| config.load().node.socket_options());
        let options = options.unwrap_or_default();
        Box::pin(connect(endpoint, only, options))
    }

    fn names(&self) -> Option<&Arc<Names>> {
        self.names.as_ref()
    }
}

async fn connect(
    endpoint: &Endpoint,
    only: Option<SocketAddr>,
    options: SocketOptions,
) -> Result<Transport, PoolError> {
    match (&endpoint.host, only) {
        (Host::Unix(path), _) => connect_unix(endpoint, path.clone()).await,
        (Host::Name(_) | Host::Address(_), Some(address)) => {
            connect_tcp(endpoint, address, &options).await
        },
        (Host::Address(address), None) => {
            let address = SocketAddr::new(*address, endpoint.port);
            connect_tcp(endpoint, address, &options).await
        },
        (Host::Name(name), None) => Err(PoolError::Unresolved {
            host: name.clone(),
            source: None,
        }),
    }
}

async fn connect_tcp(
    endpoint: &Endpoint,
    to: SocketAddr,
    options: &SocketOptions,
) -> Result<Transport, PoolError> {
    match TcpStream::connect(to).await {
        Ok(stream) => {
            options.set(&stream);
            Ok(Transport::Tcp(stream))
        },
        Err(source) => Err(PoolError::Unreachable {
            endpoint: endpoint.name.clone(),
            source,
        }),
    }
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
