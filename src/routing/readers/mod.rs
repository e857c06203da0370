//! Which of a tenant's endpoints a read goes to: what one worker knows, and the choice.
//!
//! A choice asks nobody, waits for nobody, takes no lock and allocates nothing. What it knows is taken
//! over when there is news, at most as often as endpoints are asked.

mod choice;
mod nearness;
mod preferences;
mod reader;
#[cfg(test)]
mod tests;
mod verdict;

use std::sync::Arc;

use tokio::time::Instant;

pub use self::choice::Choice;
pub use self::choice::Rule;
pub use self::choice::Target;
pub use self::choice::Wish;
pub use self::preferences::Preferences;
pub use self::reader::Reader;
pub use self::reader::Unfit;
pub use self::reader::WHOLE_SHARE;
pub use self::verdict::Verdict;
use crate::config::Consistency;
use crate::limits::READERS_COUNT_MAX;
use crate::routing::Life;
use crate::routing::Lsn;
use crate::routing::Past;
use crate::routing::TenantFloor;
use crate::routing::Topology;
use crate::routing::ejection;
use crate::routing::known::Proof;

/// What a worker knows of one tenant's endpoints, for reads.
#[derive(Debug, Default)]
pub struct Readers {
    /// All endpoints, in the order of the configuration.
    all: Vec<Reader>,
    primary: Option<usize>,
    /// What the primary last said.
    proof: Option<Proof>,
    /// What all sessions of the tenant have written through this node.
    floor: Arc<TenantFloor>,
    preferences: Preferences,
    /// Which news of the topology that is; 0 for none.
    news: u64,
    has_replica: bool,
}

/// What a standby must be like for one read.
#[derive(Debug, Clone, Copy)]
struct Need {
    floor: Lsn,
    /// It must be in this life, because it is not known what another one has to have replayed.
    life: Option<Life>,
    /// It must have replayed all that was written before this.
    fresh_since: Option<Instant>,
}

/// A read that is to go somewhere.
#[derive(Debug, Clone, Copy)]
struct Read<'a> {
    wish: &'a Wish,
    /// What a standby must have replayed.
    floor: Lsn,
    now: Instant,
}

/// Which standbys could take a read: bit by bit, in the order of the configuration.
#[derive(Debug, Clone, Copy, Default)]
struct Candidates {
    /// They can take it.
    ready: u64,
    /// They could, if they had replayed more.
    behind: u64,
    /// They could, but for what is wrong with all of them that are not in the two above.
    lagging: bool,
    unproven: bool,
}

impl<'a> IntoIterator for &'a Readers {
    type Item = &'a Reader;
    type IntoIter = std::slice::Iter<'a, Reader>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Readers {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over what is known, if there is news since the last time. True if there was.
    pub fn refresh(
        &mut self,
        topology: &Topology,
        preferences: &Preferences,
        now: Instant,
    ) -> bool {
        let news = topology.news();
        if news == self.news {
            return false;
        }
        self.news = news;
        self.floor = Arc::clone(topology.floor());
        if self.preferences != *preferences {
            self.preferences.clone_from(preferences);
        }
        let known = topology.lock();
        let newest = known.newest_timeline(topology.reached());
        self.proof = known.proof;
        self.all.clear();
        for one in &known.endpoints {
            let is_primary = known.is_primary(&one.endpoint);
            let mut reader = Reader::of(one, is_primary, self.proof.as_ref(), newest);
            reader.fresh_at = known.fresh_at(one);
            self.all.push(reader);
        }
        let replicas = self.all.iter().filter(|reader| !reader.is_primary).count();
        // The primary is not left out, and takes nobody's place among those that are.
        let ejections = known
            .endpoints
            .iter()
            .map(|one| one.ejection_of_reads(&known.place));
        let percent_max = preferences.ejected_percent_max;
        let left_out = ejection::left_out(ejections, replicas, percent_max, now);
        for ((reader, one), until) in self.all.iter_mut().zip(&known.endpoints).zip(left_out) {
            reader.ejected_until = until;
            let came_back = one
                .ejection
                .ended_at()
                .filter(|ended| until.is_some() || *ended <= now);
            reader.warm_since = reader.warm_since.max(came_back);
        }
        drop(known);
        for (index, reader) in self.all.iter_mut().enumerate() {
            reader.judge(preferences);
            if index >= READERS_COUNT_MAX {
                reader.unfit = Some(Unfit::TooMany);
            }
        }
        self.primary = self.all.iter().position(|reader| reader.is_primary);
        self.has_replica = replicas > 0;
        true
    }

    /// The endpoint at this place of the configuration.
    pub fn get(&self, index: usize) -> Option<&Reader> {
        self.all.get(index)
    }

    /// All endpoints, in the order of the configuration.
    pub fn iter(&self) -> std::slice::Iter<'_, Reader> {
        self.all.iter()
    }

    /// Whether a place in the write-ahead log that a server of the primary tells can be compared with what
    /// standbys have replayed, where its connection was opened at this moment. It must have been open when
    /// the primary was last asked: one that was opened later may be on a timeline of which nobody has heard
    /// yet. What it tells is worth no more than that the client has spoken with the primary.
    pub fn vouch_for_primary(&self, opened_at: Instant) -> bool {
        let primary = self.primary.and_then(|index| self.get(index));
        primary.is_some_and(|primary| primary.vouches_for(opened_at))
    }

    /// Where a read goes. `outstanding` is how many servers are in use there on this worker, and clients
    /// that wait for one; `random` is any number.
    pub fn choose(
        &self,
        wish: &Wish,
        past: &mut Past,
        outstanding: impl Fn(usize) -> u32,
        random: u32,
        now: Instant,
    ) -> Choice {
        if !self.has_replica {
            return Choice::primary(Rule::NoReplica);
        }
        self.settle(past);
        let Some(need) = self.need(wish, past, now) else {
            return Choice::primary(Rule::Unproven);
        };
        let candidates = self.candidates(&need, now);
        if candidates.ready | candidates.behind == 0 {
            let rule = match candidates {
                Candidates { unproven: true, .. } => Rule::Unproven,
                Candidates { lagging: true, .. } => Rule::TooMuchLag,
                Candidates { .. } => Rule::NoneFit,
            };
            return Choice::primary(rule);
        }
        let read = Read {
            wish,
            floor: need.floor,
            now,
        };
        self.nearest(&read, &candidates, outstanding, random)
    }

    /// Whether a standby that was chosen in this life could be chosen again.
    pub fn is_still_fit(&self, life: Life, wish: &Wish, past: &mut Past, now: Instant) -> bool {
        self.settle(past);
        let Some(need) = self.need(wish, past, now) else {
            return false;
        };
        let ready = self.candidates(&need, now).ready;
        let index = self.all.iter().position(|reader| reader.life == Some(life));
        index.is_some_and(|index| ready & (1 << index) != 0)
    }

    /// Finds out what a client has seen, as far as it can be known by now.
    #[inline]
    fn settle(&self, past: &mut Past) {
        if past.spoke_at.is_none() && past.seen.is_none() {
            return;
        }
        if let Some(proof) = self.proof {
            past.primary_was(proof.asked_at, proof.lsn);
        }
        let Some(seen) = past.seen else {
            return;
        };
        let alive = self
            .all
            .iter()
            .find(|reader| reader.life == Some(seen.life));
        match (alive, self.proof) {
            (Some(reader), _) => {
                if let Some(asked_at) = reader.asked_at {
                    past.standby_was(seen.life, asked_at, reader.replayed);
                }
            },
            (None, Some(proof)) => past.outlived(proof.asked_at, proof.lsn),
            (None, None) => {},
        }
    }

    /// What a standby must be like; none if nobody knows yet.
    #[inline]
    fn need(&self, wish: &Wish, past: &Past, now: Instant) -> Option<Need> {
        let floor = match wish.consistency {
            Consistency::Session => Lsn(0),
            Consistency::Tenant => self.floor.get()?,
            Consistency::Bounded | Consistency::Eventual => {
                let is_bounded = wish.consistency == Consistency::Bounded;
                let fresh_since = is_bounded.then(|| now.checked_sub(wish.max_lag)).flatten();
                return Some(Need {
                    floor: Lsn(0),
                    life: None,
                    fresh_since,
                });
            },
        };
        if past.spoke_at.is_some() {
            return None;
        }
        Some(Need {
            floor: floor.max(past.floor),
            life: past.seen.map(|seen| seen.life),
            fresh_since: None,
        })
    }

    #[inline]
    fn candidates(&self, need: &Need, now: Instant) -> Candidates {
        let mut candidates = Candidates::default();
        for (index, reader) in self.all.iter().enumerate() {
            if !reader.is_fit(now) {
                continue;
            }
            if need.life.is_some() && reader.life != need.life {
                candidates.unproven = true;
            } else if need.fresh_since.is_some() && reader.fresh_at < need.fresh_since {
                candidates.lagging = true;
            } else if reader.replayed >= need.floor {
                candidates.ready |= 1 << index;
            } else {
                candidates.behind |= 1 << index;
            }
        }
        candidates
    }
}
