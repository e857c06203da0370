//! The beginning of a handshake: the client's first message, which decides about the certificate.
//!
//! What it asks for is read by a parser that is thrown away again; the connection that is kept reads
//! the same bytes afresh, and so begins with nothing that only a handshake needs.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::Accepted;
use rustls::server::Acceptor;
use rustls::server::ClientHello;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::limits::EDGE_BUFFER_BYTES;
use crate::net::ClientTls;
use crate::net::Transport;

/// A client that has said how it would like to speak TLS.
pub struct Hello {
    transport: Transport,
    received: Vec<u8>,
    accepted: Accepted,
}

impl Hello {
    /// Waits for a client's first message.
    ///
    /// # Errors
    ///
    /// The transport's, also when it ends too early; or a [`rustls::Error`] within an
    /// [`io::ErrorKind::InvalidData`]: the client's fault, it was sent an alert.
    pub async fn read(mut transport: Transport) -> io::Result<Self> {
        let mut received = Vec::with_capacity(EDGE_BUFFER_BYTES);
        let mut acceptor = Acceptor::default();
        loop {
            let before = received.len();
            if transport.read_buf(&mut received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut more = received.get(before..).unwrap_or_default();
            while !more.is_empty() {
                acceptor.read_tls(&mut more)?;
                match acceptor.accept() {
                    Ok(None) => {},
                    Ok(Some(accepted)) => {
                        return Ok(Self {
                            transport,
                            received,
                            accepted,
                        });
                    },
                    Err((error, mut alert)) => {
                        let mut last_words = Vec::new();
                        alert.write_all(&mut last_words)?;
                        drop(transport.write_all(&last_words).await);
                        return Err(invalid(error));
                    },
                }
            }
        }
    }

    /// What the client has said.
    pub fn client_hello(&self) -> ClientHello<'_> {
        self.accepted.client_hello()
    }

    /// Does the rest of the handshake.
    ///
    /// # Errors
    ///
    /// As [`Hello::read`].
    pub async fn handshake(self, config: Arc<ServerConfig>) -> io::Result<Box<ClientTls>> {
        let Self {
            transport,
            mut received,
            accepted,
        } = self;
        drop(accepted);
        let mut stream = ClientTls::new(transport, config).map_err(invalid)?;
        stream.begin_with(&mut received);
        drop(received);
        poll_fn(|context| stream.poll_handshake(context)).await?;
        Ok(stream)
    }
}

/// As an error of the connection.
pub(super) fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
