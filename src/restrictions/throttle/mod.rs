//! Who fails to log in again and again must wait, longer each time: by client address and tenant.
//!
//! A pair that failed `login_failures_before_delay` times in a row waits, and twice as long after
//! each further failure. A success clears it. An attempt that began before its pair was told to wait
//! is refused when it ends, even with the right password, and with the same words as with a wrong
//! one: else a hundred guesses begun at once would all be heard.
//!
//! It is shared by the workers and touched twice in a login, never for a transaction. It knows no
//! password and no user, so it cannot tell which of them was wrong.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::config;
use crate::limits::THROTTLE_DOUBLINGS_MAX;
use crate::limits::THROTTLE_ENTRIES_MAX;
use crate::limits::THROTTLE_MEMORY_FACTOR;
use crate::limits::THROTTLE_SHARDS_COUNT;
use crate::restrictions::throttle_table::Failures;
use crate::restrictions::throttle_table::Pair;
use crate::restrictions::throttle_table::ThrottleTable;
use crate::tenancy::ClientAddress;

/// The failed logins of the node; one per process.
#[derive(Debug)]
pub struct Throttle {
    settings: ArcSwap<Settings>,
    hasher: RandomState,
    shards: Box<[Mutex<ThrottleTable>]>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    failures_before_delay: u32,
    /// Zero turns the throttle off.
    delay: Duration,
    delay_max: Duration,
}

/// One login that was allowed to begin. Dropped without an outcome it counts for nothing: the
/// client left before it learnt anything.
#[derive(Debug)]
#[must_use = "settle it before the client is told anything"]
pub struct Attempt {
    pair: Pair,
    /// The serial number of the pair's shard when the attempt began.
    began_at: u64,
}

/// How an authentication ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginOutcome {
    /// The client proved who it is.
    Proven,
    /// It did not, or was never meant to.
    Failed,
}

/// What the client is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Settled {
    /// That it is in.
    Proven,
    /// That authentication failed.
    Failed,
    /// That it must wait, whatever it proved.
    Throttled(Throttled),
}

/// Too many logins failed: the client's fault, or that of somebody who shares its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("too many logins failed from this address")]
pub struct Throttled {
    /// After how long a login may be tried again.
    pub retry_after: Duration,
}

impl Throttle {
    /// Nothing remembered, with the settings of this configuration.
    pub fn new(node: &config::Node) -> Self {
        let capacity = THROTTLE_ENTRIES_MAX / THROTTLE_SHARDS_COUNT;
        let shards = (0..THROTTLE_SHARDS_COUNT).map(|_| Mutex::new(ThrottleTable::new(capacity)));
        Self {
            settings: ArcSwap::from_pointee(Settings::of(node)),
            hasher: RandomState::new(),
            shards: shards.collect(),
        }
    }

    /// Takes the settings of a new configuration. Who waits already waits on.
    pub fn reload(&self, node: &config::Node) {
        self.settings.store(Settings::of(node).into());
    }

    /// Begins a login of `client` at the tenant that it named, whether that exists or not.
    ///
    /// # Errors
    /// [`Throttled`]: no password is to be asked for.
    pub fn begin(
        &self,
        client: ClientAddress,
        tenant: &str,
        now: Instant,
    ) -> Result<Attempt, Throttled> {
        let pair = Pair {
            address: client.prefix(),
            tenant: self.hasher.hash_one(tenant),
        };
        let table = self.shard(pair);
        if let Some(failures) = table.find(pair) {
            let retry_after = failures.wait_until.saturating_duration_since(now);
            if !retry_after.is_zero() && !self.settings.load().is_off() {
                return Err(Throttled { retry_after });
            }
        }
        Ok(Attempt {
            pair,
            began_at: table.serial,
        })
    }

    /// Ends a login, before its client is told anything.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an attempt is settled once, and cannot be used again"
    )]
    pub fn settle(&self, attempt: Attempt, outcome: LoginOutcome, now: Instant) -> Settled {
        let settings = **self.settings.load();
        let Attempt { pair, began_at } = attempt;
        let mut table = self.shard(pair);
        let known = table.find(pair).copied();
        if settings.is_off() {
            table.remove(pair);
            return Settled::of(outcome);
        }
        if let Some(failures) = known.filter(|failures| failures.throttled_at > began_at) {
            // Not counted again: it was not looked at, so it told nobody anything.
            let retry_after = failures.wait_until.saturating_duration_since(now);
            return Settled::Throttled(Throttled { retry_after });
        }
        match outcome {
            LoginOutcome::Proven => table.remove(pair),
            LoginOutcome::Failed => {
                let known = known.filter(|failures| !settings.has_forgotten(failures, now));
                let failures = settings.one_more(pair, known, &mut table.serial, now);
                table.store(failures);
            },
        }
        Settled::of(outcome)
    }

    /// Pairs that are remembered.
    pub fn pairs(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is taken modulo the number of shards, which is not 0"
    )]
    fn shard(&self, pair: Pair) -> MutexGuard<'_, ThrottleTable> {
        let [.., low] = self.hasher.hash_one(pair).to_be_bytes();
        lock(&self.shards[usize::from(low) % THROTTLE_SHARDS_COUNT])
    }
}

fn lock(shard: &Mutex<ThrottleTable>) -> MutexGuard<'_, ThrottleTable> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Settings {
    const fn of(node: &config::Node) -> Self {
        Self {
            failures_before_delay: node.login_failures_before_delay,
            delay: node.login_failure_delay,
            delay_max: node.login_failure_delay_max,
        }
    }

    const fn is_off(self) -> bool {
        self.delay.is_zero()
    }

    /// Whether the last failure is so long ago that the next one is a first one.
    fn has_forgotten(self, failures: &Failures, now: Instant) -> bool {
        let since = now.saturating_duration_since(failures.wait_until.max(failures.last));
        since >= self.delay_max.max(self.delay) * THROTTLE_MEMORY_FACTOR
    }

    fn one_more(
        self,
        pair: Pair,
        known: Option<Failures>,
        serial: &mut u64,
        now: Instant,
    ) -> Failures {
        let count = known.map_or(0, |failures| failures.count).saturating_add(1);
        let mut failures = Failures {
            pair,
            count,
            last: now,
            wait_until: now,
            throttled_at: known.map_or(0, |failures| failures.throttled_at),
        };
        if let Some(doublings) = count.checked_sub(self.failures_before_delay.max(1)) {
            failures.wait_until = now + self.wait(doublings);
            *serial += 1;
            failures.throttled_at = *serial;
        }
        failures
    }

    fn wait(self, doublings: u32) -> Duration {
        let factor = 1_u32 << doublings.min(THROTTLE_DOUBLINGS_MAX);
        self.delay
            .saturating_mul(factor)
            .min(self.delay_max.max(self.delay))
    }
}

impl Settled {
    const fn of(outcome: LoginOutcome) -> Self {
        match outcome {
            LoginOutcome::Proven => Self::Proven,
            LoginOutcome::Failed => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests;
