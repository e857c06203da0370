//! The body of a huge message of a server: the kernel moves it from socket to socket, and it is only
//! counted here.
//!
//! What begins or ends a message is always read: nothing of what is moved says anything to the pooler.

use std::task::Context;
use std::task::Poll;

use crate::limits::SCRATCH_BUFFER_BYTES;
use crate::limits::SPLICE_BYTES_MIN;
use crate::limits::SPLICE_TURN_BYTES;
use crate::net::Outgoing;
use crate::session::End;
use crate::session::run::Session;
use crate::telemetry::Count;

impl Session {
    /// Whether much is still to come of a message that the server has begun.
    #[inline]
    pub(super) fn is_in_huge_message(&self) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| lease.incoming.body_bytes >= SPLICE_BYTES_MIN)
    }

    /// Moves on what there is of a message's body, but for its last byte: what that settles is noticed
    /// when it is read. Whether anything else may be done in this turn; what cannot be moved is left to be read.
    ///
    /// # Errors
    ///
    /// [`End`]: one of the two has gone.
    #[cold]
    #[inline(never)]
    pub(super) fn move_body(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        while self.moved < SPLICE_TURN_BYTES {
            let count = self.move_piece(context)?;
            // Less than can be copied at once is copied: what comes in small pieces costs less so.
            let moved = u32::try_from(count).unwrap_or(u32::MAX);
            self.moved = self.moved.saturating_add(moved);
            if count < SCRATCH_BUFFER_BYTES {
                return Ok(true);
            }
        }
        context.waker().wake_by_ref();
        Ok(false)
    }

    /// As much as fits into a pipe; how many bytes that were.
    fn move_piece(&mut self, context: &mut Context<'_>) -> Result<usize, End> {
        let Some(lease) = &mut self.lease else {
            return Ok(0);
        };
        let left = lease.incoming.body_bytes;
        if left < SPLICE_BYTES_MIN || lease.incoming.swallows || self.to_client.is_some() {
            return Ok(0);
        }
        if !lease.socket.is_spliceable() || !self.socket.is_spliceable() {
            return Ok(0);
        }
        let tenant = lease.pool.tenant.slot();
        let Some(mut pipe) = lease.pool.home.pipes.lend(tenant) else {
            return Ok(0);
        };
        let polled = pipe.poll_fill(&lease.socket, context, left - 1);
        self.is_server_watched = polled.is_pending();
        let count = match polled {
            Poll::Pending | Poll::Ready(Ok(None)) => return Ok(0),
            Poll::Ready(Ok(Some(0)) | Err(_)) => return Err(self.server_gone()),
            Poll::Ready(Ok(Some(count))) => count,
        };
        lease.incoming.body_bytes -= count;
        self.client
            .pool
            .counters
            .add(Count::SentBytes, count as u64);
        Outgoing::send_piped(&mut self.to_client, &mut self.socket, context, pipe)
            .map_err(End::ClientBroke)?;
        Ok(count)
    }
}
