//! What becomes known of a tenant's endpoints: who wants to hear of it, and how soon.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::NEWS_WANTED_FOR;
use crate::routing::Life;
use crate::routing::Lsn;
use crate::routing::Topology;

/// Counts what becomes known, and tells those who wait for it.
#[derive(Debug)]
pub(super) struct News {
    count: AtomicU64,
    arrived: Notify,
    /// Until when endpoints are to be asked often, in microseconds since `base`.
    wanted_until: AtomicU64,
    wanted: Notify,
    base: Instant,
}

impl News {
    pub(super) fn new(base: Instant) -> Self {
        Self {
            count: AtomicU64::new(1),
            arrived: Notify::new(),
            wanted_until: AtomicU64::new(0),
            wanted: Notify::new(),
            base,
        }
    }

    /// Called while what is known is locked.
    pub(super) fn arrived(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.arrived.notify_waiters();
    }

    /// A number that no two nodes have at once: it comes from the time since this one knows the tenant.
    pub(super) fn chance(&self, now: Instant) -> u32 {
        let since = now.duration_since(self.base).as_nanos();
        let mixed = u64::try_from(since)
            .unwrap_or(0)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        u32::try_from(mixed >> 32).unwrap_or(0)
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.base).as_micros()).unwrap_or(u64::MAX)
    }
}

impl Topology {
    /// Counts what has become known of endpoints: what they said, that they do not answer, that servers
    /// of them failed, and changes of the configuration.
    #[inline]
    pub fn news(&self) -> u64 {
        self.news_told().count.load(Ordering::Acquire)
    }

    /// A read could go to a standby if more were known: for a while endpoints are asked often.
    pub fn want_news(&self, now: Instant) {
        let news = self.news_told();
        let until = news.micros(now + NEWS_WANTED_FOR);
        let was_until = news.wanted_until.load(Ordering::Relaxed);
        // Who wants it all the time says it ten times in that time and not at each read.
        if was_until.saturating_add(news.micros(now + NEWS_WANTED_FOR / 10) - news.micros(now))
            < until
        {
            news.wanted_until.fetch_max(until, Ordering::Relaxed);
            if was_until <= news.micros(now) {
                news.wanted.notify_waiters();
            }
        }
    }

    /// Whether somebody wants endpoints to be asked often.
    pub fn is_wanted(&self, now: Instant) -> bool {
        let news = self.news_told();
        news.micros(now) < news.wanted_until.load(Ordering::Relaxed)
    }

    /// Ends when somebody wants that who did not before.
    pub async fn wanted(&self) {
        self.news_told().wanted.notified().await;
    }

    /// Waits until a standby has replayed this much, and has endpoints asked often for it. False if that
    /// takes longer than the limit, or the standby's life has ended.
    pub async fn reaches(&self, life: Life, floor: Lsn, limit: Duration) -> bool {
        let reached = tokio::time::timeout(limit, async {
            loop {
                let news = self.news_told().arrived.notified();
                tokio::pin!(news);
                // What comes between the look and the wait is not missed.
                news.as_mut().enable();
                if let Some(has_reached) = self.has_reached(life, floor) {
                    return has_reached;
                }
                self.want_news(Instant::now());
                news.await;
            }
        });
        reached.await.unwrap_or(false)
    }

    /// None if it may yet.
    fn has_reached(&self, life: Life, floor: Lsn) -> Option<bool> {
        let known = self.lock();
        let one = known.endpoints.iter().find(|one| one.life() == Some(life));
        let lsn = one
            .filter(|one| one.answers())
            .and_then(|one| Some(one.sighting?.lsn));
        match lsn {
            Some(lsn) if lsn >= floor => Some(true),
            Some(_) => None,
            None => Some(false),
        }
    }
}
