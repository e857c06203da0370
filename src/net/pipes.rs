//! Pipes through which the kernel moves the body of a huge message from one socket to another, so
//! that none of its bytes is copied here.
//!
//! A pipe is lent to one connection for as long as there is something in it. One that is dropped with
//! something in it is closed and never lent again: what is in it is some client's. Where there is no
//! pipe to be had, bytes are copied as ever. See `splice(2)`.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use tokio::io::Interest;

use crate::limits::PIPE_BYTES;
use crate::limits::PIPE_REFUSAL_ASKS;
use crate::limits::PIPES_COUNT_MAX;
use crate::net::Socket;
use crate::telemetry::TenantSlot;

/// The pipes of one worker, for as many connections at most as there are pipes.
#[derive(Debug, Default)]
pub struct Pipes {
    /// All of them are empty. `idle.len() + lent.len() <= PIPES_COUNT_MAX`
    idle: RefCell<Vec<Pipe>>,
    /// Whose clients have the others.
    lent: RefCell<Vec<TenantSlot>>,
    /// How often nobody gets one, since the system has refused it.
    refusals: Cell<u32>,
}

/// Both ends of a pipe.
#[derive(Debug)]
struct Pipe {
    reading: OwnedFd,
    writing: OwnedFd,
}

/// A pipe that one connection has.
#[derive(Debug)]
pub struct LentPipe {
    pipes: Rc<Pipes>,
    tenant: TenantSlot,
    /// There until it is dropped.
    pipe: Option<Pipe>,
    /// What is in it.
    bytes: usize,
}

impl Pipes {
    /// An empty pipe for a client of this tenant, if there is one. A tenant has at most as many as it
    /// leaves to others, so that its deaf clients cannot have all of them.
    pub fn lend(self: &Rc<Self>, tenant: TenantSlot) -> Option<LentPipe> {
        let mut lent = self.lent.borrow_mut();
        let own = lent.iter().filter(|slot| **slot == tenant).count();
        if own >= PIPES_COUNT_MAX.saturating_sub(lent.len()) || self.is_refused() {
            return None;
        }
        let idle = self.idle.borrow_mut().pop();
        let pipe = idle.or_else(|| {
            let opened = system::open();
            opened.map_err(|error| self.refuse(&error)).ok()
        })?;
        lent.push(tenant);
        Some(LentPipe {
            pipes: Rc::clone(self),
            tenant,
            pipe: Some(pipe),
            bytes: 0,
        })
    }

    /// Whether the system has refused one a short while ago. It is not asked for each message, and
    /// there is no clock here.
    fn is_refused(&self) -> bool {
        let left = self.refusals.get();
        self.refusals.set(left.saturating_sub(1));
        left > 0
    }

    fn refuse(&self, error: &io::Error) {
        self.refusals.set(PIPE_REFUSAL_ASKS);
        tracing::debug!(%error, "no pipe is to be had: large messages are copied");
    }
}

impl LentPipe {
    /// Moves up to `bytes_max` bytes out of a socket; how many, and 0 at the end of its stream. `None` if
    /// this cannot be done with such a socket: nothing was moved then.
    ///
    /// The pipe must be empty: the system does not tell a full pipe from an empty socket.
    ///
    /// # Errors
    ///
    /// As [`Socket::poll_read`].
    pub fn poll_fill(
        &mut self,
        from: &Socket,
        context: &mut Context<'_>,
        bytes_max: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        debug_assert!(self.bytes == 0, "what is in the pipe goes first");
        let (Some(from), Some(pipe)) = (from.plain(), &self.pipe) else {
            return Poll::Ready(Ok(None));
        };
        let bytes_max = bytes_max.min(PIPE_BYTES);
        let polled = from.poll_io(context, Interest::READABLE, |socket| {
            system::splice(socket, &pipe.writing, bytes_max)
        });
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(count)) => {
                self.bytes += count;
                Poll::Ready(Ok(Some(count)))
            },
            Poll::Ready(Err(error)) if is_unable(&error) => {
                self.pipes.refuse(&error);
                Poll::Ready(Ok(None))
            },
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Moves what is in the pipe into a socket; `Ready` when nothing is left.
    ///
    /// # Errors
    ///
    /// As [`Socket::poll_write`].
    pub fn poll_drain(&mut self, to: &Socket, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.bytes > 0 {
            let (Some(to), Some(pipe)) = (to.plain(), &self.pipe) else {
                return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
            };
            let polled = to.poll_io(context, Interest::WRITABLE, |socket| {
                system::splice(&pipe.reading, socket, self.bytes)
            });
            match polled {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(count) => self.bytes = self.bytes.saturating_sub(count?),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for LentPipe {
    fn drop(&mut self) {
        let mut lent = self.pipes.lent.borrow_mut();
        if let Some(at) = lent.iter().position(|slot| *slot == self.tenant) {
            lent.swap_remove(at);
        }
        if self.bytes == 0
            && let Some(pipe) = self.pipe.take()
        {
            self.pipes.idle.borrow_mut().push(pipe);
        }
    }
}

/// Whether an error says nothing of the connection, but that bytes cannot be moved so: a system
/// that does not know how, or that is told not to.
fn is_unable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::Unsupported
            | io::ErrorKind::OutOfMemory
    )
}

/// What the system does with pipes.
#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::os::fd::AsFd;

    use rustix::pipe::PipeFlags;
    use rustix::pipe::SpliceFlags;

    use super::Pipe;
    use crate::limits::PIPE_BYTES;

    pub(super) fn open() -> io::Result<Pipe> {
        let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
        let (reading, writing) = rustix::pipe::pipe_with(flags)?;
        rustix::pipe::fcntl_setpipe_size(&writing, PIPE_BYTES)?;
        Ok(Pipe { reading, writing })
    }

    pub(super) fn splice(from: impl AsFd, to: impl AsFd, bytes_max: usize) -> io::Result<usize> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        Ok(rustix::pipe::splice(
            from, None, to, None, bytes_max, flags,
        )?)
    }
}

/// Elsewhere bytes are copied.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::os::fd::AsFd;

    use super::Pipe;

    pub(super) fn open() -> io::Result<Pipe> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn splice(_from: impl AsFd, _to: impl AsFd, _bytes_max: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixStream;

    use super::*;
    use crate::net::Transport;

    const TENANT: TenantSlot = TenantSlot::new(1);

    /// One of our sockets, and its other end.
    fn pair() -> (Socket, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        (Socket::Plain(Transport::Unix(near)), far)
    }

    async fn fill(pipe: &mut LentPipe, from: &Socket, bytes_max: usize) -> Option<usize> {
        let filled = poll_fn(|context| pipe.poll_fill(from, context, bytes_max));
        filled.await.unwrap()
    }

    #[tokio::test]
    async fn bytes_go_from_socket_to_socket_however_slow_either_is() {
        let ((from, mut server), (to, mut client)) = (pair(), pair());
        let wanted: Vec<u8> = (0..3_000_000_u32)
            .map(|number| (number % 251) as u8)
            .collect();
        let sending = async {
            for piece in wanted.chunks(70_001) {
                server.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(server);
        };
        let reading = async {
            let mut read = vec![0; wanted.len()];
            for piece in read.chunks_mut(4_099) {
                client.read_exact(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            read
        };
        let pipes = Rc::new(Pipes::default());
        let moving = async {
            while let mut pipe = pipes.lend(TENANT).unwrap()
                && let Some(1..) = fill(&mut pipe, &from, usize::MAX).await
            {
                let drained = poll_fn(|context| pipe.poll_drain(&to, context));
                drained.await.unwrap();
            }
        };
        let ((), read, ()) = tokio::join!(sending, reading, moving);
        assert!(read == wanted, "another byte");
        assert_eq!(pipes.idle.borrow().len(), 1, "it is lent again and again");
    }

    #[tokio::test]
    async fn no_more_is_taken_than_was_asked_for() {
        let (mut from, mut server) = pair();
        server.write_all(b"body, next message").await.unwrap();
        let mut pipe = Rc::new(Pipes::default()).lend(TENANT).unwrap();
        assert_eq!(fill(&mut pipe, &from, 4).await, Some(4));
        let mut rest = [0; 14];
        from.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b", next message");
    }

    #[tokio::test]
    async fn a_pipe_with_something_in_it_is_not_lent_again() {
        let (from, mut server) = pair();
        server.write_all(b"of one client").await.unwrap();
        let pipes = Rc::new(Pipes::default());
        let mut pipe = pipes.lend(TENANT).unwrap();
        fill(&mut pipe, &from, 100).await;
        drop(pipe);
        assert_eq!(pipes.idle.borrow().len(), 0);
        assert_eq!(pipes.lent.borrow().len(), 0);
        drop(pipes.lend(TENANT).unwrap());
        assert_eq!(pipes.idle.borrow().len(), 1);
    }

    #[test]
    fn a_tenant_leaves_to_others_as_many_as_it_has() {
        let pipes = Rc::new(Pipes::default());
        let all_of = |slot| -> Vec<LentPipe> {
            std::iter::from_fn(|| pipes.lend(TenantSlot::new(slot))).collect()
        };
        let first = all_of(1);
        assert_eq!(first.len(), PIPES_COUNT_MAX / 2);
        let second = all_of(2);
        assert_eq!(second.len(), PIPES_COUNT_MAX / 4);
        drop(first);
        assert_eq!(all_of(2).len() + second.len(), PIPES_COUNT_MAX / 2);
    }

    #[test]
    fn the_system_is_not_asked_for_every_message_after_it_has_refused_a_pipe() {
        let pipes = Rc::new(Pipes::default());
        pipes.refuse(&io::ErrorKind::PermissionDenied.into());
        for _ in 0..PIPE_REFUSAL_ASKS {
            assert!(pipes.lend(TENANT).is_none());
        }
        assert!(pipes.lend(TENANT).is_some());
    }

    #[tokio::test]
    async fn a_socket_in_memory_is_left_to_be_read() {
        let (near, mut server) = tokio::io::duplex(64);
        let from = Socket::Plain(Transport::in_memory(near));
        server.write_all(b"x").await.unwrap();
        let mut pipe = Rc::new(Pipes::default()).lend(TENANT).unwrap();
        assert_eq!(fill(&mut pipe, &from, 100).await, None);
        assert!(!from.is_spliceable());
    }
}
