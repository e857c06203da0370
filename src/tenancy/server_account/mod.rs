//! One pool's account with everybody who limits its servers: its own size, its user, its tenant and
//! the node.

use std::sync::Arc;

use crate::tenancy::Claim;
use crate::tenancy::LimitReached;
use crate::tenancy::LimitScope;
use crate::tenancy::NodeCounts;
use crate::tenancy::PoolCounts;
use crate::tenancy::ServerPermit;
use crate::tenancy::Tenant;
use crate::tenancy::claims::Compared;
use crate::tenancy::claims::Entry;
use crate::tenancy::claims::Limit;
use crate::tenancy::occupancy::Occupancy;
use crate::tenancy::permit::Reserved;

/// One pool's account.
#[derive(Debug, Clone)]
pub struct ServerAccount {
    node: Arc<NodeCounts>,
    tenant: Arc<Tenant>,
    user: Arc<str>,
    pool: Arc<PoolCounts>,
}

/// Why a pool cannot have another server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// It has as many as its size allows.
    #[error("the pool has all the servers that its size allows")]
    Pool,
    /// A limit that it shares with others.
    #[error(transparent)]
    Limit(#[from] LimitReached),
}

impl ServerAccount {
    /// The account of a pool of `user`, the client's user.
    pub fn new(
        node: &Arc<NodeCounts>,
        tenant: &Arc<Tenant>,
        user: &str,
        pool: &Arc<PoolCounts>,
    ) -> Self {
        Self {
            node: Arc::clone(node),
            tenant: Arc::clone(tenant),
            user: user.into(),
            pool: Arc::clone(pool),
        }
    }

    /// Counts another server. A `pool_size` of 0 is no limit.
    ///
    /// # Errors
    /// [`NoRoom`]: the pool's size, or the narrowest limit that is reached, or that leaves nothing but
    /// what others have a better claim to.
    pub fn open(&self, pool_size: u32) -> Result<ServerPermit, NoRoom> {
        let reserved = |occupancy: &Occupancy, scope| {
            occupancy
                .claims
                .reserved(|entry| self.compare(scope, entry))
        };
        let mut user = 0;
        self.tenant.with_user(&self.user, |counts| {
            user = reserved(&counts.occupancy, LimitScope::User);
        });
        let reserved = Reserved {
            user,
            tenant: reserved(&self.tenant.occupancy, LimitScope::Tenant),
            node: reserved(&self.node.occupancy, LimitScope::Node),
        };
        if !self.pool.servers.take(pool_size, 0) {
            return Err(NoRoom::Pool);
        }
        ServerPermit::try_acquire(&self.node, &self.tenant, &self.user, &self.pool, reserved)
            .map_err(|reached| {
                self.pool.servers.give_back();
                NoRoom::Limit(reached)
            })
    }

    /// Claims `wanted` servers of a limit that was reached. `None` if nothing is held under it any
    /// more: then there is no need.
    pub fn claim(&self, scope: LimitScope, wanted: u32) -> Option<Claim> {
        let limit = match scope {
            LimitScope::User => {
                let mut user = None;
                self.tenant
                    .with_user(&self.user, |counts| user = Some(Arc::clone(counts)));
                Limit::User(user?)
            },
            LimitScope::Tenant => Limit::Tenant(Arc::clone(&self.tenant)),
            LimitScope::Node => Limit::Node(Arc::clone(&self.node)),
        };
        Some(Claim::new(limit, &self.tenant, &self.pool, wanted))
    }

    /// Whether others claim servers of its limits.
    pub fn is_claimed(&self) -> bool {
        let claimed = |occupancy: &Occupancy, scope| {
            occupancy
                .claims
                .are_others(|entry| self.compare(scope, entry))
        };
        let mut is_users = false;
        self.tenant.with_user(&self.user, |counts| {
            is_users = claimed(&counts.occupancy, LimitScope::User);
        });
        is_users
            || claimed(&self.tenant.occupancy, LimitScope::Tenant)
            || claimed(&self.node.occupancy, LimitScope::Node)
    }

    /// How many of its servers to give up to those who have a better claim: of the `idle` ones as many
    /// as are wanted, of all `live` ones what is fair.
    pub fn promise(&self, idle: u32, live: u32) -> u32 {
        let mut given = 0;
        let mut promise = |occupancy: &Occupancy, scope| {
            given += occupancy.claims.promise(
                idle.saturating_sub(given),
                live.saturating_sub(given),
                |entry| self.compare(scope, entry),
            );
        };
        self.tenant.with_user(&self.user, |counts| {
            promise(&counts.occupancy, LimitScope::User);
        });
        promise(&self.tenant.occupancy, LimitScope::Tenant);
        promise(&self.node.occupancy, LimitScope::Node);
        given
    }

    /// Tenants share the node, pools share what is their tenant's. `None` for a claim of one's own.
    fn compare(&self, scope: LimitScope, entry: &Entry) -> Option<Compared> {
        if Arc::ptr_eq(&entry.pool, &self.pool) {
            return None;
        }
        Some(match (scope, entry.tenant.upgrade()) {
            (LimitScope::Node, Some(tenant)) if !Arc::ptr_eq(&tenant, &self.tenant) => Compared {
                claimant: Arc::as_ptr(&tenant).addr(),
                theirs: tenant.servers(),
                mine: self.tenant.servers(),
            },
            _ => Compared {
                claimant: Arc::as_ptr(&entry.pool).addr(),
                theirs: entry.pool.servers(),
                mine: self.pool.servers(),
            },
        })
    }
}

#[cfg(test)]
mod tests;
