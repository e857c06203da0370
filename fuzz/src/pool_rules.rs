//! The rules that hold whatever happens to a pool's little world.

use std::rc::Rc;
use std::time::Duration;

use tidegate::pool::Pool;
use tidegate::pool::PoolKey;
use tidegate::pool::ServerCard;
use tidegate::pool::ServerState;
use tokio::time::Instant;

use crate::pool_setup::POOL_SIZE;
use crate::pool_setup::RETRY_MAX;
use crate::pool_setup::TENANT_SERVERS_MAX;
use crate::pool_world::World;

impl World {
    /// What holds at every moment.
    pub(crate) fn check(&self) {
        let mut known = self.mail.servers();
        for (number, pool) in self.pools() {
            let cards = pool.server_cards();
            known += count(&pool);
            let of_pool = self.count_all(&pool.key);
            assert!(of_pool <= POOL_SIZE, "{of_pool} servers in one pool");
            let (waiting, _) = pool.waiting();
            assert_eq!(waiting, self.queues[number].len(), "who waits");
            let of = |state| {
                let cards = cards.iter().filter(move |card| card.state.get() == state);
                cards.count()
            };
            let held = self.holders(number);
            assert_eq!(of(ServerState::Active), held, "who has a server");
            let idles = of(ServerState::Idle);
            let connecting = usize::try_from(pool.connecting()).expect("few");
            let coming = connecting + of(ServerState::Tested);
            assert!(
                idles == 0 || waiting <= coming,
                "{waiting} wait for {idles} idle"
            );
        }
        assert_eq!(known, self.node.servers(), "servers are counted");
        assert!(known <= TENANT_SERVERS_MAX, "{known} servers of one tenant");
    }

    /// The servers of a pool, on all workers and between them.
    fn count_all(&self, key: &PoolKey) -> u32 {
        let pools = self.pools();
        let parts = pools.iter().filter(|(_, pool)| pool.key == *key);
        let there: u32 = parts.map(|(_, pool)| count(pool)).sum();
        let moving = if key.user() == "alice" {
            self.mail.servers()
        } else {
            0
        };
        there + moving
    }

    /// What holds after a tick: whoever waits, waits for something; and as many servers are kept as
    /// should be, unless somebody waits.
    pub(crate) fn check_progress(&self) {
        let now = Instant::now();
        let is_down = self
            .failed_at
            .is_some_and(|at| now.duration_since(at) < RETRY_MAX);
        if is_down {
            return;
        }
        let pools = self.pools();
        for (_, pool) in &pools {
            self.check_wait(pool, &pools);
        }
        if self.does_anybody_wait() || self.node.servers() == TENANT_SERVERS_MAX {
            return;
        }
        for (_, pool) in pools.iter().filter(|(number, _)| self.is_here[*number]) {
            let minimum = self.setup.min_pool_size(pool.key.user());
            assert!(
                self.count_all(&pool.key) >= minimum.min(POOL_SIZE),
                "{minimum} should be kept: {}",
                self.picture()
            );
        }
    }

    fn check_wait(&self, pool: &Pool, pools: &[(usize, Rc<Pool>)]) {
        let (waiting, _) = pool.waiting();
        let cards = pool.server_cards();
        let mut states = cards.iter().map(|card| card.state.get());
        // One that is asked whether it lives is on its way, too.
        let is_coming = pool.connecting() > 0 || states.any(|state| state == ServerState::Tested);
        if waiting == 0 || is_coming {
            return;
        }
        assert!(
            self.node.servers() == TENANT_SERVERS_MAX || self.count_all(&pool.key) == POOL_SIZE,
            "there is room, and nothing is opened for {waiting} that wait: {}",
            self.picture()
        );
        for (_, other) in pools {
            let is_in_its_place = other.key == pool.key || self.count_all(&pool.key) < POOL_SIZE;
            let cards = other.server_cards();
            let mut states = cards.iter().map(|card| card.state.get());
            assert!(
                !is_in_its_place || states.all(|state| state != ServerState::Idle),
                "{waiting} wait for a place that an idle server elsewhere takes: {}",
                self.picture()
            );
        }
    }

    /// The idle servers, if nobody wants any.
    pub(crate) fn unwanted(&self) -> Vec<Rc<ServerCard>> {
        // What was asked for by a part that is gone is lost on its way there.
        if self.does_anybody_wait() || self.is_here.contains(&false) {
            return Vec::new();
        }
        let pools = self.pools();
        let cards = pools.iter().flat_map(|(_, pool)| pool.server_cards());
        let idle = cards.filter(|card| card.state.get() == ServerState::Idle);
        idle.collect()
    }

    /// Time alone takes no server away from those that nobody wants, before its own time is over: it
    /// would be opened again.
    pub(crate) fn check_kept(&self, idle: &[Rc<ServerCard>]) {
        let now = Instant::now();
        let is_over = |since: Instant, limit: Duration| {
            !limit.is_zero() && now.duration_since(since) >= limit
        };
        let pools = self.pools();
        let there: Vec<_> = pools
            .iter()
            .flat_map(|(_, pool)| pool.server_cards())
            .map(|card| card.id)
            .collect();
        for card in idle {
            let has_reason = is_over(card.connected_at, self.setup.server_lifetime)
                || is_over(card.used_at.get(), self.setup.server_idle_timeout)
                || !self.servers.is_quiet(card.key.process_id);
            assert!(
                has_reason || there.contains(&card.id) || self.mail.servers() > 0,
                "an idle server was closed for nobody: {}",
                self.picture()
            );
        }
    }

    /// The parts that nobody has any use for.
    pub(crate) fn unused(&self) -> Vec<usize> {
        let pools = self.pools().into_iter();
        let unused = pools.filter(|(_, pool)| pool.is_unused());
        unused.map(|(number, _)| number).collect()
    }

    /// They are forgotten in time, unless a cancel request is still on its way.
    pub(crate) fn check_forgotten(&self, unused: &[usize]) {
        // A server may have come meanwhile that was asked for before.
        let kept = self.unused().iter().any(|number| unused.contains(number));
        assert!(
            !kept || self.servers.is_anybody_wanted(),
            "nobody needs it, and it is still there: {}",
            self.picture()
        );
    }

    pub(crate) fn does_anybody_wait(&self) -> bool {
        self.pools().iter().any(|(_, pool)| pool.waiting().0 > 0)
    }

    /// Who has what, for whoever must find out why.
    fn picture(&self) -> String {
        let pools = self.pools();
        let parts = pools.iter().map(|(_, pool)| {
            let cards = pool.server_cards();
            let states: Vec<_> = cards.iter().map(|card| card.state.get()).collect();
            let (user, (waiting, _)) = (pool.key.user(), pool.waiting());
            format!("{user} {states:?} +{} for {waiting}", pool.connecting())
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// The servers of one worker's part of a pool.
fn count(pool: &Pool) -> u32 {
    let connected = u32::try_from(pool.server_cards().len()).expect("few");
    connected + pool.connecting()
}
