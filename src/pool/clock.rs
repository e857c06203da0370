//! The time of the moment, read from the system at most once per poll of a session.

use std::cell::Cell;

use tokio::time::Instant;

/// A clock that stands still within one poll.
#[derive(Debug, Default)]
pub struct Clock(Cell<Option<Instant>>);

impl Clock {
    /// The time, as it was when this was first asked for in this poll.
    #[inline]
    pub fn now(&self) -> Instant {
        self.0.get().unwrap_or_else(|| {
            let now = Instant::now();
            self.0.set(Some(now));
            now
        })
    }

    /// A poll begins: time has passed since the one before.
    #[inline]
    pub fn goes_on(&self) {
        self.0.set(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_stands_still_until_the_next_poll() {
        let clock = Clock::default();
        let first = clock.now();
        tokio::time::advance(Duration::from_millis(3)).await;
        assert_eq!(clock.now(), first);
        clock.goes_on();
        assert_eq!(clock.now() - first, Duration::from_millis(3));
    }
}
