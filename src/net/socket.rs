//! A connection as a session or a server reads and writes it: plaintext in and out, whether TLS
//! lies underneath or not.
//!
//! Reading and writing poll and never wait. What TLS has encrypted but could not yet send stays
//! inside; [`Socket::poll_flush`] sends it.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use rustls::CommonState;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio_rustls::client::TlsStream;

use crate::net::AgreedTls;
use crate::net::ClientTls;
use crate::net::Transport;

/// A connection, plain or under TLS.
#[derive(Debug)]
pub enum Socket {
    /// As it is on the wire.
    Plain(Transport),
    /// Under TLS, towards a client. Boxed: the state is a kilobyte.
    ClientTls(Box<ClientTls>),
    /// Under TLS, towards a server.
    ServerTls(Box<TlsStream<Transport>>),
}

impl Socket {
    /// Reads into `buffer`; `Ready(Ok(0))` is the end of the stream.
    ///
    /// # Errors
    ///
    /// The operating system's or the TLS layer's error: the connection is of no further use.
    #[inline]
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let polled = match self {
            Self::Plain(transport) => Pin::new(transport).poll_read(context, &mut buffer),
            Self::ClientTls(stream) => stream.poll_read(context, &mut buffer),
            Self::ServerTls(stream) => Pin::new(stream).poll_read(context, &mut buffer),
        };
        polled.map_ok(|()| buffer.filled().len())
    }

    /// Writes `first` and then `second`, as one if the transport can, and says how many bytes of
    /// both it took.
    ///
    /// # Errors
    ///
    /// As [`Socket::poll_read`].
    #[inline]
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        if first.is_empty() {
            return self.poll_write_one(context, second);
        }
        if second.is_empty() {
            return self.poll_write_one(context, first);
        }
        let both = [IoSlice::new(first), IoSlice::new(second)];
        match self {
            Self::Plain(transport) => Pin::new(transport).poll_write_vectored(context, &both),
            Self::ClientTls(stream) => stream.poll_write(context, first, second),
            Self::ServerTls(stream) => Pin::new(stream).poll_write_vectored(context, &both),
        }
    }

    #[inline]
    fn poll_write_one(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(transport) => Pin::new(transport).poll_write(context, bytes),
            Self::ClientTls(stream) => stream.poll_write(context, bytes, &[]),
            Self::ServerTls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    /// Puts `bytes` in front of what will be read; they were read from it, in this order.
    #[must_use]
    pub fn replaying(self, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return self;
        }
        match self {
            Self::Plain(transport) => Self::Plain(transport.replaying(bytes)),
            Self::ClientTls(mut stream) => {
                stream.read_again(bytes);
                Self::ClientTls(stream)
            },
            Self::ServerTls(stream) => {
                debug_assert!(false, "no server is read ahead of");
                Self::ServerTls(stream)
            },
        }
    }

    /// Sends what TLS still holds; does nothing without TLS.
    ///
    /// # Errors
    ///
    /// As [`Socket::poll_read`].
    #[inline]
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::ClientTls(_) | Self::ServerTls(_) => self.poll_flush_tls(context),
        }
    }

    fn poll_flush_tls(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::ClientTls(stream) => stream.poll_flush(context),
            Self::ServerTls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Sends the end of the stream: `close_notify` under TLS, then the end of the transport.
    ///
    /// # Errors
    ///
    /// As [`Socket::poll_read`].
    pub fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(transport) => Pin::new(transport).poll_shutdown(context),
            Self::ClientTls(stream) => stream.poll_shutdown(context),
            Self::ServerTls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    /// Whether something may have arrived, told without a system call.
    pub fn may_have_input(&self) -> bool {
        match self {
            Self::ClientTls(stream) => stream.may_have_input(),
            Self::Plain(_) | Self::ServerTls(_) => self.transport().may_have_input(),
        }
    }

    /// Whether a connection that the last read found empty is empty still, told without a system
    /// call. False if that cannot be told: TLS towards servers may hold what it has read.
    #[inline]
    pub fn is_still_empty(&self) -> bool {
        match self {
            Self::Plain(transport) => !transport.may_have_input(),
            Self::ClientTls(stream) => stream.is_still_empty(),
            Self::ServerTls(_) => false,
        }
    }

    /// What TLS was agreed on; `None` without TLS.
    pub fn tls(&self) -> Option<AgreedTls> {
        let agreed: &CommonState = match self {
            Self::Plain(_) => return None,
            Self::ClientTls(stream) => stream.agreed(),
            Self::ServerTls(stream) => stream.get_ref().1,
        };
        AgreedTls::of(agreed)
    }

    /// The transport, if what is on it is what is read and written here, and if the system knows it.
    pub(super) fn plain(&self) -> Option<&Transport> {
        match self {
            Self::Plain(transport @ (Transport::Tcp(_) | Transport::Unix(_))) => Some(transport),
            Self::Plain(_) | Self::ClientTls(_) | Self::ServerTls(_) => None,
        }
    }

    /// Whether the system can move its bytes by itself, in and out of a pipe.
    pub fn is_spliceable(&self) -> bool {
        self.plain().is_some()
    }

    /// The transport underneath.
    pub fn transport(&self) -> &Transport {
        match self {
            Self::Plain(transport) => transport,
            Self::ClientTls(stream) => stream.transport(),
            Self::ServerTls(stream) => stream.get_ref().0,
        }
    }

    /// The transport underneath, to park or unpark it.
    pub fn transport_mut(&mut self) -> &mut Transport {
        match self {
            Self::Plain(transport) => transport,
            Self::ClientTls(stream) => stream.transport_mut(),
            Self::ServerTls(stream) => stream.get_mut().0,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(transport) => Pin::new(transport).poll_read(context, buffer),
            Self::ClientTls(stream) => stream.poll_read(context, buffer),
            Self::ServerTls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_one(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(&mut self, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(&mut self, context)
    }
}
