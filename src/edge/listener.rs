//! Step 1: a listening socket, and the connections that arrive on it.
//!
//! Nothing that a connection does or fails to do ends the listening, and nothing is read here: who
//! accepts must not wait for a sender. A unix socket's permissions are in place before the first
//! client can connect.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use socket2::Domain;
use socket2::Protocol;
use socket2::SockAddr;
use socket2::Socket;
use socket2::Type;
use tokio::net::TcpListener;
use tokio::net::UnixListener;
use tokio::time::Instant;

use crate::config::ListenAddress;
use crate::config::Listener;
use crate::edge::accept_errors::AcceptErrors;
use crate::edge::socket_file::SocketFile;
use crate::net::Keepalive;
use crate::net::SocketOptions;
use crate::net::Transport;
use crate::tenancy::PeerAddress;
use crate::tenancy::UnixPeer;

/// A connection, and nothing known of it but where it comes from.
#[derive(Debug)]
pub struct Accepted {
    /// The connection; not a byte was read from it.
    pub transport: Transport,
    /// The other end of the socket.
    pub peer: PeerAddress,
    /// Our end, if that is known without asking the system.
    pub local: Option<SocketAddr>,
    /// When it was accepted: the login's deadline counts from here.
    pub at: Instant,
}

/// A socket that is bound and listens, and belongs to no runtime yet: it can go to a worker.
#[derive(Debug)]
pub struct Bound {
    name: String,
    socket: Socket,
    file: Option<SocketFile>,
}

/// A listening socket in a worker's runtime.
#[derive(Debug)]
pub struct ListeningSocket {
    source: Source,
    errors: AcceptErrors,
    /// Where every connection arrives; `None` if that is not one address.
    local: Option<SocketAddr>,
    /// What connections inherit from it.
    inherited: Option<SocketOptions>,
}

#[derive(Debug)]
enum Source {
    /// With what the system chose for it.
    Tcp(TcpListener, Keepalive),
    /// The file goes when the socket does.
    Unix(
        UnixListener,
        #[expect(dead_code, reason = "it acts when dropped")] Option<SocketFile>,
    ),
}

/// Whether other sockets of this process listen on the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// This one is alone.
    Alone,
    /// Each worker has its own (`SO_REUSEPORT`); the kernel deals connections out.
    Workers,
}

impl Bound {
    /// Binds the address of `listener` and listens. A unix socket cannot be shared: `sharing` means
    /// TCP only.
    ///
    /// # Errors
    /// The operating system's: the address is in use, not ours, or not permitted. The operator's
    /// fault.
    pub fn bind(listener: &Listener, sharing: Sharing) -> io::Result<Self> {
        match &listener.address {
            ListenAddress::Tcp(address) => Self::bind_tcp(listener, *address, sharing),
            ListenAddress::Unix { path, mode } => Self::bind_unix(listener, path.clone(), *mode),
        }
    }

    fn bind_tcp(listener: &Listener, address: SocketAddr, sharing: Sharing) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if sharing == Sharing::Workers {
            socket.set_reuse_port(true)?;
        }
        if address.is_ipv6() {
            // Whatever the system's default is: the unspecified address accepts IPv4 too.
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.bind(&address.into())?;
        Self::listen(listener, socket, None)
    }

    fn bind_unix(listener: &Listener, path: PathBuf, mode: u32) -> io::Result<Self> {
        SocketFile::remove_stale(&path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(&path)?)?;
        // Until it listens, nobody can connect: the permissions are never too wide.
        let file = SocketFile::adopt(path, mode)?;
        Self::listen(listener, socket, Some(file))
    }

    fn listen(listener: &Listener, socket: Socket, file: Option<SocketFile>) -> io::Result<Self> {
        let backlog = i32::try_from(listener.listen_backlog).unwrap_or(i32::MAX);
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            name: listener.name.clone(),
            socket,
            file,
        })
    }

    /// The address it really has, for a configured port 0; `None` for a unix socket.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_address(&self) -> io::Result<Option<SocketAddr>> {
        Ok(self.socket.local_addr()?.as_socket())
    }

    /// Registers the socket with the runtime that this is called in.
    ///
    /// # Errors
    /// The operating system's.
    pub fn register(self) -> io::Result<ListeningSocket> {
        let is_unix = self.socket.domain()? == Domain::UNIX;
        let local = self.local_address()?;
        let source = if is_unix {
            Source::Unix(UnixListener::from_std(self.socket.into())?, self.file)
        } else {
            let usual = Keepalive::of(&self.socket);
            Source::Tcp(TcpListener::from_std(self.socket.into())?, usual)
        };
        Ok(ListeningSocket {
            source,
            errors: AcceptErrors::new(self.name),
            local: local.filter(|local| !local.ip().is_unspecified()),
            inherited: None,
        })
    }
}

impl ListeningSocket {
    /// The next connection, with `options` set on it. May be dropped while it waits: no connection
    /// is lost by that.
    ///
    /// It has no error: a connection that went away is passed over, and when the system has no
    /// descriptors left, the next attempt waits a little.
    pub async fn accept(&mut self, options: &SocketOptions) -> Accepted {
        let is_inherited = self.lets_inherit(options);
        let Self { source, errors, .. } = self;
        let options = (!is_inherited).then_some(options);
        let (transport, peer) = errors.accept(async || source.accept(options).await).await;
        Accepted {
            transport,
            peer,
            local: self.local,
            at: Instant::now(),
        }
    }

    /// Whether connections have these options from the moment they are made: setting them once is
    /// cheaper than on each.
    fn lets_inherit(&mut self, options: &SocketOptions) -> bool {
        if self.inherited.as_ref() != Some(options) {
            self.inherited = self.source.set_for_all(options).then(|| options.clone());
        }
        self.inherited.is_some()
    }
}

impl Source {
    fn set_for_all(&self, options: &SocketOptions) -> bool {
        match self {
            Self::Tcp(listener, usual) => options.set_for_all(listener, usual),
            Self::Unix(..) => false,
        }
    }

    async fn accept(
        &self,
        options: Option<&SocketOptions>,
    ) -> io::Result<(Transport, PeerAddress)> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, address) = listener.accept().await?;
                if let Some(options) = options {
                    options.set(&stream);
                }
                Ok((Transport::Tcp(stream), PeerAddress::from_socket(address)))
            },
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let credentials = stream.peer_cred()?;
                let peer = UnixPeer {
                    process_id: credentials.pid(),
                    user_id: Some(credentials.uid()),
                };
                Ok((Transport::Unix(stream), PeerAddress::from_unix(peer)))
            },
        }
    }
}
