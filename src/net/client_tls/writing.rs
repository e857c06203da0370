//! The way from the writer to the transport: bytes are encrypted and sent as one.
//!
//! Nothing new is encrypted while records wait that the transport did not take: a connection never
//! holds more of them than one write makes.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use rustls::server::ServerConnectionData;
use rustls::unbuffered::ConnectionState;
use rustls::unbuffered::EncodeError;
use rustls::unbuffered::EncodeTlsData;
use rustls::unbuffered::EncryptError;
use rustls::unbuffered::InsufficientSizeError;
use rustls::unbuffered::WriteTraffic;
use tokio::io::AsyncWrite as _;

use crate::limits::TLS_CLOSE_BYTES_MAX;
use crate::limits::TLS_OVERHEAD_BYTES_MAX;
use crate::limits::TLS_RECORD_BYTES_MAX;
use crate::net::ClientTls;
use crate::net::client_tls::kept::Kept;
use crate::net::client_tls::reading::Incoming;
use crate::net::client_tls::scratch::Scratch;
use crate::net::client_tls::scratch::with_scratch;

impl ClientTls {
    /// Encrypts `first` and then `second`, sends what the transport takes, and says how many bytes
    /// of both are on their way; what was encrypted and not sent, [`ClientTls::poll_flush`] sends.
    ///
    /// # Errors
    ///
    /// The transport's; [`io::ErrorKind::BrokenPipe`] after the end of the stream, or once the keys
    /// have been used as often as they may.
    #[inline]
    pub(in crate::net) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        with_scratch(|scratch| {
            let (taken, sealed) = ready!(self.poll_seal(context, [first, second], scratch))?;
            self.send(context, scratch.outgoing.get(..sealed).unwrap_or_default())?;
            Poll::Ready(Ok(taken))
        })
    }

    /// Encrypts as much as there is room for, once nothing waits to be sent.
    fn poll_seal(
        &mut self,
        context: &mut Context<'_>,
        parts: [&[u8]; 2],
        scratch: &mut Scratch,
    ) -> Poll<io::Result<(usize, usize)>> {
        loop {
            ready!(self.poll_flush(context))?;
            // An alert is the last that may be said.
            if self.is_shut || self.incoming == Incoming::Failed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            // What is kept changes nothing: it is as it was when it was last looked at.
            let status = self
                .connection
                .process_tls_records(self.kept.received_mut());
            match status.state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return Poll::Ready(seal(&mut traffic, parts, &mut scratch.outgoing));
                },
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.kept),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(_) | Err(_) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
    }

    /// Sends as much as the transport takes; the rest waits. Nothing else does.
    fn send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sent = match Pin::new(&mut self.transport).poll_write(context, bytes) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        self.kept
            .append_unsent(bytes.get(sent..).unwrap_or_default());
        Ok(())
    }

    /// Sends the records that wait; `Ready` when none do.
    ///
    /// # Errors
    ///
    /// The transport's.
    #[inline]
    pub(in crate::net) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let bytes @ [_, ..] = self.kept.unsent() {
            match ready!(Pin::new(&mut self.transport).poll_write(context, bytes))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.kept.take_unsent(count),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Announces the end of the stream, then ends the transport.
    ///
    /// # Errors
    ///
    /// The transport's.
    pub(in crate::net) fn poll_shutdown(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_shut {
            self.is_shut = true;
            self.announce_end();
        }
        ready!(self.poll_flush(context))?;
        match ready!(Pin::new(&mut self.transport).poll_shutdown(context)) {
            // It has gone further than was asked for.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            ended => Poll::Ready(ended),
        }
    }

    fn announce_end(&mut self) {
        if let Some(Err(_)) = self.ended() {
            // Whoever broke TLS was told so, and whoever is gone hears nothing.
            return;
        }
        loop {
            let status = self
                .connection
                .process_tls_records(self.kept.received_mut());
            match status.state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let mut record = [0; TLS_CLOSE_BYTES_MAX];
                    if let Ok(count) = traffic.queue_close_notify(&mut record) {
                        let record = record.get(..count).unwrap_or_default();
                        self.transport.send_with_end();
                        self.kept.append_unsent(record);
                        return;
                    }
                    // Something stands before it, and is encoded first.
                },
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.kept),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// Encrypts as much as there is room for; gives the bytes that it took and those that it made.
fn seal(
    traffic: &mut WriteTraffic<'_, ServerConnectionData>,
    parts: [&[u8]; 2],
    out: &mut [u8],
) -> io::Result<(usize, usize)> {
    let (mut taken, mut sealed) = (0, 0);
    for bytes in parts
        .into_iter()
        .flat_map(|part| part.chunks(TLS_RECORD_BYTES_MAX))
    {
        let room = out.get_mut(sealed..).unwrap_or_default();
        if room.len() < bytes.len() + TLS_OVERHEAD_BYTES_MAX {
            break;
        }
        match traffic.encrypt(bytes, room) {
            Ok(count) => sealed += count,
            Err(EncryptError::InsufficientSize(_)) if taken > 0 => break,
            Err(error) => return Err(io::Error::new(io::ErrorKind::BrokenPipe, error)),
        }
        taken += bytes.len();
    }
    Ok((taken, sealed))
}

/// Puts what TLS itself says behind what waits to be sent.
pub(super) fn encode(mut data: EncodeTlsData<'_, ServerConnectionData>, kept: &mut Kept) {
    // How long it is, it tells only whoever has too little room.
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) =
        data.encode(&mut [])
    {
        let encoded = data.encode(kept.extend_unsent(required_size));
        debug_assert!(matches!(encoded, Ok(count) if count == required_size));
    }
}
