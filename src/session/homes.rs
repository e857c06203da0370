//! Which workers are the home of which pool. Asked once per login, never in a transaction.
//!
//! A pool's home is chosen when its first client comes: the worker with the fewest clients. It stays
//! while the pool has clients or servers there. A pool that may have many servers, and has many
//! clients, is at home on several workers.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use dashmap::DashMap;

use crate::limits::POOL_SHARD_SERVERS;
use crate::pool::PoolKey;

/// Which workers are the home of which pool.
#[derive(Debug)]
pub struct Homes {
    assigned: DashMap<PoolKey, Vec<Shard>>,
    clients: Box<[AtomicUsize]>,
}

/// One worker's part in a pool.
#[derive(Debug)]
struct Shard {
    part: Arc<Part>,
    clients: usize,
}

/// Which part that is, for all its clients.
#[derive(Debug)]
struct Part {
    /// The parts are theirs.
    homes: Weak<Homes>,
    key: PoolKey,
    worker: usize,
}

/// A client counted at its home. Dropping it takes it off. One word, because a node has many.
#[derive(Debug)]
pub struct HomeSeat(Arc<Part>);

impl Homes {
    /// No pool has a home yet.
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            assigned: DashMap::new(),
            clients: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        })
    }

    /// The home of a client of a pool of this size, in servers (0 is no limit): where the fewest of
    /// the pool's clients are; a new one, if the pool has none, or if it may have more servers and
    /// has more clients than its homes are meant for. The client is counted there until the seat
    /// is dropped.
    pub fn assign(self: &Arc<Self>, key: PoolKey, pool_size: u32) -> HomeSeat {
        let entry = self.assigned.entry(key);
        // What is in the name is there already, but for the first client.
        let key = entry.key().clone();
        let mut shards = entry.or_default();
        let emptiest = shards.iter_mut().min_by_key(|shard| shard.clients);
        let is_room = emptiest.is_some_and(|shard| shard.clients < POOL_SHARD_SERVERS as usize);
        if !is_room && shards.len() < self.shards_max(pool_size) {
            let worker = self.least_loaded(&shards);
            let part = Arc::new(self.part(key.clone(), worker));
            shards.push(Shard { part, clients: 0 });
        }
        let emptiest = shards.iter_mut().min_by_key(|shard| shard.clients);
        let part = emptiest.map(|shard| {
            shard.clients += 1;
            Arc::clone(&shard.part)
        });
        drop(shards);
        let part = part.unwrap_or_else(|| Arc::new(self.part(key, 0)));
        if let Some(clients) = self.clients.get(part.worker) {
            clients.fetch_add(1, Ordering::Relaxed);
        }
        HomeSeat(part)
    }

    fn part(self: &Arc<Self>, key: PoolKey, worker: usize) -> Part {
        let homes = Arc::downgrade(self);
        Part { homes, key, worker }
    }

    /// A worker has forgotten its part of a pool: the next client may be at home elsewhere. A client
    /// that has been assigned meanwhile keeps the home.
    pub fn forget(&self, key: &PoolKey, worker: usize) {
        self.assigned.remove_if_mut(key, |_, shards| {
            shards.retain(|shard| shard.part.worker != worker || shard.clients > 0);
            shards.is_empty()
        });
    }

    /// On how many workers a pool of so many servers may be at home.
    fn shards_max(&self, pool_size: u32) -> usize {
        let workers = self.clients.len();
        let shards = usize::try_from(pool_size.div_ceil(POOL_SHARD_SERVERS)).unwrap_or(workers);
        if pool_size == 0 {
            workers
        } else {
            shards.min(workers)
        }
    }

    /// The worker with the fewest clients, of those without a part in the pool.
    fn least_loaded(&self, shards: &[Shard]) -> usize {
        let loads = self
            .clients
            .iter()
            .map(|clients| clients.load(Ordering::Relaxed));
        loads
            .enumerate()
            .filter(|(worker, _)| shards.iter().all(|shard| shard.part.worker != *worker))
            .min_by_key(|(_, load)| *load)
            .map_or(0, |(worker, _)| worker)
    }
}

impl HomeSeat {
    /// The home.
    pub fn worker(&self) -> usize {
        self.0.worker
    }

    /// The client goes. If `is_left` says that nothing of its pool is left there, the next may be at
    /// home elsewhere.
    pub fn leave(self, is_left: impl FnOnce(&PoolKey) -> bool) {
        let part = Arc::clone(&self.0);
        drop(self);
        if is_left(&part.key)
            && let Some(homes) = part.homes.upgrade()
        {
            homes.forget(&part.key, part.worker);
        }
    }
}

impl Drop for HomeSeat {
    fn drop(&mut self) {
        let Part { homes, key, worker } = &*self.0;
        let Some(homes) = homes.upgrade() else {
            return;
        };
        if let Some(mut shards) = homes.assigned.get_mut(key)
            && let Some(shard) = shards.iter_mut().find(|shard| shard.part.worker == *worker)
        {
            shard.clients = shard.clients.saturating_sub(1);
        }
        if let Some(clients) = homes.clients.get(*worker) {
            clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::telemetry::TenantSlot;
    use crate::tenancy::Tenant;

    fn key(database: &str) -> PoolKey {
        let config = config::Tenant::default();
        let tenant = Tenant::new(TenantSlot::new(1), Arc::new(config));
        PoolKey::new(&tenant, database, "app")
    }

    fn homes_of(seats: &[HomeSeat]) -> Vec<usize> {
        let mut counts = vec![0; 4];
        for seat in seats {
            counts[seat.worker()] += 1;
        }
        counts
    }

    #[test]
    fn a_small_pool_keeps_its_home_and_new_pools_go_where_fewest_clients_are() {
        let homes = Homes::new(2);
        let first = homes.assign(key("a"), 10);
        let second = homes.assign(key("b"), 10);
        assert_ne!(first.worker(), second.worker());
        let again: Vec<_> = (0..25).map(|_| homes.assign(key("a"), 10)).collect();
        assert!(again.iter().all(|seat| seat.worker() == first.worker()));
        assert_eq!(homes.assign(key("c"), 10).worker(), second.worker());
    }

    #[test]
    fn a_large_pool_gets_another_home_when_its_clients_are_too_many_for_one() {
        let homes = Homes::new(4);
        let mut seats: Vec<_> = (0..10).map(|_| homes.assign(key("a"), 25)).collect();
        assert_eq!(homes_of(&seats), [10, 0, 0, 0]);
        seats.extend((0..10).map(|_| homes.assign(key("a"), 25)));
        assert_eq!(homes_of(&seats), [10, 10, 0, 0]);
        seats.extend((0..70).map(|_| homes.assign(key("a"), 25)));
        assert_eq!(homes_of(&seats), [30, 30, 30, 0]);
        // Without a limit it may be everywhere.
        seats.extend((0..30).map(|_| homes.assign(key("a"), 0)));
        assert_eq!(homes_of(&seats), [30, 30, 30, 30]);
    }

    #[test]
    fn a_home_with_clients_is_not_forgotten() {
        let homes = Homes::new(2);
        let seat = homes.assign(key("a"), 10);
        homes.forget(&key("a"), seat.worker());
        assert!(homes.assigned.contains_key(&key("a")));
        let worker = seat.worker();
        drop(seat);
        assert!(
            homes.assigned.contains_key(&key("a")),
            "the pool may still have servers"
        );
        homes.forget(&key("a"), worker);
        assert!(homes.assigned.is_empty());
    }

    #[test]
    fn a_client_that_leaves_nothing_behind_leaves_no_home() {
        let homes = Homes::new(2);
        let (first, second) = (homes.assign(key("a"), 10), homes.assign(key("a"), 10));
        first.leave(|_| true);
        assert!(homes.assigned.contains_key(&key("a")), "another is there");
        second.leave(|_| false);
        assert!(homes.assigned.contains_key(&key("a")));
        homes.assign(key("a"), 10).leave(|_| true);
        assert!(homes.assigned.is_empty());
    }

    #[test]
    fn one_home_of_several_is_forgotten_alone() {
        let homes = Homes::new(2);
        let mut seats: Vec<_> = (0..11).map(|_| homes.assign(key("a"), 20)).collect();
        let other = seats.pop().unwrap();
        assert_ne!(other.worker(), seats[0].worker());
        let worker = other.worker();
        drop(other);
        homes.forget(&key("a"), worker);
        homes.forget(&key("a"), seats[0].worker());
        let shards: Vec<_> = homes
            .assigned
            .get(&key("a"))
            .unwrap()
            .iter()
            .map(|shard| shard.part.worker)
            .collect();
        assert_eq!(shards, [seats[0].worker()]);
    }
}
