//! One client's connection, with or without TLS. It reads into a buffer that all clients of a thread
//! share, so that thousands of idle ones cost the generator nothing.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use rustls::pki_types::ServerName;
use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::replies::Replies;
use crate::error::RigError;

/// The name in the certificate.
const SERVER_NAME: &str = "localhost";

/// A connection.
pub(super) enum Connection {
    /// As it is.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Connects from 127.0.0.`source`, so that ports of one address do not run out.
    ///
    /// # Errors
    /// If nobody listens or TLS is refused.
    pub(super) async fn open(
        to: SocketAddr,
        source: u8,
        tls: Option<&TlsConnector>,
    ) -> Result<Self, RigError> {
        let socket = TcpSocket::new_v4().map_err(RigError::io("make a socket"))?;
        if source > 1 {
            let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, source));
            let bound = socket.bind(SocketAddr::new(from, 0));
            bound.map_err(RigError::io("bind to an address of loopback"))?;
        }
        let stream = socket.connect(to).await;
        let mut stream = stream.map_err(RigError::io("connect"))?;
        stream
            .set_nodelay(true)
            .map_err(RigError::io("set an option"))?;
        let Some(connector) = tls else {
            return Ok(Self::Plain(stream));
        };
        let asked = stream.write_all(&SslRequest::BYTES).await;
        asked.map_err(RigError::io("ask for TLS"))?;
        let answer = stream
            .read_u8()
            .await
            .map_err(RigError::io("ask for TLS"))?;
        if answer != SslRequest::ACCEPTED {
            return Err(RigError::Tls("was refused".to_owned()));
        }
        let name = ServerName::try_from(SERVER_NAME);
        let name = name.map_err(|error| RigError::Tls(error.to_string()))?;
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(RigError::io("shake hands"))?;
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), RigError> {
        let sent = match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => match stream.write_all(bytes).await {
                Ok(()) => stream.flush().await,
                failed => failed,
            },
        };
        sent.map_err(RigError::io("send"))
    }

    /// Reads until the answer is complete.
    ///
    /// # Errors
    /// If the connection ends before, or what comes is no message.
    pub(super) async fn receive(
        &mut self,
        replies: &mut Replies,
        scratch: &RefCell<Vec<u8>>,
    ) -> Result<(), RigError> {
        poll_fn(|context| {
            let mut scratch = scratch.borrow_mut();
            while !replies.is_complete() {
                let mut read = ReadBuf::new(&mut scratch);
                let outcome = ready!(self.poll_read(context, &mut read));
                outcome.map_err(RigError::io("receive"))?;
                if read.filled().is_empty() {
                    return Poll::Ready(Err(RigError::Closed(replies.last_words())));
                }
                replies.feed(read.filled())?;
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Reads some bytes as they are; an empty answer is the end.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(super) async fn receive_bytes(&mut self, into: &mut Vec<u8>) -> Result<usize, RigError> {
        let read = match self {
            Self::Plain(stream) => stream.read_buf(into).await,
            Self::Tls(stream) => stream.read_buf(into).await,
        };
        read.map_err(RigError::io("receive"))
    }

    /// Tells the other side that nothing more comes, and waits until it has hung up.
    pub(super) async fn close(mut self) {
        let closed = match &mut self {
            Self::Plain(stream) => {
                poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await
            },
            Self::Tls(stream) => {
                poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await
            },
        };
        let mut rest = Vec::new();
        // Whether it ends in order does not matter any more.
        if closed.is_ok() {
            drop(self.receive_bytes(&mut rest).await);
        }
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, read),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, read),
        }
    }
}
