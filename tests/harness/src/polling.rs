//! Waiting until something is so: the only place of the harness that sleeps.

use std::time::Duration;
use std::time::Instant;

use crate::failure::Failure;

const STEP: Duration = Duration::from_millis(10);

/// Looks every few milliseconds until `look` returns something, and returns that.
///
/// # Errors
/// [`Failure::Late`] with the given words if nothing came within `limit`; whatever `look` fails
/// with, at once.
#[expect(
    clippy::disallowed_methods,
    reason = "the harness waits for real processes"
)]
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() >= limit {
            return Err(Failure::Late {
                what: what.to_owned(),
                limit,
            });
        }
        std::thread::sleep(STEP);
    }
}

/// [`until`] for a question that is answered with yes or no.
///
/// # Errors
/// [`Failure::Late`] if the answer was still no after `limit`.
pub fn until_true(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> bool,
) -> Result<(), Failure> {
    until(what, limit, || Ok(look().then_some(())))
}

/// Waits until a moment has come, which may have been long ago.
pub(crate) async fn until_due(due: tokio::time::Instant) {
    // A timer takes up to a millisecond longer.
    if due > tokio::time::Instant::now() {
        tokio::time::sleep_until(due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_never_comes_is_a_failure_that_names_it() {
        let failure = until_true("the moon", Duration::from_millis(20), || false).unwrap_err();
        assert_eq!(failure.to_string(), "the moon did not happen within 20ms");
    }

    #[test]
    fn it_looks_again_until_the_answer_comes() {
        let mut looks = 0;
        let found = until("a third look", Duration::from_secs(5), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.unwrap(), 3);
    }
}
