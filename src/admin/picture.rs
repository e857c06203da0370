//! The node at one moment: what all workers told, and their pools put together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::PoolMode;
use crate::pool::RouteTotals;
use crate::pool::ServerState;
use crate::session::PoolView;
use crate::session::WorkerView;
use crate::telemetry::WorkerTotals;

/// What the workers told.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// One view for each worker that answered, in the order of their numbers.
    pub views: Vec<WorkerView>,
    /// The workers that did not answer.
    pub silent: Vec<usize>,
}

/// What tells one pool of the node from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolName {
    /// Whose it is.
    pub tenant: Arc<str>,
    /// The database, by its name on the server.
    pub database: String,
    /// The user, by the name that clients give.
    pub user: String,
}

/// The figures of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFigures {
    /// When its servers go back.
    pub mode: PoolMode,
    /// How many servers it may have; 0 is no limit.
    pub pool_size: u32,
    /// Clients with a server, or between transactions.
    pub clients_active: u32,
    /// Clients in the queue.
    pub clients_waiting: u32,
    /// How long the first of these has waited.
    pub waited_max: Duration,
    /// Servers that are lent.
    pub servers_active: u32,
    /// Servers that are free.
    pub servers_idle: u32,
    /// Servers that are being reset or checked.
    pub servers_tested: u32,
    /// Servers that are being connected.
    pub servers_login: u32,
    /// Servers that wait for a cancel request to arrive.
    pub servers_being_canceled: u32,
    /// Cancel requests on their way.
    pub cancels: u32,
}

impl Picture {
    /// The pools of the node by name, in the order of the names. A pool that is moving from one
    /// worker to another is still one.
    pub fn pools(&self) -> BTreeMap<PoolName, PoolFigures> {
        let views = self.views.iter().flat_map(|worker| &worker.pools);
        summed(views.map(|view| (PoolName::of(view), view)))
    }

    /// What all pools have at each endpoint, by the names of its tenant and its own.
    pub fn endpoints(&self) -> BTreeMap<(&str, &str), PoolFigures> {
        let views = self.views.iter().flat_map(|worker| &worker.pools);
        let named = views.filter_map(|view| {
            let endpoint = view.endpoint.as_deref()?;
            Some(((&*view.tenant, endpoint), view))
        });
        summed(named)
    }

    /// How often rounds of clients went where.
    pub fn routes(&self) -> RouteTotals {
        let mut totals = RouteTotals::default();
        for view in &self.views {
            totals.merge(&view.routes);
        }
        totals
    }

    /// The counters of the node.
    pub fn totals(&self) -> WorkerTotals {
        let mut totals = WorkerTotals::default();
        for view in &self.views {
            totals.merge(&view.totals);
        }
        totals
    }
}

/// The figures of all pools of a name together.
fn summed<'a, Name: Ord>(
    views: impl Iterator<Item = (Name, &'a PoolView)>,
) -> BTreeMap<Name, PoolFigures> {
    let mut sums: BTreeMap<Name, PoolFigures> = BTreeMap::new();
    for (name, view) in views {
        let figures = PoolFigures::of(view);
        sums.entry(name)
            .and_modify(|known| known.add(&figures))
            .or_insert(figures);
    }
    for figures in sums.values_mut() {
        // Those that wait for a server of a replica belong to the pool of the primary.
        figures.clients_active = figures
            .clients_active
            .saturating_sub(figures.clients_waiting);
    }
    sums
}

impl PoolName {
    fn of(view: &PoolView) -> Self {
        Self {
            tenant: Arc::clone(&view.tenant),
            database: view.database.clone(),
            user: view.user.clone(),
        }
    }
}

impl PoolFigures {
    /// Of all clients, those that wait among the active ones.
    fn of(view: &PoolView) -> Self {
        let waiting = u32::try_from(view.waiting).unwrap_or(u32::MAX);
        let mut figures = Self {
            mode: view.mode,
            pool_size: view.pool_size,
            clients_active: view.clients,
            clients_waiting: waiting,
            waited_max: view.waited_max,
            servers_active: 0,
            servers_idle: 0,
            servers_tested: 0,
            servers_login: view.connecting,
            servers_being_canceled: 0,
            cancels: 0,
        };
        for server in &view.servers {
            figures.cancels += server.cancels;
            *match server.state {
                // It has a card before it is counted as connected.
                ServerState::Login => continue,
                ServerState::Idle => &mut figures.servers_idle,
                ServerState::Active => &mut figures.servers_active,
                ServerState::Tested => &mut figures.servers_tested,
                ServerState::BeingCanceled => &mut figures.servers_being_canceled,
            } += 1;
        }
        figures
    }

    fn add(&mut self, other: &Self) {
        self.clients_active += other.clients_active;
        self.clients_waiting += other.clients_waiting;
        self.waited_max = self.waited_max.max(other.waited_max);
        self.servers_active += other.servers_active;
        self.servers_idle += other.servers_idle;
        self.servers_tested += other.servers_tested;
        self.servers_login += other.servers_login;
        self.servers_being_canceled += other.servers_being_canceled;
        self.cancels += other.cancels;
    }

    /// Servers in any state.
    pub const fn servers(&self) -> u32 {
        self.servers_active
            + self.servers_idle
            + self.servers_tested
            + self.servers_login
            + self.servers_being_canceled
    }

    /// Clients in any state.
    pub const fn clients(&self) -> u32 {
        self.clients_active + self.clients_waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::sample;

    #[test]
    fn a_pool_on_two_workers_is_one_pool_of_the_node() {
        let picture = Picture {
            views: vec![sample::view(0), sample::view(1)],
            silent: Vec::new(),
        };
        let alone = Picture {
            views: vec![sample::view(0)],
            silent: Vec::new(),
        };
        let (both, one) = (picture.pools(), alone.pools());
        assert_eq!(both.len(), one.len());
        for (name, figures) in &one {
            assert_eq!(both[name].clients(), 2 * figures.clients());
            assert_eq!(both[name].servers(), 2 * figures.servers());
            assert_eq!(both[name].waited_max, figures.waited_max);
        }
    }

    #[test]
    fn a_client_that_waits_for_a_replica_is_counted_once_and_its_servers_where_they_are() {
        let mut view = sample::view(0);
        let mut replica = view.pools[0].clone();
        view.pools[0].waiting = 0;
        replica.endpoint = Some("replica".to_owned());
        replica.clients = 0;
        replica.servers.truncate(1);
        view.pools.push(replica);
        let picture = Picture {
            views: vec![view],
            silent: Vec::new(),
        };
        let pools = picture.pools();
        let [pool] = &pools.values().collect::<Vec<_>>()[..] else {
            panic!("one pool: {pools:?}");
        };
        assert_eq!((pool.clients_active, pool.clients_waiting), (1, 1));
        let endpoints = picture.endpoints();
        let figures = |name| {
            let figures = &endpoints[&("acme", name)];
            let servers = (figures.servers_active, figures.servers_idle);
            (servers, figures.clients_waiting)
        };
        assert_eq!(figures("primary"), ((1, 1), 0));
        assert_eq!(figures("replica"), ((1, 0), 1));
    }
}
