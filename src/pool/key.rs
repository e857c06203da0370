//! What tells one pool from another: tenant, database and user.

use std::sync::Arc;

use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// The name of a pool, on every worker that has a part in it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolKey {
    tenant: TenantSlot,
    database: Arc<str>,
    user: Arc<str>,
    /// The one client that the pool is for: a replication connection is nobody else's.
    client: Option<u64>,
}

impl PoolKey {
    /// The key of a tenant's database, by its name on the server, and user, by the client's name.
    pub fn new(tenant: &Tenant, database: &str, user: &str) -> Self {
        Self {
            tenant: tenant.slot(),
            database: database.into(),
            user: user.into(),
            client: None,
        }
    }

    /// The key of a pool for one client alone.
    #[must_use]
    pub fn dedicated_to(self, client: u64) -> Self {
        Self {
            client: Some(client),
            ..self
        }
    }

    /// Whether the pool is for one client alone.
    pub const fn is_dedicated(&self) -> bool {
        self.client.is_some()
    }

    /// Whose it is.
    pub const fn tenant(&self) -> TenantSlot {
        self.tenant
    }

    /// The database, by its name on the server.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The user, by the name that clients give.
    pub fn user(&self) -> &str {
        &self.user
    }
}
