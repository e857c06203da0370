//! Bytes that a socket could not take yet.
//!
//! Whoever writes bounds them: while any are left, a session reads nothing more from the other
//! side.

use std::io;
use std::task::Context;
use std::task::Poll;

use crate::net::LentPipe;
use crate::net::Socket;

/// Bytes waiting for a socket. `0 <= sent <= bytes.len()`.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// What is in it goes before the others.
    piped: Option<LentPipe>,
    bytes: Vec<u8>,
    sent: usize,
}

impl From<Vec<u8>> for Outgoing {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }
}

impl Outgoing {
    /// Writes `first` and `second` at once; what the socket does not take stays in `slot`.
    ///
    /// # Errors
    ///
    /// The socket's.
    #[inline]
    pub fn send(
        slot: &mut Option<Box<Self>>,
        socket: &mut Socket,
        context: &mut Context<'_>,
        (first, second): (&[u8], &[u8]),
    ) -> io::Result<()> {
        if first.is_empty() && second.is_empty() {
            return Ok(());
        }
        if slot.is_none() {
            let taken = match socket.poll_write(context, first, second) {
                Poll::Ready(taken) => taken?,
                Poll::Pending => 0,
            };
            if taken == first.len() + second.len() && socket.poll_flush(context)?.is_ready() {
                return Ok(());
            }
            let rest = slot.insert(Box::default());
            rest.bytes
                .extend_from_slice(first.get(taken..).unwrap_or_default());
            let taken = taken.saturating_sub(first.len());
            rest.bytes
                .extend_from_slice(second.get(taken..).unwrap_or_default());
        } else if let Some(rest) = slot {
            rest.bytes.extend_from_slice(first);
            rest.bytes.extend_from_slice(second);
        }
        // The first try may have been cut short without saying that the socket is full.
        Self::flush(slot, socket, context).map(drop)
    }

    /// Puts `bytes` behind what is left, to be flushed later.
    pub fn append(slot: &mut Option<Box<Self>>, bytes: &[u8]) {
        Self::bytes(slot).extend_from_slice(bytes);
    }

    /// Where bytes are put that are to be flushed later.
    pub fn bytes(slot: &mut Option<Box<Self>>) -> &mut Vec<u8> {
        &mut slot.get_or_insert_default().bytes
    }

    /// The bytes that are left.
    pub fn left(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Sends what is in a pipe; what the socket does not take stays in `slot`, which is empty, and
    /// the pipe with it.
    ///
    /// # Errors
    ///
    /// The socket's.
    pub fn send_piped(
        slot: &mut Option<Box<Self>>,
        socket: &mut Socket,
        context: &mut Context<'_>,
        mut pipe: LentPipe,
    ) -> io::Result<()> {
        debug_assert!(slot.is_none(), "what is left goes first");
        if pipe.poll_drain(socket, context)?.is_pending() {
            slot.get_or_insert_default().piped = Some(pipe);
        }
        Ok(())
    }

    /// Writes what is left; `Ready` when nothing is.
    ///
    /// # Errors
    ///
    /// The socket's.
    #[inline]
    pub fn flush(
        slot: &mut Option<Box<Self>>,
        socket: &mut Socket,
        context: &mut Context<'_>,
    ) -> io::Result<Poll<()>> {
        let Some(rest) = slot else {
            return Ok(Poll::Ready(()));
        };
        if rest.piped.is_some() && rest.flush_piped(socket, context)?.is_pending() {
            return Ok(Poll::Pending);
        }
        while let Some(bytes @ [_, ..]) = rest.bytes.get(rest.sent..) {
            match socket.poll_write(context, bytes, &[]) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(taken) => rest.sent += taken?,
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
        if socket.poll_flush(context)?.is_pending() {
            return Ok(Poll::Pending);
        }
        *slot = None;
        Ok(Poll::Ready(()))
    }

    /// Apart, so that what has no pipe pays nothing for it.
    #[cold]
    fn flush_piped(
        &mut self,
        socket: &mut Socket,
        context: &mut Context<'_>,
    ) -> io::Result<Poll<()>> {
        if let Some(pipe) = &mut self.piped
            && pipe.poll_drain(socket, context)?.is_pending()
        {
            return Ok(Poll::Pending);
        }
        self.piped = None;
        Ok(Poll::Ready(()))
    }
}
