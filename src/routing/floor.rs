//! What all sessions of a tenant on this node have written, for reads that must see all of it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use crate::routing::Lsn;

/// How far a standby must have replayed to show all that was acknowledged on this node.
#[derive(Debug, Default)]
pub struct TenantFloor {
    lsn: AtomicU64,
    /// Writes that are, or are about to be, acknowledged, and nobody knows yet where they stand.
    unproven: AtomicU32,
    /// Somebody reads by it: until then nobody says what is written.
    is_demanded: AtomicBool,
    abandoned: Mutex<Abandoned>,
    /// A primary has been asked since this began.
    is_founded: AtomicBool,
}

/// Writes of which nobody will say where they stand; the next look at the primary does.
#[derive(Debug, Default)]
struct Abandoned {
    count: u32,
    last: Option<Instant>,
}

/// A write that will be acknowledged before it is known where it stands in the write-ahead log. Until
/// that is said, no standby shows it for certain. If it is dropped, the next look at the primary that
/// begins after that says it.
#[derive(Debug)]
pub struct UnprovenWrite(Option<Arc<TenantFloor>>);

impl TenantFloor {
    /// Whether writes are to be told of: somebody reads by this.
    #[inline]
    pub fn is_demanded(&self) -> bool {
        self.is_demanded.load(Ordering::SeqCst)
    }

    /// Somebody reads by this. What was written before, the next look at the primary says.
    pub fn demand(self: &Arc<Self>) {
        if !self.is_demanded() {
            self.is_demanded.store(true, Ordering::SeqCst);
            drop(self.wrote());
        }
    }

    /// Where a standby must be; none while nobody knows.
    #[inline]
    pub fn get(&self) -> Option<Lsn> {
        // In this order: who proves a write raises the floor first.
        let is_proven =
            self.unproven.load(Ordering::SeqCst) == 0 && self.is_founded.load(Ordering::SeqCst);
        is_proven.then(|| Lsn(self.lsn.load(Ordering::SeqCst)))
    }

    /// All before this place has been acknowledged, perhaps.
    pub fn raise(&self, lsn: Lsn) {
        self.lsn.fetch_max(lsn.0, Ordering::SeqCst);
    }

    /// Before the client hears that something was written.
    #[must_use = "what is dropped is proven only by the next look at the primary"]
    pub fn wrote(self: &Arc<Self>) -> UnprovenWrite {
        self.unproven.fetch_add(1, Ordering::SeqCst);
        UnprovenWrite(Some(Arc::clone(self)))
    }

    /// The primary was asked at this moment, and was here after that.
    pub(super) fn primary_at(&self, asked_at: Instant, lsn: Lsn) {
        let mut abandoned = self.abandoned();
        let is_after = abandoned.last.is_none_or(|last| last < asked_at);
        if is_after {
            self.raise(lsn);
            self.is_founded.store(true, Ordering::SeqCst);
            let count = std::mem::take(&mut *abandoned).count;
            self.unproven.fetch_sub(count, Ordering::SeqCst);
        }
    }

    /// The tenant's endpoints are others: what was written elsewhere is not there.
    pub(super) fn forget(&self) {
        self.is_founded.store(false, Ordering::SeqCst);
        self.lsn.store(0, Ordering::SeqCst);
    }

    fn abandoned(&self) -> std::sync::MutexGuard<'_, Abandoned> {
        self.abandoned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnprovenWrite {
    /// It stands before this place. Only what a server tells that
    /// [`Readers::vouch_for_primary`](crate::routing::Readers::vouch_for_primary) is for; if that is not for
    /// it, the write is dropped.
    pub fn proven(mut self, lsn: Lsn) {
        if let Some(floor) = self.0.take() {
            floor.raise(lsn);
            floor.unproven.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Nothing was written after all.
    pub fn is_none(mut self) {
        if let Some(floor) = self.0.take() {
            floor.unproven.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for UnprovenWrite {
    fn drop(&mut self) {
        if let Some(floor) = self.0.take() {
            let mut abandoned = floor.abandoned();
            abandoned.count += 1;
            abandoned.last = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn founded(lsn: u64) -> Arc<TenantFloor> {
        let floor = Arc::new(TenantFloor::default());
        floor.primary_at(Instant::now(), Lsn(lsn));
        floor
    }

    #[test]
    fn nothing_is_known_before_the_primary_was_asked() {
        let floor = Arc::new(TenantFloor::default());
        floor.raise(Lsn(5));
        assert_eq!(floor.get(), None);
        floor.primary_at(Instant::now(), Lsn(9));
        assert_eq!(floor.get(), Some(Lsn(9)));
        floor.forget();
        assert_eq!(floor.get(), None);
    }

    #[test]
    fn a_write_is_waited_for_until_its_place_is_known() {
        let floor = founded(5);
        let (one, two, three) = (floor.wrote(), floor.wrote(), floor.wrote());
        one.proven(Lsn(8));
        two.is_none();
        assert_eq!(floor.get(), None);
        three.proven(Lsn(7));
        assert_eq!(floor.get(), Some(Lsn(8)));
    }

    #[test]
    fn what_was_written_before_anybody_read_by_it_is_told_by_the_next_look() {
        let floor = founded(5);
        let before = Instant::now();
        assert!(!floor.is_demanded());
        floor.demand();
        assert!(floor.is_demanded());
        floor.primary_at(before - Duration::from_millis(1), Lsn(20));
        assert_eq!(floor.get(), None);
        floor.primary_at(Instant::now() + Duration::from_millis(1), Lsn(30));
        assert_eq!(floor.get(), Some(Lsn(30)));
        floor.demand();
        assert_eq!(floor.get(), Some(Lsn(30)), "that was known");
    }

    #[test]
    fn what_was_abandoned_is_proven_by_the_next_look_and_by_no_earlier_one() {
        let floor = founded(5);
        let before = Instant::now();
        drop(floor.wrote());
        floor.primary_at(before - Duration::from_millis(1), Lsn(20));
        assert_eq!(floor.get(), None);
        floor.primary_at(Instant::now() + Duration::from_millis(1), Lsn(30));
        assert_eq!(floor.get(), Some(Lsn(30)));
    }
}
