//! What the node knows of the functions of databases, and when it asks again. Shared by all workers;
//! it neither waits nor talks.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::limits::FUNCTIONS_AGE_MAX;
use crate::limits::FUNCTIONS_MISS_PAUSE;
use crate::limits::FUNCTIONS_OTHERS_PAUSE;
use crate::limits::FUNCTIONS_PAUSE_MIN;
use crate::sql::reads::CatalogFunctions;
use crate::telemetry::TenantSlot;

/// The catalogs of all databases whose functions a pool needs to know. They live as long as it does.
#[derive(Debug, Default)]
pub struct Catalogs(Mutex<HashMap<TenantSlot, Databases>>);

type Databases = HashMap<Box<str>, Weak<Catalog>>;

/// The functions of one database.
#[derive(Debug)]
pub(super) struct Catalog {
    published: ArcSwap<Published>,
    /// That of what is published.
    version: AtomicU64,
    state: Mutex<State>,
}

/// What pools take over.
#[derive(Debug)]
pub(super) struct Published {
    /// Counts the changes, from 1.
    pub(super) version: u64,
    /// None if nothing is known.
    pub(super) functions: Option<Arc<CatalogFunctions>>,
    /// When the database said so.
    pub(super) at: Option<Instant>,
}

#[derive(Debug)]
struct State {
    is_loading: bool,
    /// How often functions have changed.
    changes: u64,
    /// When the database was last asked.
    asked: Option<Instant>,
    /// It is not asked again before.
    next: Option<Instant>,
    /// How long it is left alone after it has answered.
    pause: Duration,
    failures: u32,
}

/// One question to the database. If it is dropped, nothing came of it.
#[derive(Debug)]
pub(super) struct Loading {
    catalog: Arc<Catalog>,
    changes: u64,
    /// Somebody misses a function that is not known, which an answer that is still new does not have.
    is_for_a_miss: bool,
}

/// What an answer is worth telling of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    /// It is the first one after failures.
    pub(super) is_back: bool,
    /// There are more functions than are kept, which was not known before.
    pub(super) is_cut: bool,
}

impl Catalogs {
    /// That of a tenant's database.
    pub(super) fn of(&self, tenant: TenantSlot, database: &str) -> Arc<Catalog> {
        let mut known = self.lock();
        let databases = known.entry(tenant).or_default();
        if let Some(catalog) = databases.get(database).and_then(Weak::upgrade) {
            return catalog;
        }
        // The time to look for those that are gone is when there is a new one.
        databases.retain(|_, catalog| catalog.strong_count() > 0);
        let catalog = Arc::new(Catalog::new());
        databases.insert(database.into(), Arc::downgrade(&catalog));
        catalog
    }

    /// The same, if somebody uses it.
    pub(super) fn in_use(&self, tenant: TenantSlot, database: &str) -> Option<Arc<Catalog>> {
        self.lock().get(&tenant)?.get(database)?.upgrade()
    }

    /// A tenant is gone for good.
    pub fn forget(&self, tenant: TenantSlot) {
        self.lock().remove(&tenant);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantSlot, Databases>> {
        // Every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog {
    fn new() -> Self {
        Self {
            published: ArcSwap::from_pointee(Published {
                version: 1,
                functions: None,
                at: None,
            }),
            version: AtomicU64::new(1),
            state: Mutex::new(State {
                is_loading: false,
                changes: 0,
                asked: None,
                next: None,
                pause: FUNCTIONS_MISS_PAUSE,
                failures: 0,
            }),
        }
    }

    /// Counts the changes of what is published.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What is known.
    pub(super) fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// The right, and the duty, to ask the database; or until when there is nothing to be asked.
    pub(super) fn begin(self: &Arc<Self>, now: Instant) -> Result<Loading, Instant> {
        let mut state = self.lock();
        if state.is_loading {
            return Err(now + FUNCTIONS_OTHERS_PAUSE);
        }
        if let Some(next) = state.next {
            if now < next {
                return Err(next);
            }
            if now.duration_since(next) >= state.pause {
                // Nothing was missed for a while.
                state.pause = FUNCTIONS_MISS_PAUSE;
            }
        }
        state.is_loading = true;
        state.asked = Some(now);
        let is_new = |at: Instant| now.duration_since(at) < FUNCTIONS_AGE_MAX;
        Ok(Loading {
            changes: state.changes,
            is_for_a_miss: self.published.load().at.is_some_and(is_new),
            catalog: Arc::clone(self),
        })
    }

    /// Functions have changed: what is known of them is no more.
    pub(super) fn changed(&self) {
        let mut state = self.lock();
        state.changes += 1;
        state.pause = FUNCTIONS_MISS_PAUSE;
        if state.failures == 0 {
            state.next = state.asked.map(|asked| asked + FUNCTIONS_PAUSE_MIN);
        }
        if self.published.load().functions.is_some() {
            self.publish(None, None);
        }
    }

    /// Whoever publishes has the lock.
    fn publish(&self, functions: Option<Arc<CatalogFunctions>>, at: Option<Instant>) {
        let version = self.version() + 1;
        self.published.store(Arc::new(Published {
            version,
            functions,
            at,
        }));
        self.version.store(version, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loading {
    /// The database has answered.
    pub(super) fn answered(self, functions: CatalogFunctions, now: Instant) -> News {
        let mut state = self.catalog.lock();
        let news_of_reach = std::mem::take(&mut state.failures) > 0;
        if state.changes != self.changes {
            // Perhaps it had not heard of that yet.
            state.next = Some(now + FUNCTIONS_PAUSE_MIN);
            return News {
                is_back: news_of_reach,
                is_cut: false,
            };
        }
        let before = self.catalog.published();
        let before = before.functions.as_ref();
        let is_same = before.is_some_and(|before| **before == functions);
        state.pause = match (is_same, self.is_for_a_miss) {
            // What is missed is not there, and is perhaps never there.
            (true, true) => (state.pause * 2).min(FUNCTIONS_AGE_MAX),
            (true, false) => state.pause,
            (false, _) => FUNCTIONS_MISS_PAUSE,
        };
        state.next = Some(now + state.pause);
        let is_cut = functions.is_cut() && !before.is_some_and(|before| before.is_cut());
        let functions = match before {
            Some(before) if is_same => Arc::clone(before),
            _ => Arc::new(functions),
        };
        self.catalog.publish(Some(functions), Some(now));
        News {
            is_back: news_of_reach,
            is_cut,
        }
    }

    /// It did not answer. Whether it is the first time in a row.
    pub(super) fn failed(self, now: Instant) -> bool {
        let mut state = self.catalog.lock();
        let doubled = 1 << state.failures.min(16);
        let pause = FUNCTIONS_PAUSE_MIN.saturating_mul(doubled);
        state.next = Some(now + pause.min(FUNCTIONS_AGE_MAX));
        state.failures = state.failures.saturating_add(1);
        state.failures == 1
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.catalog.lock().is_loading = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::reads::Declarations;

    const SECOND: Duration = Duration::from_secs(1);

    fn functions(names: &[&str]) -> CatalogFunctions {
        let mut declared = Declarations::default();
        for name in names {
            declared.add(b"public", name.as_bytes(), true, false);
        }
        declared.finish(18)
    }

    fn count(catalog: &Catalog) -> Option<usize> {
        let published = catalog.published();
        assert_eq!(published.version, catalog.version());
        let functions = published.functions.as_ref();
        functions.map(|functions| functions.names_count())
    }

    /// Asks at this moment, and is answered at once.
    fn ask(catalog: &Arc<Catalog>, names: &[&str], now: Instant) {
        let loading = catalog.begin(now).unwrap();
        loading.answered(functions(names), now);
    }

    #[test]
    fn one_asks_at_a_time_and_whoever_is_dropped_does_not_any_more() {
        let (catalog, now) = (Arc::new(Catalog::new()), Instant::now());
        let loading = catalog.begin(now).unwrap();
        assert_eq!(
            catalog.begin(now).unwrap_err(),
            now + FUNCTIONS_OTHERS_PAUSE
        );
        drop(loading);
        assert_eq!(count(&catalog), None);
        ask(&catalog, &["one"], now);
        assert_eq!(count(&catalog), Some(1));
        assert_eq!(catalog.begin(now).unwrap_err(), now + FUNCTIONS_MISS_PAUSE);
    }

    #[test]
    fn what_is_missed_in_vain_is_asked_for_less_and_less_often() {
        let (catalog, mut now) = (Arc::new(Catalog::new()), Instant::now());
        ask(&catalog, &["one"], now);
        for pause in [30, 60, 120, 240, 300, 300] {
            assert_eq!(catalog.begin(now).unwrap_err(), now + SECOND * pause);
            now += SECOND * pause;
            ask(&catalog, &["one"], now);
        }
        now += SECOND * 300;
        ask(&catalog, &["one", "two"], now);
        assert_eq!(count(&catalog), Some(2));
        now += SECOND * 30;
        ask(&catalog, &["one", "two"], now);
        assert_eq!(catalog.begin(now).unwrap_err(), now + SECOND * 60);
        // Nothing was missed for twice as long.
        now += SECOND * 120;
        ask(&catalog, &["one", "two"], now);
        assert_eq!(catalog.begin(now).unwrap_err(), now + SECOND * 60);
        // It was old.
        now += FUNCTIONS_AGE_MAX;
        ask(&catalog, &["one", "two"], now);
        assert_eq!(catalog.begin(now).unwrap_err(), now + SECOND * 30);
    }

    #[test]
    fn what_is_the_same_as_before_takes_no_room_of_its_own() {
        let (catalog, now) = (Arc::new(Catalog::new()), Instant::now());
        ask(&catalog, &["one"], now);
        let before = catalog.published();
        ask(&catalog, &["one"], now + FUNCTIONS_MISS_PAUSE);
        let after = catalog.published();
        assert_eq!(after.version, before.version + 1);
        assert_eq!(after.at, Some(now + FUNCTIONS_MISS_PAUSE));
        let (before, after) = (before.functions.clone(), after.functions.clone());
        assert!(Arc::ptr_eq(&before.unwrap(), &after.unwrap()));
    }

    #[test]
    fn a_change_makes_unknown_what_was_known_and_what_is_just_being_said() {
        let (catalog, now) = (Arc::new(Catalog::new()), Instant::now());
        ask(&catalog, &["one"], now);
        catalog.changed();
        assert_eq!(count(&catalog), None);
        assert_eq!(catalog.begin(now).unwrap_err(), now + FUNCTIONS_PAUSE_MIN);
        let now = now + FUNCTIONS_PAUSE_MIN;
        let loading = catalog.begin(now).unwrap();
        catalog.changed();
        loading.answered(functions(&["one"]), now);
        assert_eq!(count(&catalog), None, "it may be from before the change");
        ask(&catalog, &["one"], now + FUNCTIONS_PAUSE_MIN);
        assert_eq!(count(&catalog), Some(1));
    }

    #[test]
    fn each_failure_doubles_the_pause_and_what_is_known_stays_known() {
        let (catalog, mut now) = (Arc::new(Catalog::new()), Instant::now());
        ask(&catalog, &["one"], now);
        now += FUNCTIONS_MISS_PAUSE;
        for (number, pause) in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
            .iter()
            .enumerate()
        {
            let is_first = catalog.begin(now).unwrap().failed(now);
            assert_eq!(is_first, number == 0);
            assert_eq!(catalog.begin(now).unwrap_err(), now + SECOND * *pause);
            now += SECOND * *pause;
        }
        assert_eq!(count(&catalog), Some(1));
        let news = catalog
            .begin(now)
            .unwrap()
            .answered(functions(&["one"]), now);
        assert!(news.is_back && !news.is_cut);
        assert!(catalog.begin(now + FUNCTIONS_AGE_MAX).unwrap().failed(now));
    }

    #[test]
    fn pools_of_one_database_share_what_is_known_and_nobody_keeps_it_for_longer() {
        let (catalogs, tenant) = (Catalogs::default(), TenantSlot::new(1));
        let one = catalogs.of(tenant, "one");
        assert!(Arc::ptr_eq(&one, &catalogs.of(tenant, "one")));
        assert!(!Arc::ptr_eq(&one, &catalogs.of(tenant, "two")));
        assert!(!Arc::ptr_eq(&one, &catalogs.of(TenantSlot::new(2), "one")));
        assert!(catalogs.in_use(tenant, "one").is_some());
        assert!(catalogs.in_use(tenant, "two").is_none());
        assert_eq!(catalogs.lock()[&tenant].len(), 2);
        drop(catalogs.of(tenant, "three"));
        assert_eq!(catalogs.lock()[&tenant].len(), 2);
        catalogs.forget(tenant);
        assert!(catalogs.in_use(tenant, "one").is_none());
        assert_eq!(catalogs.lock().len(), 1);
    }
}
