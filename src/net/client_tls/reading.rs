//! The way from the transport to the reader: records are read, taken in and decrypted.
//!
//! What was read is always taken in to its last whole record, so that nothing can be had from what
//! is kept before more comes; whoever finds nothing may wait for the transport alone.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use rustls::unbuffered::ConnectionState;
use rustls::unbuffered::UnbufferedStatus;
use tokio::io::AsyncRead as _;
use tokio::io::ReadBuf;

use crate::limits::EDGE_BUFFER_BYTES;
use crate::limits::TLS_FRUITLESS_BYTES_MAX;
use crate::net::ClientTls;
use crate::net::client_tls::kept::Kept;
use crate::net::client_tls::scratch::with_scratch;
use crate::net::client_tls::writing::encode;

/// What is still to be expected from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incoming {
    /// Anything.
    Open,
    /// Nothing: it has said so.
    Closed,
    /// Nothing: the transport ended without a word.
    CutOff,
    /// Nothing: it broke TLS.
    Failed,
}

impl ClientTls {
    /// Reads into `buffer`. If nothing was put there it is the end of the stream, which the client
    /// has announced.
    ///
    /// # Errors
    ///
    /// The transport's; [`io::ErrorKind::UnexpectedEof`] if it ended unannounced; a
    /// [`rustls::Error`] within an [`io::ErrorKind::InvalidData`]. What came before is read first.
    #[inline]
    pub(in crate::net) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left @ [_, ..] = self.kept.plaintext() else {
            return self.poll_read_on(context, buffer);
        };
        let now = left.get(..buffer.remaining()).unwrap_or(left);
        buffer.put_slice(now);
        let count = now.len();
        self.kept.take_plaintext(count);
        Poll::Ready(Ok(()))
    }

    /// As [`ClientTls::poll_read`], with no plaintext left.
    fn poll_read_on(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        while buffer.filled().len() == before && buffer.remaining() > 0 {
            if let Some(ended) = self.ended() {
                return Poll::Ready(ended);
            }
            let count = ready!(self.poll_receive_into(context, buffer))?;
            if buffer.filled().len() > before {
                self.fruitless_bytes = 0;
                break;
            }
            // New keys again and again, or records of nothing: each costs something, and nobody else
            // on this thread has a turn meanwhile.
            self.fruitless_bytes += count;
            if self.fruitless_bytes > TLS_FRUITLESS_BYTES_MAX {
                let error = rustls::PeerMisbehaved::TooManyKeyUpdateRequests;
                self.fail(rustls::Error::PeerMisbehaved(error), &mut []);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// As [`ClientTls::poll_receive_into`], for nobody who reads yet.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let received = self.poll_receive_into(context, &mut ReadBuf::new(&mut []));
        received.map_ok(drop)
    }

    /// Reads once from the transport and takes in what came, of which it says how many bytes it was;
    /// that may have been nothing to read.
    fn poll_receive_into(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        with_scratch(|scratch| {
            let kept = self.kept.received().len();
            // What is read fits into the reader's buffer, unless that is tiny.
            let wanted = buffer.remaining().max(EDGE_BUFFER_BYTES);
            let room = scratch.incoming.get_mut(kept..).unwrap_or_default();
            let wanted = wanted.min(room.len());
            if wanted == 0 {
                // Neither is a record so long, nor a message of any handshake.
                return Poll::Ready(Err(invalid(rustls::Error::PeerSentOversizedRecord)));
            }
            let mut read = ReadBuf::new(room.get_mut(..wanted).unwrap_or_default());
            ready!(Pin::new(&mut self.transport).poll_read(context, &mut read))?;
            let count = read.filled().len();
            if count == 0 {
                self.incoming = Incoming::CutOff;
                return Poll::Ready(Ok(0));
            }
            let bytes = scratch.incoming.get_mut(..kept + count).unwrap_or_default();
            let (front, _) = bytes.split_at_mut(kept);
            front.copy_from_slice(self.kept.received());
            self.take_in(bytes, buffer);
            if !self.kept.unsent().is_empty() {
                // An answer that TLS gives by itself. If it cannot be sent, a write will say so.
                drop(self.poll_flush(context));
            }
            Poll::Ready(Ok(count))
        })
    }

    /// Takes in all whole records, and keeps the rest; what they say goes into `buffer` as far as
    /// there is room.
    fn take_in(&mut self, bytes: &mut [u8], buffer: &mut ReadBuf<'_>) {
        let mut used = 0;
        while self.incoming == Incoming::Open {
            let rest = bytes.get_mut(used..).unwrap_or_default();
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(rest);
            used += discard;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        used += record.discard;
                        give(record.payload, buffer, &mut self.kept);
                    }
                },
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.kept),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => break,
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.incoming = Incoming::Closed;
                },
                Ok(_unasked) => self.fail(rustls::Error::General("early data".to_owned()), &mut []),
                Err(error) => self.fail(error, bytes.get_mut(used..).unwrap_or_default()),
            }
        }
        let is_open = self.incoming == Incoming::Open;
        let rest = bytes.get(used..).filter(|_| is_open).unwrap_or_default();
        self.kept.replace_received(rest);
    }

    /// The end of it: what is left to say is an alert. `rest` was not taken in.
    fn fail(&mut self, error: rustls::Error, rest: &mut [u8]) {
        // Only what waits to be sent may be asked for: the rest would fail again.
        while self.connection.wants_write() {
            let UnbufferedStatus { state, .. } = self.connection.process_tls_records(rest);
            let Ok(ConnectionState::EncodeTlsData(data)) = state else {
                break;
            };
            encode(data, &mut self.kept);
        }
        self.kept.fail(error);
        self.incoming = Incoming::Failed;
    }

    /// How a reader is told that nothing more comes; `None` if it may.
    pub(super) fn ended(&self) -> Option<io::Result<()>> {
        match self.incoming {
            Incoming::Open => None,
            Incoming::Closed => Some(Ok(())),
            Incoming::CutOff => Some(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection ended without the end of its TLS",
            ))),
            Incoming::Failed => self.kept.error().cloned().map(|error| Err(invalid(error))),
        }
    }

    /// Whether a connection that the last read found empty is empty still, told without a system
    /// call.
    #[inline]
    pub(in crate::net) fn is_still_empty(&self) -> bool {
        self.kept.is_nothing()
            && self.incoming == Incoming::Open
            && !self.transport.may_have_input()
    }
}

/// As an error of the connection.
pub(super) fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Fills `buffer`, and keeps what does not fit.
fn give(bytes: &[u8], buffer: &mut ReadBuf<'_>, kept: &mut Kept) {
    let count = bytes.len().min(buffer.remaining());
    let (now, later) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
    buffer.put_slice(now);
    kept.append_plaintext(later);
}
