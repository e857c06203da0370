//! Which worker is the home of which pool. Asked once per login, never in a transaction.
//!
//! A pool's home is chosen when its first client comes: the worker with the fewest clients. It
//! stays while the pool has clients or servers, so that there is never a second one.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use dashmap::DashMap;
use dashmap::Entry;

use crate::telemetry::TenantSlot;

/// The name of a pool, as all workers know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HomeKey {
    /// Whose it is.
    pub tenant: TenantSlot,
    /// The database, by its name on the server.
    pub database: Box<str>,
    /// The user.
    pub user: Box<str>,
}

/// Which worker is the home of which pool.
#[derive(Debug)]
pub struct Homes {
    assigned: DashMap<HomeKey, Assigned>,
    clients: Box<[AtomicUsize]>,
}

#[derive(Debug)]
struct Assigned {
    worker: usize,
    clients: usize,
}

/// A client counted at its home. Dropping it takes it off.
#[derive(Debug)]
pub struct HomeSeat {
    homes: Arc<Homes>,
    key: HomeKey,
    /// The home.
    pub worker: usize,
}

impl Homes {
    /// No pool has a home yet.
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            assigned: DashMap::new(),
            clients: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        })
    }

    /// The home of a pool; a new one if it has none. The client is counted there until the seat
    /// is dropped.
    pub fn assign(self: &Arc<Self>, key: HomeKey) -> HomeSeat {
        let worker = match self.assigned.entry(key.clone()) {
            Entry::Occupied(mut home) => {
                home.get_mut().clients += 1;
                home.get().worker
            },
            Entry::Vacant(vacant) => {
                let worker = self.least_loaded();
                vacant.insert(Assigned { worker, clients: 1 });
                worker
            },
        };
        if let Some(clients) = self.clients.get(worker) {
            clients.fetch_add(1, Ordering::Relaxed);
        }
        HomeSeat {
            homes: Arc::clone(self),
            key,
            worker,
        }
    }

    /// A pool of this worker was forgotten: its next client may be at home elsewhere. A client
    /// that has been assigned meanwhile keeps the home.
    pub fn forget(&self, key: &HomeKey) {
        self.assigned.remove_if(key, |_, home| home.clients == 0);
    }

    fn least_loaded(&self) -> usize {
        let loads = self
            .clients
            .iter()
            .map(|clients| clients.load(Ordering::Relaxed));
        loads
            .enumerate()
            .min_by_key(|(_, load)| *load)
            .map_or(0, |(worker, _)| worker)
    }
}

impl Drop for HomeSeat {
    fn drop(&mut self) {
        if let Some(mut home) = self.homes.assigned.get_mut(&self.key) {
            home.clients = home.clients.saturating_sub(1);
        }
        if let Some(clients) = self.homes.clients.get(self.worker) {
            clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(database: &str) -> HomeKey {
        HomeKey {
            tenant: TenantSlot::new(1),
            database: database.into(),
            user: "app".into(),
        }
    }

    #[test]
    fn a_pool_keeps_its_home_and_new_pools_go_where_fewest_clients_are() {
        let homes = Homes::new(2);
        let first = homes.assign(key("a"));
        let second = homes.assign(key("b"));
        assert_ne!(first.worker, second.worker);
        let again: Vec<_> = (0..5).map(|_| homes.assign(key("a"))).collect();
        assert!(again.iter().all(|seat| seat.worker == first.worker));
        assert_eq!(homes.assign(key("c")).worker, second.worker);
    }

    #[test]
    fn a_home_with_clients_is_not_forgotten() {
        let homes = Homes::new(2);
        let seat = homes.assign(key("a"));
        homes.forget(&key("a"));
        assert!(homes.assigned.contains_key(&key("a")));
        drop(seat);
        assert!(
            homes.assigned.contains_key(&key("a")),
            "the pool may still have servers"
        );
        homes.forget(&key("a"));
        assert!(homes.assigned.is_empty());
    }
}
