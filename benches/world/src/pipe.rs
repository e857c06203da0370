//! A connection in memory whose two ends take next to nothing while nothing is under way: a million
//! of them fit.
//!
//! It takes whatever is written. A buffer that was read to its end goes to whoever writes next.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// One end of a connection.
pub(crate) struct End {
    both: Arc<Mutex<[Way; 2]>>,
    /// Which way leads here.
    here: usize,
}

/// One direction.
#[derive(Default)]
struct Way {
    bytes: Vec<u8>,
    read: usize,
    reader: Option<Waker>,
    is_closed: bool,
}

/// A new connection.
pub(crate) fn pipe() -> (End, End) {
    let both = Arc::<Mutex<[Way; 2]>>::default();
    let near = End {
        both: Arc::clone(&both),
        here: 0,
    };
    (near, End { both, here: 1 })
}

impl End {
    fn ways(&self) -> MutexGuard<'_, [Way; 2]> {
        self.both.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let way = &mut self.ways()[1 - self.here];
        way.is_closed = true;
        way.wake();
    }
}

impl Way {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("End(…)")
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let way = &mut self.ways()[self.here];
        let unread = &way.bytes[way.read..];
        if unread.is_empty() {
            if way.is_closed {
                return Poll::Ready(Ok(()));
            }
            way.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let now = &unread[..unread.len().min(buffer.remaining())];
        buffer.put_slice(now);
        way.read += now.len();
        if way.read == way.bytes.len() {
            let mut spare = std::mem::take(&mut way.bytes);
            spare.clear();
            way.read = 0;
            SPARE.with_borrow_mut(|spares| spares.push(spare));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let way = &mut self.ways()[1 - self.here];
        if way.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if way.bytes.capacity() == 0 {
            way.bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        for slice in slices {
            way.bytes.extend_from_slice(slice);
        }
        way.wake();
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.close();
        // Nor does anybody hear what is said to it.
        self.ways()[self.here].is_closed = true;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn what_one_end_says_the_other_hears_until_the_end() {
        let (mut near, mut far) = pipe();
        let mut two = [0; 2];
        near.write_all(b"abc").await.unwrap();
        assert_eq!(far.read(&mut two).await.unwrap(), 2);
        far.write_all(b"d").await.unwrap();
        drop(near);
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        assert_eq!((&two, &*rest), (b"ab", &b"c"[..]));
        far.write_all(b"e").await.unwrap_err();
    }
}
