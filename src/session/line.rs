//! The client's side while its login waits for a server: whether it is still there, what it says too
//! early, and that it hears of its proof meanwhile.

use std::task::Context;
use std::task::Poll;

use crate::limits::EARLY_BYTES_MAX;
use crate::net::Outgoing;
use crate::net::Socket;
use crate::session::End;

/// The client's side of a login.
#[derive(Debug)]
pub(super) struct Line<'a> {
    socket: &'a mut Socket,
    /// What the client said before it was told that it may: it is answered in its turn.
    pub(super) early: Vec<u8>,
    /// What it was not told yet. It is told with what follows, unless that takes its time.
    greeting: Option<Box<Outgoing>>,
}

impl<'a> Line<'a> {
    pub(super) fn new(socket: &'a mut Socket, greeting: Vec<u8>) -> Self {
        let early = Vec::new();
        let greeting = Some(Box::new(Outgoing::from(greeting)));
        Self {
            socket,
            early,
            greeting,
        }
    }

    /// What the client said, and what it is still to be told.
    pub(super) fn into_parts(self) -> (Vec<u8>, Option<Box<Outgoing>>) {
        (self.early, self.greeting)
    }

    /// Tells the client what it can take of the greeting.
    ///
    /// # Errors
    ///
    /// [`End`]: it is gone.
    pub(super) fn greet(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        let greeted = Outgoing::flush(&mut self.greeting, self.socket, context);
        greeted.map(drop).map_err(End::ClientBroke)
    }

    /// Takes what the client has said, and asks to be woken when there is more.
    ///
    /// # Errors
    ///
    /// [`End`]: it is gone.
    pub(super) fn hear(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        let mut chunk = [0; 512];
        while self.early.len() < EARLY_BYTES_MAX {
            match self.socket.poll_read(context, &mut chunk) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Err(End::ClientGone),
                Poll::Ready(Ok(count)) => {
                    let said = chunk.get(..count).unwrap_or_default();
                    self.early.extend_from_slice(said);
                },
                Poll::Ready(Err(error)) => return Err(End::ClientBroke(error)),
            }
        }
        Ok(())
    }
}
