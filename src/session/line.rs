//! The client's side while its login waits for a server: whether it is still there, and what it says
//! too early.

use std::task::Context;
use std::task::Poll;

use crate::limits::EARLY_BYTES_MAX;
use crate::net::Socket;
use crate::session::End;

/// The client's side of a login.
#[derive(Debug)]
pub(super) struct Line<'a> {
    socket: &'a mut Socket,
    /// What the client said before it was told that it may: it is answered in its turn.
    pub(super) early: Vec<u8>,
}

impl<'a> Line<'a> {
    pub(super) fn new(socket: &'a mut Socket) -> Self {
        let early = Vec::new();
        Self { socket, early }
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
