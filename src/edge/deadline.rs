//! The one deadline of a login: absolute, from accept to `AuthenticationOk`.
//!
//! It is never extended. A client that sends a byte now and then gains nothing by it.

use std::time::Duration;

use tokio::time::Instant;
use tokio::time::timeout_at;

/// The instant at which a login must be over. Copied from step to step, never moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline(Instant);

/// The deadline passed: the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the login took too long")]
pub struct Late;

impl Deadline {
    /// The deadline of a connection that was accepted at `start`.
    pub(super) fn after(start: Instant, timeout: Duration) -> Self {
        // A timeout beyond what an instant can hold is no earlier than any other.
        Self(start.checked_add(timeout).unwrap_or(start))
    }

    /// The earlier of this deadline and `limit` from `start`: a step with a budget of its own.
    pub(super) fn or_after(self, start: Instant, limit: Duration) -> Self {
        self.min_of(Self::after(start, limit))
    }

    /// Waits for `future`, but not beyond the deadline.
    ///
    /// # Errors
    /// [`Late`]; the future is dropped then.
    pub(super) async fn within<F: Future>(self, future: F) -> Result<F::Output, Late> {
        timeout_at(self.0, future).await.map_err(|_elapsed| Late)
    }

    fn min_of(self, other: Self) -> Self {
        if other.0 < self.0 { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_never_outlives_the_whole() {
        let start = Instant::now();
        let deadline = Deadline::after(start, Duration::from_secs(2));
        let step = deadline.or_after(start, Duration::from_secs(5));
        assert_eq!(step, deadline);
        let late = step.within(std::future::pending::<()>()).await;
        assert_eq!(late, Err(Late));
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_may_have_less_time_than_the_whole() {
        let start = Instant::now();
        let deadline = Deadline::after(start, Duration::from_secs(15));
        let step = deadline.or_after(start, Duration::from_secs(5));
        assert_eq!(step.within(std::future::pending::<()>()).await, Err(Late));
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        assert_eq!(deadline.within(std::future::ready(7)).await, Ok(7));
    }
}
