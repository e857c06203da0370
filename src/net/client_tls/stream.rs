//! One connection to a client under TLS.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use rustls::CommonState;
use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;

use crate::net::Transport;
use crate::net::client_tls::kept::Kept;
use crate::net::client_tls::reading::Incoming;
use crate::net::client_tls::reading::invalid;

/// A connection to a client under TLS, our side being TLS's server.
pub struct ClientTls {
    pub(super) transport: Transport,
    pub(super) connection: UnbufferedServerConnection,
    pub(super) kept: Kept,
    pub(super) incoming: Incoming,
    /// Received since the client last said something, once the handshake was over.
    pub(super) fruitless_bytes: usize,
    /// Nothing more may be written.
    pub(super) is_shut: bool,
}

impl ClientTls {
    /// Does our side of the handshake.
    ///
    /// # Errors
    ///
    /// The transport's, also when it ends too early; or a [`rustls::Error`] within an
    /// [`io::ErrorKind::InvalidData`]: the client's fault, it was sent an alert.
    pub async fn accept(transport: Transport, config: Arc<ServerConfig>) -> io::Result<Box<Self>> {
        let mut stream = Box::new(Self {
            transport,
            connection: UnbufferedServerConnection::new(config).map_err(invalid)?,
            kept: Kept::default(),
            incoming: Incoming::Open,
            fruitless_bytes: 0,
            is_shut: false,
        });
        poll_fn(|context| stream.poll_handshake(context)).await?;
        Ok(stream)
    }

    /// Goes on with the handshake until it is done, and all that belongs to it is sent.
    fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // If it has failed, the alert is what is to be sent.
            let flushed = ready!(self.poll_flush(context));
            if let Some(ended) = self.ended() {
                ended?;
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            flushed?;
            if !self.connection.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_receive(context))?;
        }
    }

    /// What was agreed on, and the client's certificate.
    pub fn agreed(&self) -> &CommonState {
        &self.connection
    }

    /// The transport underneath.
    pub const fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The transport underneath, to park or unpark it.
    pub const fn transport_mut(&mut self) -> &mut Transport {
        &mut self.transport
    }

    /// Puts `bytes` in front of what will be read; they were read from it, in this order.
    pub(in crate::net) fn read_again(&mut self, bytes: &[u8]) {
        self.kept.prepend_plaintext(bytes);
    }

    /// Whether there may be something to read, told without a system call.
    pub(in crate::net) fn may_have_input(&self) -> bool {
        !self.kept.plaintext().is_empty()
            || self.ended().is_some()
            || self.transport.may_have_input()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of what is said under TLS, nor its keys.
        formatter
            .debug_struct("ClientTls")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
