//! The end of a session: what is still owed, what the client is told, where the server goes.

use std::task::Context;
use std::task::Poll;

use tidegate_proto::fault::Fault;
use tidegate_proto::frontend::Terminate;
use tokio::time::Instant;

use crate::config::PoolMode;
use crate::net::Outgoing;
use crate::pool;
use crate::pool::Held;
use crate::session::ClientState;
use crate::session::End;
use crate::session::refusal;
use crate::session::run::Session;

impl Session {
    /// A client that said goodbye still gets what it asked for before. Whether something was said
    /// to the server.
    pub(super) fn end_if_answered(&mut self) -> Result<bool, End> {
        let Some(lease) = &mut self.lease else {
            let is_owed = self.waiting.is_some() || self.to_client.is_some();
            return if is_owed {
                Ok(false)
            } else {
                Err(End::Terminated)
            };
        };
        let awaits_client = lease.ledger.awaits_client();
        if awaits_client && !lease.is_broken {
            // What the client has begun would never end: the server hears the goodbye as well.
            Outgoing::append(&mut lease.promised.unsent, &Terminate::BYTES);
            lease.is_broken = true;
            return Ok(true);
        }
        let is_owed = awaits_client
            || lease.ledger.is_busy()
            || !lease.promised.is_kept()
            || self.to_client.is_some();
        if is_owed {
            Ok(false)
        } else {
            Err(End::Terminated)
        }
    }

    /// Ends the conversation: the server goes back or is closed, the client is told why.
    pub(super) fn finish(&mut self, end: End) {
        let now = Instant::now();
        let is_between_messages = self
            .lease
            .as_ref()
            .is_none_or(|lease| lease.incoming.body_bytes == 0 || lease.incoming.swallows);
        if is_between_messages && let Some(report) = end.report() {
            refusal::queue(&mut self.to_client, &report);
        }
        self.waiting = None;
        self.held = Held::default();
        if let Some(mut lease) = self.lease.take() {
            lease.is_broken |= end.fault() == Fault::Server;
            let leaves_state =
                self.client.mode() == PoolMode::Session || self.conversation.needs_reset();
            self.left_server(now);
            if leaves_state {
                pool::release_after_reset(lease, now);
            } else {
                pool::release(lease, now);
            }
        }
        self.client.enter(ClientState::Idle, now);
        self.client.begin_closing(now);
        self.end = Some(Box::new(end));
    }

    /// Sends what is left to say, then the end of the stream.
    pub(super) fn close(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let end = self.end.as_deref();
        let is_heard = !matches!(end, Some(End::ClientGone | End::ClientBroke(_)));
        if is_heard && !self.client.is_abandoned() {
            let flushed = Outgoing::flush(&mut self.to_client, &mut self.socket, context);
            if matches!(flushed, Ok(Poll::Pending)) {
                return Poll::Pending;
            }
            if flushed.is_ok() && self.socket.poll_shutdown(context).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(self.end.take().map_or(End::Terminated, |end| *end))
    }

    pub(super) fn server_gone(&self) -> End {
        if self.conversation.is_over {
            return End::Terminated;
        }
        End::ServerGone {
            has_said_why: self.conversation.is_error_open,
        }
    }
}
