//! The right to hold one connection, counted for its user, its tenant and the node.
//!
//! A permit is taken before the connection does anything that costs, and gives back exactly what it
//! took when it is dropped, wherever that happens. No count is ever above its limit.

use std::sync::Arc;

use crate::tenancy::NodeCounts;
use crate::tenancy::PoolCounts;
use crate::tenancy::Tenant;
use crate::tenancy::UserCounts;
use crate::tenancy::occupancy::Side;

/// One client, counted. One word, because a node has many.
#[derive(Debug)]
#[must_use = "dropping the permit gives the connection back"]
pub struct ClientPermit(Arc<UserCounts>);

/// One server, counted.
#[derive(Debug)]
#[must_use = "dropping the permit gives the connection back"]
pub struct ServerPermit {
    user: Arc<UserCounts>,
    pool: Arc<PoolCounts>,
}

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
            reserved: Reserved::default(),
        };
        try_take(Side::Client, node, tenant, user, limits).map(Self)
    }

    /// The tenant of the client.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.0.tenant
    }

    /// The user of the client and what it holds.
    pub const fn user(&self) -> &Arc<UserCounts> {
        &self.0
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        give_back(Side::Client, &self.0);
    }
}

impl ServerPermit {
    /// Counts a server for `user` (the client's user): below the user's `max_user_connections`, the
    /// tenant's `max_db_connections` and the node's `max_server_connections`, less what is `reserved`
    /// of each for others. It has been counted for its pool, and is taken off there, too, at its end.
    ///
    /// # Errors
    /// [`LimitReached`] names the first limit that is reached; nothing is counted then.
    pub(super) fn try_acquire(
        node: &Arc<NodeCounts>,
        tenant: &Arc<Tenant>,
        user: &str,
        pool: &Arc<PoolCounts>,
        reserved: Reserved,
    ) -> Result<Self, LimitReached> {
        let config = tenant.config();
        let row = config.users.get(user).unwrap_or(&config.other_users);
        let limits = Limits {
            user: row.max_user_connections,
            tenant: config.max_db_connections,
            reserved,
        };
        let user = try_take(Side::Server, node, tenant, user, limits)?;
        Ok(Self {
            user,
            pool: Arc::clone(pool),
        })
    }

    /// The tenant that the server is for.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.user.tenant
    }
}

impl Drop for ServerPermit {
    fn drop(&mut self) {
        self.pool.servers.give_back();
        give_back(Side::Server, &self.user);
    }
}

/// The limits that a connection is held against, but for the node's.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) user: u32,
    tenant: u32,
    pub(super) reserved: Reserved,
}

/// Connections of each limit that are left to others.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reserved {
    pub(super) user: u32,
    pub(super) tenant: u32,
    pub(super) node: u32,
}

fn try_take(
    side: Side,
    node: &Arc<NodeCounts>,
    tenant: &Arc<Tenant>,
    user: &str,
    limits: Limits,
) -> Result<Arc<UserCounts>, LimitReached> {
    let reached = |scope, limit| LimitReached { scope, side, limit };
    // From the narrowest to the widest: who is above their own limit never takes from what others
    // share, not even for a moment.
    let reserved = limits.reserved;
    let Some(counts) = tenant.take_for_user(node, user, side, limits) else {
        return Err(reached(LimitScope::User, limits.user));
    };
    let of_tenant = tenant.occupancy.of(side);
    if !of_tenant.take(limits.tenant, reserved.tenant) {
        tenant.give_back_for_user(&counts, side);
        return Err(reached(LimitScope::Tenant, limits.tenant));
    }
    let node_limit = node.limit(side);
    if !node.occupancy.of(side).take(node_limit, reserved.node) {
        of_tenant.give_back();
        tenant.give_back_for_user(&counts, side);
        return Err(reached(LimitScope::Node, node_limit));
    }
    Ok(counts)
}

fn give_back(side: Side, user: &UserCounts) {
    user.node.occupancy.of(side).give_back();
    user.tenant.occupancy.of(side).give_back();
    user.tenant.give_back_for_user(user, side);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::telemetry::TenantSlot;

    fn node(clients: u32) -> Arc<NodeCounts> {
        Arc::new(NodeCounts::new(&config::Node {
            max_client_conn: clients,
            ..config::Node::default()
        }))
    }

    fn tenant(clients: u32, user: Option<u32>) -> Arc<Tenant> {
        let mut config = config::Tenant {
            name: "acme".to_owned(),
            max_client_conn: clients,
            ..config::Tenant::default()
        };
        if let Some(clients) = user {
            let row = config::User {
                name: "app".to_owned(),
                max_user_client_connections: clients,
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
            let (node, tenant) = (node(node_max), tenant(tenant_max, Some(user_max)));
            let _held = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
            scope(ClientPermit::try_acquire(&node, &tenant, "app"))
        };
        assert_eq!(acquire(1, 1, 1), (LimitScope::User, 1));
        assert_eq!(acquire(1, 1, 0), (LimitScope::Tenant, 1));
        assert_eq!(acquire(1, 2, 2), (LimitScope::Node, 1));
    }

    #[test]
    fn a_refused_permit_leaves_no_trace() {
        let (node, tenant) = (node(1), tenant(0, None));
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
    fn a_tenant_is_held_by_its_connections_and_not_by_itself() {
        let (node, tenant) = (node(0), tenant(0, None));
        let held = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
        let left = Arc::downgrade(&tenant);
        drop(tenant);
        assert_eq!(left.upgrade().unwrap().clients(), 1);
        drop(held);
        assert!(left.upgrade().is_none());
    }

    #[test]
    fn a_user_without_a_row_has_the_limits_of_the_others_and_each_counts_alone() {
        let (node, tenant) = (node(0), tenant(0, Some(1)));
        let mut config = config::Tenant::clone(&tenant.config());
        config.other_users = Arc::new(config::User {
            max_user_client_connections: 2,
            ..config::User::default()
        });
        tenant.replace_config(Arc::new(config));
        for user in ["one", "two"] {
            let clients =
                std::iter::from_fn(|| ClientPermit::try_acquire(&node, &tenant, user).ok());
            assert_eq!(clients.collect::<Vec<_>>().len(), 2);
        }
    }

    #[test]
    fn a_limit_lowered_by_a_reload_holds_for_newcomers() {
        let (node, tenant) = (node(0), tenant(0, None));
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
}
