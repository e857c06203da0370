//! Bytes of a client and its server, as they pass: from one socket, through `relay.rs`, to the other.

use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use crate::net::Outgoing;
use crate::pool::Healed;
use crate::pool::Held;
use crate::pool::Scratch;
use crate::pool::SpareBuffers;
use crate::session::End;
use crate::session::carrying::carry_settings;
use crate::session::relay;
use crate::session::run::Session;
use crate::session::view::View;
use crate::telemetry::Count;

impl Session {
    pub(super) fn read_server(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let Some(lease) = &mut self.lease else {
            return Ok(false);
        };
        if self.is_server_watched && lease.socket.is_still_empty() {
            return Ok(false);
        }
        let mut scratch = self.client.pool.home.scratch();
        let held = lease.incoming.held.len();
        let Some((front, room)) = scratch.read.split_at_mut_checked(held) else {
            return Err(End::ServerGone {
                has_said_why: false,
            });
        };
        let polled = lease.socket.poll_read(context, room);
        self.is_server_watched = polled.is_pending();
        let count = match polled {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(0) | Err(_)) => {
                drop(scratch);
                return self.lost_server();
            },
            Poll::Ready(Ok(count)) => count,
        };
        front.copy_from_slice(&lease.incoming.held);
        lease.incoming.held.clear();
        let bytes = scratch.read.get_mut(..held + count).unwrap_or_default();
        let mut view = View {
            client: &self.client,
            conversation: &mut self.conversation,
            statements: &mut self.statements,
            reading: &mut self.reading,
        };
        let told = relay::from_server(lease, bytes, &mut view).map_err(End::ServerViolation)?;
        let both = (bytes.get(..told.bytes).unwrap_or_default(), &*told.rest);
        let count = both.0.len() + both.1.len();
        self.client
            .pool
            .counters
            .add(Count::SentBytes, count as u64);
        if count > 0 {
            Outgoing::send(&mut self.to_client, &mut self.socket, context, both)
                .map_err(End::ClientBroke)?;
        }
        let statements = self.statements.as_mut();
        if statements.is_some_and(|statements| statements.has_tried()) {
            scratch.spare.take_back(std::mem::take(&mut self.held));
        }
        drop(scratch);
        let is_refused = self.reading.is_some() && self.heard_refusal();
        if is_refused {
            self.heed_refusal();
            return Ok(true);
        }
        if self.reading.is_some() {
            self.part_from_lost_replica()?;
        }
        self.after_server()?;
        let resumes_here = self.reading.is_some() && {
            self.forget_kept();
            self.resumes_here()
        };
        if std::mem::take(&mut self.conversation.resumes) | resumes_here {
            self.resume(context)?;
        }
        if self.is_in_huge_message() {
            return self.move_body(context);
        }
        Ok(true)
    }

    /// What was held goes on.
    pub(super) fn resume(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        let pool = Rc::clone(&self.client.pool);
        let mut scratch = pool.home.scratch();
        scratch.injected.clear();
        if let Some(lease) = &mut self.lease
            && lease.can_be_told()
        {
            carry_settings(&self.client, lease, &mut scratch.injected)?;
        }
        let held = std::mem::take(&mut self.held);
        self.forward_held(&mut scratch, held, context)
    }

    /// Sends on what was held, and gives its buffer back.
    pub(super) fn forward_held(
        &mut self,
        scratch: &mut Scratch,
        held: Held,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        let out = (&mut scratch.injected, &mut scratch.spare);
        self.forward(out, &held, context)?;
        scratch.spare.take_back(held);
        Ok(())
    }

    pub(super) fn read_client(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        if self.is_client_watched && self.socket.is_still_empty() {
            return Ok(false);
        }
        let pool = Rc::clone(&self.client.pool);
        let mut scratch = pool.home.scratch();
        let scratch = &mut *scratch;
        // While it waits, what it says is only gathered.
        let gathers = self.waiting.is_some() || self.reading.is_some() && self.gathers();
        let held = if gathers { 0 } else { self.held.len() };
        let Some((front, room)) = scratch.read.split_at_mut_checked(held) else {
            return Ok(false);
        };
        let polled = self.socket.poll_read(context, room);
        self.is_client_watched = polled.is_pending();
        let count = match polled {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(0)) => return Err(End::ClientGone),
            Poll::Ready(Err(error)) => return Err(End::ClientBroke(error)),
            Poll::Ready(Ok(count)) => count,
        };
        pool.counters.add(Count::ReceivedBytes, count as u64);
        if gathers {
            let more = room.get(..count).unwrap_or_default();
            scratch.spare.append(&mut self.held, more);
            return Ok(true);
        }
        front.copy_from_slice(&self.held);
        scratch.spare.take_back(std::mem::take(&mut self.held));
        let bytes = scratch.read.get(..held + count).unwrap_or_default();
        scratch.injected.clear();
        let now = self.client.now();
        if let Some(lease) = &mut self.lease {
            if lease.can_be_told() {
                carry_settings(&self.client, lease, &mut scratch.injected)?;
            }
        } else if !self.obtain(bytes, &mut scratch.injected, now)? {
            scratch.spare.append(&mut self.held, bytes);
            return Ok(true);
        }
        self.client.since.set(now);
        self.client.is_idle_in_transaction.set(false);
        let out = (&mut scratch.injected, &mut scratch.spare);
        self.forward(out, bytes, context)?;
        Ok(true)
    }

    /// Sends on what the client said, behind what is injected.
    fn forward(
        &mut self,
        (out, spare): (&mut Vec<u8>, &mut SpareBuffers),
        bytes: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        let (bytes, behind, asks) = if self.reading.is_some() {
            self.part(bytes, spare)
        } else {
            (bytes, [].as_slice(), false)
        };
        let Some(lease) = &mut self.lease else {
            return Ok(());
        };
        if self.client.transaction_since.get().is_none() {
            self.client.transaction_since.set(Some(self.client.now()));
        }
        let mut view = View {
            client: &self.client,
            conversation: &mut self.conversation,
            statements: &mut self.statements,
            reading: &mut self.reading,
        };
        let read = relay::from_client(lease, bytes, out, &mut view);
        let read = read.map_err(End::ClientViolation)?;
        if self.reading.is_some() && self.is_stuck(bytes.len() - read.forwarded) {
            spare.append(&mut self.held, bytes);
            spare.append(&mut self.held, behind);
            self.turn_to_primary(Healed::Stuck, self.client.now());
            return Ok(());
        }
        let (going, staying) = bytes
            .split_at_checked(read.forwarded)
            .unwrap_or((bytes, &[]));
        let mut going = going.get(read.copied..).unwrap_or_default();
        if asks && staying.is_empty() && !read.is_over && !self.conversation.waits {
            // Behind all that the client says.
            out.extend_from_slice(going);
            going = &[];
            self.ask_position(out)?;
        }
        let Some(lease) = &mut self.lease else {
            return Ok(());
        };
        let server = &mut **lease;
        let unsent = &mut server.promised.unsent;
        let sent = Outgoing::send(unsent, &mut server.socket, context, (out, going));
        self.note_deafness(sent.is_err());
        self.conversation.is_over = read.is_over;
        if !read.is_over {
            spare.append(&mut self.held, staying);
            if self.reading.is_some() {
                // With nothing behind it, too: of the round itself nothing may be left.
                self.hold_behind(behind, spare);
            }
        }
        // Nothing may be owed for what it said: a stray CopyData, a Flush.
        self.after_server()
    }

    /// A server that takes nothing more may still have said why: it is read to its end.
    pub(super) fn note_deafness(&mut self, is_deaf: bool) {
        if is_deaf && let Some(lease) = &mut self.lease {
            lease.promised.unsent = None;
            lease.is_broken = true;
            self.conversation.is_server_deaf = true;
        }
    }
}
