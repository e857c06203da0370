//! What becomes known of a tenant's endpoints: who wants to hear of it, and how soon.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
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

    /// Ends when something becomes known.
    pub(super) fn arrives(&self) -> Notified<'_> {
        self.arrived.notified()
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
        let was_until = news.wanted_until.load(Ordering::Relaxed);
        if was_until > news.micros(now + NEWS_WANTED_FOR * 9 / 10) {
            // Whoever wants it all the time need not say it at each read.
            return;
        }
        let until = news.micros(now + NEWS_WANTED_FOR);
        news.wanted_until.fetch_max(until, Ordering::Relaxed);
        if was_until <= news.micros(now) {
            news.wanted.notify_waiters();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config;
    use crate::config::Endpoint;
    use crate::config::Role;
    use crate::limits::MONITOR_INTERVAL_WANTED;
    use crate::routing::Look;
    use crate::routing::Sighting;
    use crate::routing::State;

    const MS: Duration = Duration::from_millis(1);

    fn topology() -> (Topology, Arc<Endpoint>) {
        let endpoint = Arc::new(Endpoint {
            role: Role::Auto,
            ..Endpoint::default()
        });
        let tenant = config::Tenant {
            endpoints: vec![Arc::clone(&endpoint)],
            ..config::Tenant::default()
        };
        (Topology::new(&tenant, Arc::default()), endpoint)
    }

    /// A standby says how far it has come.
    fn saw(topology: &Topology, endpoint: &Endpoint, connected_at: Instant, lsn: u64) -> Life {
        let now = Instant::now();
        let sighting = Sighting {
            state: State::Standby,
            started: 1,
            system: None,
            followed: None,
            lsn: Lsn(lsn),
            received: None,
            lag: None,
            replay_age: None,
        };
        let look = Look {
            connected_at,
            asked_at: now,
            answered_at: now,
        };
        topology.saw(endpoint, sighting, look);
        sighting.life(look)
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_goes_on_when_the_standby_is_there_and_has_it_asked_often() {
        let (topology, endpoint) = topology();
        let begun = Instant::now();
        let life = saw(&topology, &endpoint, begun, 10);
        assert!(!topology.is_wanted(begun));
        assert!(topology.reaches(life, Lsn(10), MS).await, "it is there");
        let waits = topology.reaches(life, Lsn(12), MS * 100);
        let says = async {
            for lsn in [10, 11, 12] {
                tokio::time::advance(MONITOR_INTERVAL_WANTED).await;
                assert!(topology.is_wanted(Instant::now()));
                saw(&topology, &endpoint, begun, lsn);
                tokio::task::yield_now().await;
            }
        };
        let (has_reached, ()) = tokio::join!(waits, says);
        assert!(has_reached);
        assert_eq!(begun.elapsed(), MONITOR_INTERVAL_WANTED * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_it_is_worth_or_for_a_life_that_is_over() {
        let (topology, endpoint) = topology();
        let begun = Instant::now();
        let life = saw(&topology, &endpoint, begun, 10);
        assert!(!topology.reaches(life, Lsn(11), MS * 7).await);
        assert_eq!(begun.elapsed(), MS * 7);
        let begun_again = Instant::now();
        let ends = async {
            tokio::task::yield_now().await;
            saw(&topology, &endpoint, begun_again, 99);
        };
        let (has_reached, ()) = tokio::join!(topology.reaches(life, Lsn(11), MS * 100), ends);
        assert!(!has_reached);
        assert_eq!(begun_again.elapsed(), Duration::ZERO);
        topology.lost(&endpoint);
        let life = Life::new(1, begun_again);
        assert!(
            !topology.reaches(life, Lsn(11), MS).await,
            "it may have ended"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn news_are_wanted_for_a_while_and_only_the_first_to_want_them_is_heard() {
        let (topology, _) = topology();
        let heard = std::cell::Cell::new(0);
        let hears = async {
            loop {
                topology.wanted().await;
                heard.set(heard.get() + 1);
            }
        };
        let wants = async {
            for _ in 0..30 {
                topology.want_news(Instant::now());
                tokio::time::advance(NEWS_WANTED_FOR / 20).await;
                tokio::task::yield_now().await;
            }
            assert!(topology.is_wanted(Instant::now()));
            tokio::time::advance(NEWS_WANTED_FOR).await;
            assert!(!topology.is_wanted(Instant::now()));
        };
        tokio::select! {
            biased;
            () = hears => {},
            () = wants => {},
        }
        assert_eq!(heard.get(), 1);
    }
}
