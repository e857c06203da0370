//! The byte stream under a connection: TCP, a unix socket, or memory in a simulated world.
//!
//! A transport is registered with the runtime it was made in. [`Transport::park`] takes it out,
//! [`Transport::unpark`] registers it with the runtime it has moved to; a parked transport reads
//! and writes nothing.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::Interest;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::UnixStream;

/// The byte stream under a connection.
#[derive(Debug)]
pub enum Transport {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A unix-socket connection.
    Unix(UnixStream),
    /// A connection within this process: tests, simulations, measurements.
    Memory(Box<dyn ByteStream>),
    /// Bytes that were read too early are read again before the rest.
    Replayed(Box<Replay>),
    /// On its way to another runtime.
    Parked(Parked),
}

/// Something in memory that is read and written like a socket.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> ByteStream for S {}

/// Bytes to be read again, and the transport they came from.
#[derive(Debug)]
pub struct Replay {
    bytes: Vec<u8>,
    read: usize,
    rest: Transport,
}

/// A transport that no runtime knows.
#[derive(Debug)]
pub enum Parked {
    /// A TCP connection.
    Tcp(std::net::TcpStream),
    /// A unix-socket connection.
    Unix(std::os::unix::net::UnixStream),
    /// Nothing: the transport was lost on the way.
    Lost,
}

impl Transport {
    /// A connection within this process.
    pub fn in_memory(stream: impl ByteStream + 'static) -> Self {
        Self::Memory(Box::new(stream))
    }

    /// Puts `bytes` in front of what will be read; they were read from it, in this order.
    #[must_use]
    pub fn replaying(self, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return self;
        }
        Self::Replayed(Box::new(Replay {
            bytes: bytes.to_vec(),
            read: 0,
            rest: self,
        }))
    }

    /// Takes the transport out of this runtime.
    ///
    /// # Errors
    ///
    /// The operating system's error if the socket cannot be deregistered; the connection is then
    /// lost.
    pub fn park(&mut self) -> io::Result<()> {
        let parked = match std::mem::replace(self, Self::Parked(Parked::Lost)) {
            Self::Tcp(stream) => Self::Parked(Parked::Tcp(stream.into_std()?)),
            Self::Unix(stream) => Self::Parked(Parked::Unix(stream.into_std()?)),
            Self::Replayed(mut replay) => {
                replay.rest.park()?;
                Self::Replayed(replay)
            },
            staying @ (Self::Memory(_) | Self::Parked(_)) => staying,
        };
        *self = parked;
        Ok(())
    }

    /// Registers a parked transport with the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// The operating system's error if the socket cannot be registered; the connection is then
    /// lost.
    pub fn unpark(&mut self) -> io::Result<()> {
        match self {
            Self::Parked(parked) => match std::mem::replace(parked, Parked::Lost) {
                Parked::Tcp(stream) => *self = Self::Tcp(TcpStream::from_std(stream)?),
                Parked::Unix(stream) => *self = Self::Unix(UnixStream::from_std(stream)?),
                Parked::Lost => return Err(lost()),
            },
            Self::Replayed(replay) => replay.rest.unpark()?,
            Self::Tcp(_) | Self::Unix(_) | Self::Memory(_) => {},
        }
        Ok(())
    }

    /// Our end of a TCP connection; `None` for others.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Replayed(replay) => replay.rest.local_address(),
            Self::Unix(_) | Self::Memory(_) | Self::Parked(_) => None,
        }
    }

    /// Holds back what is sent from here on for the end of the stream, which must follow: a packet
    /// less. Where the system cannot, the end has a packet of its own.
    pub(super) fn send_with_end(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Tcp(stream) => drop(SockRef::from(stream).set_tcp_cork(true)),
            #[cfg(not(target_os = "linux"))]
            Self::Tcp(_) => {},
            Self::Replayed(replay) => replay.rest.send_with_end(),
            Self::Unix(_) | Self::Memory(_) | Self::Parked(_) => {},
        }
    }

    /// Tries `io` on the descriptor of a stream whenever that is ready. Where it would block, the
    /// stream is not ready any more: nothing else may be the reason.
    ///
    /// # Errors
    ///
    /// Those of `io`, and `Unsupported` if there is no descriptor.
    pub(super) fn poll_io(
        &self,
        context: &mut Context<'_>,
        interest: Interest,
        mut io: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let tried = match self {
                Self::Tcp(stream) => {
                    let ready = if interest.is_readable() {
                        stream.poll_read_ready(context)
                    } else {
                        stream.poll_write_ready(context)
                    };
                    ready!(ready)?;
                    stream.try_io(interest, || io(stream.as_fd()))
                },
                Self::Unix(stream) => {
                    let ready = if interest.is_readable() {
                        stream.poll_read_ready(context)
                    } else {
                        stream.poll_write_ready(context)
                    };
                    ready!(ready)?;
                    stream.try_io(interest, || io(stream.as_fd()))
                },
                Self::Memory(_) | Self::Replayed(_) | Self::Parked(_) => {
                    Err(io::ErrorKind::Unsupported.into())
                },
            };
            match tried {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {},
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
                result => return Poll::Ready(result),
            }
        }
    }

    /// Whether something may have arrived, told without a system call: bytes, or the end.
    #[inline]
    pub fn may_have_input(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.try_io(Interest::READABLE, || Ok(())).is_ok(),
            Self::Unix(stream) => stream.try_io(Interest::READABLE, || Ok(())).is_ok(),
            Self::Memory(_) | Self::Replayed(_) => true,
            Self::Parked(_) => false,
        }
    }
}

impl AsyncRead for Transport {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Memory(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Replayed(_) => {
                self.replay(buffer);
                Poll::Ready(Ok(()))
            },
            Self::Parked(_) => Poll::Ready(Err(lost())),
        }
    }
}

impl Transport {
    fn replay(&mut self, buffer: &mut ReadBuf<'_>) {
        let Self::Replayed(replay) = self else {
            return;
        };
        let left = replay.bytes.get(replay.read..).unwrap_or_default();
        let (now, later) = left.split_at(left.len().min(buffer.remaining()));
        buffer.put_slice(now);
        replay.read += now.len();
        if later.is_empty() {
            let rest = std::mem::replace(&mut replay.rest, Self::Parked(Parked::Lost));
            *self = rest;
        }
    }
}

impl AsyncWrite for Transport {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Memory(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Replayed(replay) => Pin::new(&mut replay.rest).poll_write(context, bytes),
            Self::Parked(_) => Poll::Ready(Err(lost())),
        }
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Replayed(replay) => {
                Pin::new(&mut replay.rest).poll_write_vectored(context, slices)
            },
            Self::Parked(_) => Poll::Ready(Err(lost())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Memory(_) | Self::Parked(_) => false,
            Self::Replayed(replay) => replay.rest.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Memory(stream) => Pin::new(stream).poll_flush(context),
            Self::Replayed(replay) => Pin::new(&mut replay.rest).poll_flush(context),
            Self::Parked(_) => Poll::Ready(Err(lost())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Replayed(replay) => Pin::new(&mut replay.rest).poll_shutdown(context),
            Self::Parked(_) => Poll::Ready(Err(lost())),
        }
    }
}

fn lost() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotConnected,
        "the transport is between two runtimes",
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn replayed_bytes_come_before_the_rest_whatever_the_buffer() {
        let (mut far, near) = tokio::io::duplex(64);
        far.write_all(b"rest").await.unwrap();
        drop(far);
        let mut transport = Transport::in_memory(near).replaying(b"early ");
        let mut all = Vec::new();
        let mut two = [0; 2];
        assert_eq!(transport.read(&mut two).await.unwrap(), 2);
        all.extend_from_slice(&two);
        transport.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"early rest");
        assert!(matches!(transport, Transport::Memory(_)));
    }

    #[tokio::test]
    async fn a_parked_transport_works_again_once_unparked() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut far = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let mut transport = Transport::Tcp(listener.accept().await.unwrap().0);
        transport.park().unwrap();
        assert_eq!(
            transport.read(&mut [0; 1]).await.unwrap_err().kind(),
            io::ErrorKind::NotConnected
        );
        far.write_all(b"x").await.unwrap();
        let moved = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
                .unwrap();
            runtime.block_on(async move {
                transport.unpark().unwrap();
                transport.read_u8().await.unwrap()
            })
        });
        assert_eq!(moved.join().unwrap(), b'x');
    }
}
