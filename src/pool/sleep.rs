//! A tenant's database that sleeps: woken once for all clients that wait for it, and put to sleep when
//! it has none.
//!
//! Only a client in the queue of a pool wakes it, and whoever is there has proven who it is.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use crate::config;
use crate::limits::WAKE_RETRY_FIRST;
use crate::limits::WAKE_RETRY_MAX;
use crate::pool::Home;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::hook::Caller;
use crate::pool::hook::Hook;
use crate::routing::NoPrimary;
use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

const HOUR: Duration = Duration::from_hours(1);

/// The databases that may sleep, of all tenants that have been used.
#[derive(Debug, Default)]
pub struct Sleepers(DashMap<TenantSlot, Arc<Sleeper>>);

/// One tenant's database.
#[derive(Debug)]
pub(super) struct Sleeper {
    tenant: Weak<Tenant>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When it was woken within the last hour.
    wakes: VecDeque<Instant>,
    /// Somebody wakes it, or puts it to sleep, at this moment.
    is_called: bool,
    /// It was put to sleep, and not woken since.
    is_asleep: bool,
    failures: u32,
    /// It is not woken again before.
    next_wake: Option<Instant>,
    /// It has answered since it was last called.
    has_answered: bool,
    /// When its last client left, or it was first heard of.
    idle_since: Option<Instant>,
}

/// What asking for a database to be woken came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// The caller wakes it, and says how that went.
    Yes,
    /// Somebody does, or has just tried.
    Waits,
    /// It has been woken as often as it may be.
    Spent,
}

impl Sleepers {
    /// The tenant's; none if its database does not sleep.
    pub(super) fn of(&self, tenant: &Arc<Tenant>) -> Option<Arc<Sleeper>> {
        tenant.config().sleep.as_ref()?;
        let sleeper = self.0.entry(tenant.slot()).or_insert_with(|| {
            Arc::new(Sleeper {
                tenant: Arc::downgrade(tenant),
                state: Mutex::default(),
            })
        });
        Some(Arc::clone(&sleeper))
    }

    /// Those that are to be put to sleep now.
    fn due(&self, now: Instant) -> Vec<(Arc<Sleeper>, Arc<Tenant>)> {
        let mut due = Vec::new();
        self.0.retain(|_, sleeper| {
            let Some(tenant) = sleeper.tenant.upgrade() else {
                return false;
            };
            if sleeper.begin_suspend(&tenant, now) {
                due.push((Arc::clone(sleeper), tenant));
            }
            true
        });
        due
    }
}

impl Sleeper {
    /// Whether nobody has needed the database for as long as the configuration says.
    fn is_idle(&self, tenant: &Tenant, now: Instant) -> bool {
        let config = tenant.config();
        let Some(limit) = config.sleep.as_ref().map(|sleep| sleep.suspend_after) else {
            return false;
        };
        if limit.is_zero() {
            return false;
        }
        let since = *self.lock().idle_since.get_or_insert(now);
        // A client that has not logged in yet may be one in a moment.
        tenant.clients() == 0 && now.duration_since(since) >= limit
    }

    /// A client has left.
    fn left(&self, now: Instant) {
        self.lock().idle_since = Some(now);
    }

    fn begin_suspend(&self, tenant: &Tenant, now: Instant) -> bool {
        if !self.is_idle(tenant, now) || tenant.servers() > 0 {
            return false;
        }
        let mut state = self.lock();
        if state.is_asleep || state.is_called {
            return false;
        }
        state.is_asleep = true;
        // Who comes from now on waits until it is called back; who came before is seen here.
        if tenant.servers() > 0 || tenant.clients() > 0 {
            state.is_asleep = false;
            return false;
        }
        state.is_called = true;
        state.next_wake = None;
        true
    }

    fn suspended(&self, is_done: bool, now: Instant) {
        let mut state = self.lock();
        state.is_called = false;
        if !is_done {
            // As long again, and once more.
            state.is_asleep = false;
            state.idle_since = Some(now);
        }
    }

    fn begin_wake(&self, per_hour: u32, now: Instant) -> Begun {
        let mut state = self.lock();
        if state.is_called || state.next_wake.is_some_and(|next| now < next) {
            return Begun::Waits;
        }
        while state
            .wakes
            .front()
            .is_some_and(|wake| now.duration_since(*wake) >= HOUR)
        {
            state.wakes.pop_front();
        }
        if state.wakes.len() >= per_hour as usize {
            // Somebody else may have woken it.
            state.is_asleep = false;
            return Begun::Spent;
        }
        state.has_answered = false;
        state.wakes.push_back(now);
        state.is_called = true;
        Begun::Yes
    }

    /// It was called, and has `time` to wake up; or could not be called, with `None`.
    fn woken(&self, time: Option<Duration>, now: Instant) {
        let mut state = self.lock();
        state.is_called = false;
        // Whatever was said, the database itself is asked next.
        state.is_asleep = false;
        state.failures = if time.is_some() {
            0
        } else {
            state.failures + 1
        };
        let doubled = 1 << state.failures.saturating_sub(1).min(16);
        let pause = WAKE_RETRY_FIRST.saturating_mul(doubled).min(WAKE_RETRY_MAX);
        // Whoever loses it after it has answered may call again at once.
        state.next_wake = (!state.has_answered).then(|| now + time.unwrap_or(pause));
    }

    /// It answers: when it does not any more, it may be woken at once.
    pub(super) fn answered(&self) {
        let mut state = self.lock();
        state.next_wake = None;
        state.failures = 0;
        state.is_asleep = false;
        state.has_answered = true;
    }

    /// Whether it was put to sleep, or is being.
    fn is_asleep(&self) -> bool {
        self.lock().is_asleep
    }

    /// Whoever called it is gone, and has perhaps not said how that went.
    fn is_called_no_more(&self) {
        self.lock().is_called = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way. A task that ends in the middle of it keeps nobody else from calling.
struct Call(Option<Arc<Sleeper>>);

impl Call {
    fn begun(sleeper: Arc<Sleeper>) -> Self {
        Self(Some(sleeper))
    }

    /// It is over; the next may have begun before the task ends.
    fn ends(mut self, tell: impl FnOnce(&Sleeper)) {
        if let Some(sleeper) = self.0.take() {
            tell(&sleeper);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(sleeper) = &self.0 {
            sleeper.is_called_no_more();
        }
    }
}

impl Pool {
    /// A client has left it.
    pub fn left(&self) {
        if let Some(sleeper) = self.sleeper() {
            sleeper.left(Instant::now());
        }
    }

    /// Closes the servers that keep a database awake which nobody needs.
    pub(super) fn let_sleep(self: &Rc<Self>, now: Instant) {
        if let Some(sleeper) = self.sleeper()
            && sleeper.is_idle(&self.tenant, now)
        {
            self.close_idle();
        }
    }

    /// Whether its database sleeps, as far as this node knows.
    pub(super) fn sleeps(&self) -> bool {
        let config = self.tenant.config();
        // Who cannot wake it may as well try.
        let can_wake = config.sleep.as_ref().is_some_and(config::Sleep::wakes);
        can_wake && self.sleeper().is_some_and(|sleeper| sleeper.is_asleep())
    }

    /// Has the database woken, if an error says that it may sleep and clients wait for it. What they
    /// are to be told.
    pub(super) fn wake_for(self: &Rc<Self>, error: PoolError, now: Instant) -> PoolError {
        let config = self.tenant.config();
        let (Some(sleeper), Some(sleep)) = (self.sleeper(), &config.sleep) else {
            return error;
        };
        // What is not known yet is no sign of anything; nor is a replica that is out of reach.
        let is_unknown = matches!(error, PoolError::NoPrimary(NoPrimary::NotYetKnown))
            || self.key.endpoint().is_some();
        if !sleep.wakes() || is_unknown || !error.is_of_reach() || self.queue.is_empty() {
            return error;
        }
        match sleeper.begin_wake(sleep.wakes_per_hour, now) {
            Begun::Waits => error,
            Begun::Spent => PoolError::WokenTooOften {
                per_hour: sleep.wakes_per_hour,
            },
            Begun::Yes => {
                wake(Rc::clone(self), sleeper);
                error
            },
        }
    }
}

/// Wakes a database, in a task of its own.
fn wake(pool: Rc<Pool>, sleeper: Arc<Sleeper>) {
    tokio::task::spawn_local(async move {
        let call = Call::begun(sleeper);
        let (config, tenant) = (pool.tenant.config(), pool.tenant.name());
        let sleep = config.sleep.as_ref();
        let hook = sleep.and_then(|sleep| Some((sleep, Hook::waking(sleep)?)));
        let Some((sleep, hook)) = hook else {
            call.ends(|sleeper| sleeper.woken(None, Instant::now()));
            return;
        };
        tracing::info!(tenant, "a database is woken");
        let caller = pool.home.caller(pool.key.tenant());
        let called = hook.call(sleep, &caller).await;
        let time = called.is_ok().then_some(sleep.wake_timeout);
        call.ends(|sleeper| sleeper.woken(time, Instant::now()));
        if let Err(error) = called {
            let error = chain(&error);
            tracing::warn!(tenant, error, "a database could not be woken");
        }
        pool.retry(Instant::now());
    });
}

impl Home {
    fn caller(&self, asker: TenantSlot) -> Caller {
        Caller {
            tls: Rc::clone(&self.server_tls),
            names: self.dial.names().map(Arc::clone),
            asker,
        }
    }

    /// Puts databases to sleep that nobody needs. One worker does it for all of them.
    pub(super) fn suspend_idle(&self, now: Instant) {
        if self.worker != 0 {
            return;
        }
        for (sleeper, tenant) in self.sleepers.due(now) {
            let caller = self.caller(tenant.slot());
            tokio::task::spawn_local(async move {
                let call = Call::begun(sleeper);
                let (config, name) = (tenant.config(), tenant.name());
                let sleep = config.sleep.as_ref();
                let hook = sleep.and_then(|sleep| Some((sleep, Hook::suspending(sleep)?)));
                let Some((sleep, hook)) = hook else {
                    // Without its connections it may fall asleep by itself.
                    call.ends(|sleeper| sleeper.suspended(true, Instant::now()));
                    return;
                };
                let called = hook.call(sleep, &caller).await;
                call.ends(|sleeper| sleeper.suspended(called.is_ok(), Instant::now()));
                match called {
                    Ok(()) => tracing::info!(tenant = name, "a database was put to sleep"),
                    Err(error) => {
                        let error = chain(&error);
                        tracing::warn!(
                            tenant = name,
                            error,
                            "a database could not be put to sleep"
                        );
                    },
                }
            });
        }
    }
}

/// An error with everything that led to it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tenant(suspend_after: Duration) -> Arc<Tenant> {
        let config = config::Tenant {
            sleep: Some(config::Sleep {
                suspend_after,
                ..config::Sleep::default()
            }),
            ..config::Tenant::default()
        };
        Arc::new(Tenant::new(TenantSlot::new(1), Arc::new(config)))
    }

    #[test]
    fn it_is_woken_once_for_all_and_not_more_often_than_it_may_be() {
        let (sleepers, tenant) = (Sleepers::default(), tenant(SECOND));
        let sleeper = sleepers.of(&tenant).unwrap();
        let mut now = Instant::now();
        assert_eq!(sleeper.begin_wake(3, now), Begun::Yes);
        assert_eq!(sleeper.begin_wake(3, now), Begun::Waits);
        for pause in [WAKE_RETRY_FIRST, WAKE_RETRY_FIRST * 2] {
            sleeper.woken(None, now);
            assert_eq!(
                sleeper.begin_wake(3, now + pause - SECOND / 100),
                Begun::Waits
            );
            now += pause;
            assert_eq!(sleeper.begin_wake(3, now), Begun::Yes);
        }
        sleeper.woken(Some(SECOND * 60), now);
        now += SECOND * 59;
        assert_eq!(
            sleeper.begin_wake(3, now),
            Begun::Waits,
            "it takes its time"
        );
        sleeper.answered();
        assert_eq!(sleeper.begin_wake(3, now), Begun::Spent);
        assert_eq!(sleeper.begin_wake(3, now + HOUR), Begun::Yes);
    }

    #[test]
    fn it_is_put_to_sleep_once_when_nobody_was_there_for_long_enough() {
        let (sleepers, tenant) = (Sleepers::default(), tenant(SECOND));
        let sleeper = sleepers.of(&tenant).unwrap();
        let now = Instant::now();
        assert_eq!(sleepers.due(now).len(), 0);
        assert_eq!(sleepers.due(now + SECOND / 2).len(), 0);
        assert_eq!(sleepers.due(now + SECOND).len(), 1);
        assert!(sleeper.is_asleep());
        assert_eq!(sleepers.due(now + SECOND * 2).len(), 0);
        sleeper.suspended(false, now + SECOND * 2);
        assert!(!sleeper.is_asleep());
        assert_eq!(sleepers.due(now + SECOND * 3).len(), 1);
        sleeper.suspended(true, now + SECOND * 3);
        assert_eq!(sleepers.due(now + SECOND * 9).len(), 0);
        assert_eq!(sleeper.begin_wake(9, now + SECOND * 9), Begun::Yes);
        sleeper.woken(Some(SECOND), now + SECOND * 9);
        assert!(!sleeper.is_asleep());
    }

    #[test]
    fn a_client_that_was_there_between_two_looks_is_no_silence() {
        let (sleepers, tenant) = (Sleepers::default(), tenant(SECOND));
        let sleeper = sleepers.of(&tenant).unwrap();
        let now = Instant::now();
        assert_eq!(sleepers.due(now).len(), 0);
        sleeper.left(now + SECOND / 2);
        assert_eq!(sleepers.due(now + SECOND).len(), 0);
        assert_eq!(sleepers.due(now + SECOND * 3 / 2).len(), 1);
    }

    #[test]
    fn a_call_that_ends_in_the_middle_bars_nobody() {
        let (sleepers, tenant) = (Sleepers::default(), tenant(SECOND));
        let sleeper = sleepers.of(&tenant).unwrap();
        let now = Instant::now();
        assert_eq!(sleeper.begin_wake(3, now), Begun::Yes);
        drop(Call::begun(Arc::clone(&sleeper)));
        assert_eq!(sleeper.begin_wake(3, now), Begun::Yes);
    }

    #[test]
    fn the_end_of_a_call_ends_no_other() {
        let (sleepers, tenant) = (Sleepers::default(), tenant(SECOND));
        let sleeper = sleepers.of(&tenant).unwrap();
        let now = Instant::now();
        assert_eq!(sleeper.begin_wake(3, now), Begun::Yes);
        Call::begun(Arc::clone(&sleeper)).ends(|sleeper| {
            sleeper.woken(None, now);
            assert_eq!(sleeper.begin_wake(3, now + HOUR / 2), Begun::Yes);
        });
        assert_eq!(sleeper.begin_wake(3, now + HOUR / 2), Begun::Waits);
    }

    #[test]
    fn a_database_that_answers_while_it_is_called_may_be_called_again() {
        let (sleepers, tenant) = (Sleepers::default(), tenant(SECOND));
        let sleeper = sleepers.of(&tenant).unwrap();
        let now = Instant::now();
        assert_eq!(sleeper.begin_wake(3, now), Begun::Yes);
        sleeper.answered();
        sleeper.woken(Some(HOUR), now);
        assert_eq!(sleeper.begin_wake(3, now), Begun::Yes);
    }

    #[test]
    fn a_database_that_never_sleeps_has_no_state() {
        let tenant = Tenant::new(TenantSlot::new(1), Arc::default());
        assert!(Sleepers::default().of(&Arc::new(tenant)).is_none());
        let never = self::tenant(Duration::ZERO);
        let sleepers = Sleepers::default();
        sleepers.of(&never).unwrap();
        assert_eq!(sleepers.due(Instant::now() + HOUR).len(), 0);
    }
}
