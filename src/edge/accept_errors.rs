//! What to do when a connection cannot be accepted: go on, always.
//!
//! An error of the one connection (it was reset while it waited) is passed over. An error of the
//! whole (no descriptors, no memory) would come again at once, so the next attempt waits. Each burst
//! of errors is logged twice: when it begins and when it is over.

use std::io;
use std::time::Duration;

/// The wait after the first error of a burst; it doubles up to [`WAIT_MAX`].
const WAIT_MIN: Duration = Duration::from_millis(10);

/// The longest wait: how late a client may be noticed after descriptors are free again.
const WAIT_MAX: Duration = Duration::from_secs(1);

const _: () = assert!(WAIT_MIN.as_millis() < WAIT_MAX.as_millis());

/// The burst of errors that a listening socket is in, if any.
#[derive(Debug)]
pub(super) struct AcceptErrors {
    listener: String,
    count: u64,
    wait: Duration,
}

impl AcceptErrors {
    /// No errors so far, on the listener of this name.
    pub(super) fn new(listener: String) -> Self {
        Self {
            listener,
            count: 0,
            wait: WAIT_MIN,
        }
    }

    /// Accepts until a connection is there.
    pub(super) async fn accept<T>(&mut self, accept: impl AsyncFn() -> io::Result<T>) -> T {
        loop {
            match accept().await {
                Ok(accepted) => {
                    self.over();
                    return accepted;
                },
                Err(error) => self.wait_after(&error).await,
            }
        }
    }

    /// Takes note of an error, and waits if the next attempt would meet it again.
    async fn wait_after(&mut self, error: &io::Error) {
        if concerns_one_connection(error) {
            tracing::debug!(listener = %self.listener, %error, "a connection left before it was accepted");
            return;
        }
        if self.count == 0 {
            tracing::error!(
                listener = %self.listener,
                %error,
                "connections cannot be accepted; trying again until they can"
            );
        }
        self.count = self.count.saturating_add(1);
        let wait = self.wait;
        // Set before the wait, which may be dropped at a shutdown.
        self.wait = wait.saturating_mul(2).min(WAIT_MAX);
        tokio::time::sleep(wait).await;
    }

    /// A connection was accepted: the burst is over.
    fn over(&mut self) {
        if self.count > 0 {
            tracing::info!(listener = %self.listener, errors = self.count, "connections are accepted again");
            self.count = 0;
            self.wait = WAIT_MIN;
        }
    }
}

/// Whether the error is about a connection that waited and is gone now (`accept(2)` on Linux also
/// reports errors of the network that are pending on it), so that the next one may be well.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NotConnected
            | io::ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    /// `EMFILE` on every platform that Tidegate runs on.
    const TOO_MANY_OPEN_FILES: i32 = 24;

    #[tokio::test(start_paused = true)]
    async fn a_lack_of_descriptors_is_waited_out_with_growing_patience() {
        let mut errors = AcceptErrors::new("main".to_owned());
        let error = io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let before = Instant::now();
            errors.wait_after(&error).await;
            waits.push(before.elapsed().as_millis());
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        errors.over();
        let before = Instant::now();
        errors.wait_after(&error).await;
        assert_eq!(before.elapsed(), WAIT_MIN);
    }

    #[tokio::test(start_paused = true)]
    async fn accept_emfile_keeps_listening() {
        let mut errors = AcceptErrors::new("main".to_owned());
        let left_to_fail = Cell::new(100);
        let start = Instant::now();
        let accepted = errors
            .accept(async || match left_to_fail.get() {
                0 => Ok("a connection"),
                left => {
                    left_to_fail.set(left - 1);
                    Err(io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES))
                },
            })
            .await;
        assert_eq!(accepted, "a connection");
        // It neither spins nor sleeps for long.
        let average = start.elapsed() / 100;
        assert!((WAIT_MIN..=WAIT_MAX).contains(&average), "{average:?}");
        assert_eq!((errors.count, errors.wait), (0, WAIT_MIN));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_left_costs_the_next_one_no_time() {
        let mut errors = AcceptErrors::new("main".to_owned());
        let before = Instant::now();
        for _ in 0..1000 {
            errors
                .wait_after(&io::ErrorKind::ConnectionAborted.into())
                .await;
        }
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
