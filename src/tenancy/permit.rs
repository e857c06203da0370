//! The right to hold one connection, counted for its user, its tenant and the node.
//!
//! A permit is taken before the connection does anything that costs, and gives back exactly what it
//! took when it is dropped, wherever that happens. No count is ever above its limit.

use std::sync::Arc;

use crate::tenancy::NodeCounts;
use crate::tenancy::Tenant;
use crate::tenancy::UserCounts;
use crate::tenancy::occupancy::Occupancy;
use crate::tenancy::occupancy::Side;

/// One client, counted.
#[derive(Debug)]
#[must_use = "dropping the permit gives the connection back"]
pub struct ClientPermit(Seat);

/// One server, counted.
#[derive(Debug)]
#[must_use = "dropping the permit gives the connection back"]
pub struct ServerPermit(Seat);

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// The user's, within its tenant.
    User,
    /// The tenant's, on this node.
    Tenant,
    /// The node's, all tenants together.
    Node,
}

/// A limit that is reached: nobody's fault, and it may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the limit of {limit} connections is reached")]
pub struct LimitReached {
    /// Whose limit.
    pub scope: LimitScope,
    /// The side that is counted.
    pub side: Side,
    /// The limit, in connections.
    pub limit: u32,
}

impl ClientPermit {
    /// Counts a client of `user`: below the user's `max_user_client_connections`, the tenant's
    /// `max_client_conn` and the node's.
    ///
    /// # Errors
    /// [`LimitReached`] names the first limit that is reached; nothing is counted then.
    pub fn try_acquire(
        node: &Arc<NodeCounts>,
        tenant: &Arc<Tenant>,
        user: &str,
    ) -> Result<Self, LimitReached> {
        let config = tenant.config();
        let row = config.users.get(user).unwrap_or(&config.other_users);
        let limits = Limits {
            user: row.max_user_client_connections,
            tenant: config.max_client_conn,
        };
        Seat::try_take(Side::Client, node, tenant, user, limits).map(Self)
    }

    /// The tenant of the client.
    pub const fn tenant(&self) -> &Arc<Tenant> {
        &self.0.tenant
    }

    /// The user of the client and what it holds.
    pub const fn user(&self) -> &Arc<UserCounts> {
        &self.0.user
    }
}

impl ServerPermit {
    /// Counts a server for `user` (the client's user): below the user's `max_user_connections`, the
    /// tenant's `max_db_connections` and the node's
    /// `max_server_connections`. The size of the pool is the pool's own matter.
    ///
    /// # Errors
    /// [`LimitReached`] names the first limit that is reached; nothing is counted then.
    pub fn try_acquire(
        node: &Arc<NodeCounts>,
        tenant: &Arc<Tenant>,
        user: &str,
    ) -> Result<Self, LimitReached> {
        let config = tenant.config();
        let row = config.users.get(user).unwrap_or(&config.other_users);
        let limits = Limits {
            user: row.max_user_connections,
            tenant: config.max_db_connections,
        };
        Seat::try_take(Side::Server, node, tenant, user, limits).map(Self)
    }

    /// Asks those who share the limit that was reached, on every worker, to let a server go that
    /// they do not use.
    pub fn ask_for_one(node: &NodeCounts, tenant: &Tenant, user: &str, reached: LimitReached) {
        match reached.scope {
            LimitScope::User => tenant.with_user(user, Occupancy::want_server),
            LimitScope::Tenant => tenant.occupancy.want_server(),
            LimitScope::Node => node.occupancy.want_server(),
        }
    }

    /// Whether somebody waits for what a server of this user would free. If so, `let_go` is asked
    /// to free it; the asking ends when it has.
    pub fn free_if_wanted(
        node: &NodeCounts,
        tenant: &Tenant,
        user: &str,
        let_go: impl FnOnce() -> bool,
    ) {
        let mut is_user_asking = false;
        tenant.with_user(user, |counts| is_user_asking = counts.is_server_wanted());
        let asking = [&tenant.occupancy, &node.occupancy];
        let is_asked = asking.iter().any(|counts| counts.is_server_wanted());
        if (is_asked || is_user_asking) && let_go() {
            for counts in asking {
                counts.server_was_let_go();
            }
            tenant.with_user(user, Occupancy::server_was_let_go);
        }
    }

    /// The tenant that the server is for.
    pub const fn tenant(&self) -> &Arc<Tenant> {
        &self.0.tenant
    }
}

#[derive(Clone, Copy)]
struct Limits {
    user: u32,
    tenant: u32,
}

#[derive(Debug)]
struct Seat {
    side: Side,
    node: Arc<NodeCounts>,
    tenant: Arc<Tenant>,
    user: Arc<UserCounts>,
}

impl Seat {
    fn try_take(
        side: Side,
        node: &Arc<NodeCounts>,
        tenant: &Arc<Tenant>,
        user: &str,
        limits: Limits,
    ) -> Result<Self, LimitReached> {
        let reached = |scope, limit| LimitReached { scope, side, limit };
        // From the narrowest to the widest: who is above their own limit never takes from what
        // others share, not even for a moment.
        let Some(counts) = tenant.take_for_user(user, side, limits.user) else {
            return Err(reached(LimitScope::User, limits.user));
        };
        if !tenant.occupancy.take(side, limits.tenant) {
            tenant.give_back_for_user(&counts, side);
            return Err(reached(LimitScope::Tenant, limits.tenant));
        }
        let node_limit = node.limit(side);
        if !node.occupancy.take(side, node_limit) {
            tenant.occupancy.give_back(side);
            tenant.give_back_for_user(&counts, side);
            return Err(reached(LimitScope::Node, node_limit));
        }
        Ok(Self {
            side,
            node: Arc::clone(node),
            tenant: Arc::clone(tenant),
            user: counts,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.node.occupancy.give_back(self.side);
        self.tenant.occupancy.give_back(self.side);
        self.tenant.give_back_for_user(&self.user, self.side);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::telemetry::TenantSlot;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;
    use std::thread;

    fn node(clients: u32, servers: u32) -> Arc<NodeCounts> {
        Arc::new(NodeCounts::new(&config::Node {
            max_client_conn: clients,
            max_server_connections: servers,
            ..config::Node::default()
        }))
    }

    fn tenant(clients: u32, servers: u32, user: Option<(u32, u32)>) -> Arc<Tenant> {
        let mut config = config::Tenant {
            name: "acme".to_owned(),
            max_client_conn: clients,
            max_db_connections: servers,
            ..config::Tenant::default()
        };
        if let Some((clients, servers)) = user {
            let row = config::User {
                name: "app".to_owned(),
                max_user_client_connections: clients,
                max_user_connections: servers,
                ..config::User::default()
            };
            config.users.insert("app".to_owned(), Arc::new(row));
        }
        Arc::new(Tenant::new(TenantSlot::new(0), Arc::new(config)))
    }

    fn scope(result: Result<ClientPermit, LimitReached>) -> (LimitScope, u32) {
        let reached = result.unwrap_err();
        assert_eq!(reached.side, Side::Client);
        (reached.scope, reached.limit)
    }

    #[test]
    fn the_narrowest_limit_that_is_reached_is_named() {
        let acquire = |node_max, tenant_max, user_max| {
            let (node, tenant) = (
                node(node_max, 0),
                tenant(tenant_max, 0, Some((user_max, 0))),
            );
            let _held = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
            scope(ClientPermit::try_acquire(&node, &tenant, "app"))
        };
        assert_eq!(acquire(1, 1, 1), (LimitScope::User, 1));
        assert_eq!(acquire(1, 1, 0), (LimitScope::Tenant, 1));
        assert_eq!(acquire(1, 2, 2), (LimitScope::Node, 1));
    }

    #[test]
    fn a_refused_permit_leaves_no_trace() {
        let (node, tenant) = (node(1, 0), tenant(0, 0, None));
        let held = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
        for _ in 0..3 {
            assert!(ClientPermit::try_acquire(&node, &tenant, "eve").is_err());
        }
        assert_eq!((node.clients(), tenant.clients()), (1, 1));
        assert_eq!(tenant.users().len(), 1);
        drop(held);
        assert_eq!((node.clients(), tenant.clients()), (0, 0));
        assert!(tenant.users().is_empty());
    }

    #[test]
    fn clients_and_servers_are_counted_apart() {
        let (node, tenant) = (node(1, 1), tenant(1, 1, Some((1, 1))));
        let client = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
        let server = ServerPermit::try_acquire(&node, &tenant, "app").unwrap();
        assert!(ServerPermit::try_acquire(&node, &tenant, "app").is_err());
        assert_eq!((client.user().clients(), client.user().servers()), (1, 1));
        drop(client);
        assert_eq!(tenant.users()[0].servers(), 1);
        assert_eq!(server.tenant().name(), "acme");
        drop(server);
        assert_eq!((node.clients(), node.servers()), (0, 0));
    }

    #[test]
    fn a_user_without_a_row_has_the_limits_of_the_others_and_each_counts_alone() {
        let (node, tenant) = (node(0, 0), tenant(0, 0, Some((1, 1))));
        let mut config = config::Tenant::clone(&tenant.config());
        config.other_users = Arc::new(config::User {
            max_user_client_connections: 2,
            max_user_connections: 3,
            ..config::User::default()
        });
        tenant.replace_config(Arc::new(config));
        for user in ["one", "two"] {
            let clients =
                std::iter::from_fn(|| ClientPermit::try_acquire(&node, &tenant, user).ok());
            assert_eq!(clients.collect::<Vec<_>>().len(), 2);
            let servers =
                std::iter::from_fn(|| ServerPermit::try_acquire(&node, &tenant, user).ok());
            assert_eq!(servers.collect::<Vec<_>>().len(), 3);
        }
    }

    #[test]
    fn a_limit_lowered_by_a_reload_holds_for_newcomers() {
        let (node, tenant) = (node(0, 0), tenant(0, 0, None));
        let first = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
        let _second = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
        node.reload(&config::Node {
            max_client_conn: 1,
            ..config::Node::default()
        });
        assert_eq!(
            scope(ClientPermit::try_acquire(&node, &tenant, "app")),
            (LimitScope::Node, 1)
        );
        drop(first);
        assert!(ClientPermit::try_acquire(&node, &tenant, "app").is_err());
    }

    /// Takes and gives back permits on eight threads. Returns the most that were held at once, as
    /// seen from within the permits.
    fn hammer(node: &Arc<NodeCounts>, tenant: &Arc<Tenant>) -> u32 {
        const THREADS: usize = 8;
        let (held, peak) = (AtomicU32::new(0), AtomicU32::new(0));
        let barrier = Barrier::new(THREADS);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (held, peak, barrier) = (&held, &peak, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let mut kept = Vec::new();
                    for round in 0..5_000 {
                        if let Ok(permit) = ServerPermit::try_acquire(node, tenant, "app") {
                            let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                            peak.fetch_max(now, Ordering::SeqCst);
                            kept.push(permit);
                        }
                        if (round + number).is_multiple_of(3) && !kept.is_empty() {
                            // Before the permit goes: `held` is never more than what is held.
                            held.fetch_sub(1, Ordering::SeqCst);
                            drop(kept.pop());
                        }
                    }
                    held.fetch_sub(u32::try_from(kept.len()).unwrap(), Ordering::SeqCst);
                    drop(kept);
                });
            }
        });
        peak.load(Ordering::SeqCst)
    }

    #[test]
    fn limits_are_exact_under_eight_threads() {
        for (node, tenant) in [
            (node(0, 7), tenant(0, 0, None)),
            (node(0, 0), tenant(0, 7, None)),
            (node(0, 0), tenant(0, 0, Some((0, 7)))),
            (node(0, 9), tenant(0, 8, Some((0, 7)))),
        ] {
            assert_eq!(hammer(&node, &tenant), 7);
            assert_eq!((node.servers(), tenant.servers()), (0, 0));
            assert!(tenant.users().is_empty());
            let all: Vec<_> =
                std::iter::from_fn(|| ServerPermit::try_acquire(&node, &tenant, "app").ok())
                    .collect();
            assert_eq!(all.len(), 7);
        }
    }

    /// Whose servers are asked for when this limit is reached, of two users and another tenant.
    fn asked(scope: LimitScope) -> [bool; 3] {
        let (node, acme, globex) = (node(0, 0), tenant(0, 0, None), tenant(0, 0, None));
        let held = [(&acme, "app"), (&acme, "other"), (&globex, "app")];
        let _permits =
            held.map(|(tenant, user)| ServerPermit::try_acquire(&node, tenant, user).unwrap());
        let reached = LimitReached {
            scope,
            side: Side::Server,
            limit: 1,
        };
        held.map(|(tenant, user)| {
            ServerPermit::ask_for_one(&node, &acme, "app", reached);
            let mut is_asked = false;
            ServerPermit::free_if_wanted(&node, tenant, user, || {
                is_asked = true;
                true
            });
            // It is asked for once.
            ServerPermit::free_if_wanted(&node, tenant, user, || panic!("asked again"));
            is_asked
        })
    }

    #[test]
    fn a_server_is_asked_for_where_the_limit_is_shared() {
        assert_eq!(asked(LimitScope::User), [true, false, false]);
        assert_eq!(asked(LimitScope::Tenant), [true, true, false]);
        assert_eq!(asked(LimitScope::Node), [true, true, true]);
    }

    #[test]
    fn who_has_none_to_let_go_leaves_the_asking_to_others() {
        let (node, acme) = (node(0, 0), tenant(0, 0, None));
        let reached = LimitReached {
            scope: LimitScope::Tenant,
            side: Side::Server,
            limit: 1,
        };
        ServerPermit::ask_for_one(&node, &acme, "app", reached);
        ServerPermit::free_if_wanted(&node, &acme, "app", || false);
        let mut is_asked = false;
        ServerPermit::free_if_wanted(&node, &acme, "other", || {
            is_asked = true;
            true
        });
        assert!(is_asked);
    }
}
