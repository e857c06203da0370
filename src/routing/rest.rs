//! Endpoints rest while nobody uses their tenant: they are asked nothing then, so that a database may
//! sleep. Whoever needs something first has them asked at once, and believes nothing that is older.
//!
//! ```text
//!            a client ran something            nothing for monitor_rest_after, less a second
//!   used ──────────────────────────▶ used ───────────────────────────────────────────────▶ dozing
//!    ▲                                                   pools doubt their idle servers      │
//!    └────────── a client needs something ◀── resting ◀── a second later, nobody is asked ───┘
//! ```

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::limits::REST_END_WAIT;
use crate::limits::REST_NOTICE;
use crate::routing::Topology;
use crate::routing::known::One;

/// When a tenant was used.
#[derive(Debug)]
pub(super) struct Use {
    base: Instant,
    /// In microseconds since `base`.
    last: AtomicU64,
    /// How long after that endpoints rest, in microseconds; 0 for never.
    rest_after: AtomicU64,
    /// When they were last needed again after that, in microseconds since `base`; 0 for never.
    ended: AtomicU64,
    began: Notify,
}

impl Use {
    pub(super) fn new(rest_after: Duration, base: Instant) -> Self {
        let used = Self {
            base,
            last: AtomicU64::new(0),
            rest_after: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            began: Notify::new(),
        };
        used.set_rest_after(rest_after);
        used
    }

    pub(super) fn set_rest_after(&self, rest_after: Duration) {
        self.rest_after.store(micros(rest_after), Ordering::Relaxed);
    }

    fn is_over(&self, now: Instant, notice: Duration) -> bool {
        let rest_after = self.rest_after.load(Ordering::Relaxed);
        let ago = self
            .micros(now)
            .saturating_sub(self.last.load(Ordering::Acquire));
        rest_after > 0 && ago >= rest_after.saturating_sub(micros(notice))
    }

    fn micros(&self, at: Instant) -> u64 {
        micros(at.duration_since(self.base))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Topology {
    /// A client of the tenant runs or needs something at this moment: its endpoints are asked.
    pub fn note_use(&self, now: Instant) {
        let used = self.last_use();
        let is_new = used.is_over(now, Duration::ZERO);
        if used.is_over(now, REST_NOTICE) {
            // Whoever sees that it is used again sees since when.
            used.ended.store(used.micros(now), Ordering::Release);
        }
        used.last.fetch_max(used.micros(now), Ordering::AcqRel);
        if is_new {
            used.began.notify_waiters();
        }
    }

    /// Whether nobody has used the tenant for so long that its endpoints are asked nothing.
    pub fn rests(&self, now: Instant) -> bool {
        self.last_use().is_over(now, Duration::ZERO)
    }

    /// Whether they will rest in a moment, or do: what they said may be too old by the time that somebody
    /// relies on it.
    pub fn dozes(&self, now: Instant) -> bool {
        self.last_use().is_over(now, REST_NOTICE)
    }

    /// When the last rest ended, if not every endpoint has been asked since: until then nobody knows how
    /// they are, whoever was the first to need them.
    pub fn unheard_since(&self, now: Instant) -> Option<Instant> {
        let used = self.last_use();
        let ended = used.ended.load(Ordering::Acquire);
        let ended_at = used.base + Duration::from_micros(ended);
        let is_recent = ended > 0 && now.duration_since(ended_at) < REST_END_WAIT;
        (is_recent && !self.has_heard_since(ended_at)).then_some(ended_at)
    }

    /// Ends when somebody uses the tenant again.
    pub fn used(&self) -> Notified<'_> {
        self.last_use().began.notified()
    }

    /// Ends when every endpoint that may take writes has been asked after this moment, or cannot be; at the
    /// latest when the limit is over.
    pub async fn heard_since(&self, begun: Instant, limit: Duration) {
        let heard = tokio::time::timeout(limit, async {
            loop {
                let news = self.news_told().arrives();
                tokio::pin!(news);
                // What comes between the look and the wait is not missed.
                news.as_mut().enable();
                if self.has_heard_since(begun) {
                    return;
                }
                news.await;
            }
        });
        // Whoever waited looks what is known, whether or not that is all.
        heard.await.ok();
    }

    fn has_heard_since(&self, begun: Instant) -> bool {
        let known = self.lock();
        let is_asked = |one: &One| one.look.is_some_and(|look| look.asked_at >= begun);
        let mut endpoints = known.endpoints.iter().filter(|one| one.may_write());
        endpoints.all(|one| one.trouble.is_some() || is_asked(one))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config;
    use crate::config::Endpoint;
    use crate::config::Role;
    use crate::routing::Look;
    use crate::routing::Lsn;
    use crate::routing::Sighting;
    use crate::routing::State;

    const SECOND: Duration = Duration::from_secs(1);

    fn topology(rest_after: Duration) -> (Topology, config::Tenant) {
        let endpoint = |port| {
            Arc::new(Endpoint {
                name: format!("e{port}"),
                port,
                role: Role::Auto,
                ..Endpoint::default()
            })
        };
        let tenant = config::Tenant {
            endpoints: [1, 2].map(endpoint).into(),
            monitor_rest_after: rest_after,
            ..config::Tenant::default()
        };
        (Topology::new(&tenant, Arc::default()), tenant)
    }

    fn saw(topology: &Topology, endpoint: &Endpoint, asked_at: Instant) {
        let sighting = Sighting {
            state: State::Standby,
            started: 1,
            system: None,
            followed: None,
            lsn: Lsn(1),
            received: None,
            lag: None,
            replay_age: None,
        };
        let look = Look {
            connected_at: asked_at,
            asked_at,
            answered_at: Instant::now(),
        };
        topology.saw(endpoint, sighting, look);
    }

    #[tokio::test(start_paused = true)]
    async fn endpoints_rest_when_nobody_uses_them_and_who_does_wakes_those_who_look() {
        let (topology, mut tenant) = topology(SECOND * 10);
        let begun = Instant::now();
        topology.note_use(begun + SECOND * 3);
        let facts = |seconds| {
            let now = begun + SECOND * seconds;
            (topology.dozes(now), topology.rests(now))
        };
        assert_eq!(facts(11), (false, false));
        assert_eq!(facts(12), (true, false));
        assert_eq!(facts(13), (true, true));
        let wakes = async {
            tokio::task::yield_now().await;
            topology.note_use(begun + SECOND * 12);
            topology.note_use(begun + SECOND * 22);
        };
        tokio::join!(topology.used(), wakes);
        assert_eq!(facts(31), (true, false));
        tenant.monitor_rest_after = Duration::ZERO;
        topology.reload(&tenant);
        assert_eq!(facts(1000), (false, false), "they never do");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_after_the_first_that_ended_a_rest_waits_as_well() {
        let (topology, tenant) = topology(SECOND * 10);
        let [one, two] = &tenant.endpoints[..] else {
            panic!("two endpoints");
        };
        assert_eq!(topology.unheard_since(Instant::now()), None);
        tokio::time::advance(SECOND * 20).await;
        let ended_at = Instant::now();
        // A read that found no replica fit, say.
        topology.note_use(ended_at);
        topology.note_use(ended_at + SECOND);
        assert!(!topology.dozes(ended_at + SECOND));
        tokio::time::advance(SECOND).await;
        assert_eq!(topology.unheard_since(Instant::now()), Some(ended_at));
        saw(&topology, one, ended_at);
        assert_eq!(topology.unheard_since(Instant::now()), Some(ended_at));
        saw(&topology, two, ended_at);
        assert_eq!(topology.unheard_since(Instant::now()), None);
        tokio::time::advance(SECOND * 20).await;
        let again = Instant::now();
        topology.note_use(again);
        assert_eq!(topology.unheard_since(again), Some(again));
        let late = again + REST_END_WAIT;
        assert_eq!(topology.unheard_since(late), None, "nobody waits for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_rest_nothing_older_is_believed() {
        let (topology, tenant) = topology(SECOND * 10);
        let [one, two] = &tenant.endpoints[..] else {
            panic!("two endpoints");
        };
        saw(&topology, one, Instant::now());
        saw(&topology, two, Instant::now());
        tokio::time::advance(SECOND).await;
        let begun = Instant::now();
        let says = async {
            tokio::time::advance(SECOND).await;
            // It was asked before.
            saw(&topology, one, begun - SECOND);
            tokio::task::yield_now().await;
            tokio::time::advance(SECOND).await;
            saw(&topology, one, begun);
            tokio::task::yield_now().await;
            tokio::time::advance(SECOND).await;
            topology.failed(two, "no".to_owned(), false, Instant::now());
        };
        tokio::join!(topology.heard_since(begun, REST_END_WAIT), says);
        assert_eq!(begun.elapsed(), SECOND * 3);
        topology.heard_since(Instant::now(), REST_END_WAIT).await;
        assert_eq!(begun.elapsed(), SECOND * 3 + REST_END_WAIT, "nobody says");
    }
}
