//! What tells one pool from another: tenant, database, user, and the endpoint if it is not the primary.

use std::sync::Arc;

use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// The name of a pool, on every worker that has a part in it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolKey(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    tenant: TenantSlot,
    database: Box<str>,
    user: Box<str>,
    /// The one client that the pool is for: a replication connection is nobody else's.
    client: Option<u64>,
    /// The one endpoint that its servers are at, by its name; `None`: wherever the primary is.
    endpoint: Option<Box<str>>,
}

impl PoolKey {
    /// The key of a tenant's database, by its name on the server, and user, by the client's name.
    pub fn new(tenant: &Tenant, database: &str, user: &str) -> Self {
        Self(Arc::new(Parts {
            tenant: tenant.slot(),
            database: database.into(),
            user: user.into(),
            client: None,
            endpoint: None,
        }))
    }

    /// The key of a pool for one client alone.
    #[must_use]
    pub fn dedicated_to(self, client: u64) -> Self {
        Self(Arc::new(Parts {
            tenant: self.0.tenant,
            database: self.0.database.clone(),
            user: self.0.user.clone(),
            client: Some(client),
            endpoint: None,
        }))
    }

    /// The key of the pool of the same database and user at one endpoint.
    #[must_use]
    pub fn at(&self, endpoint: &str) -> Self {
        Self(Arc::new(Parts {
            tenant: self.0.tenant,
            database: self.0.database.clone(),
            user: self.0.user.clone(),
            client: None,
            endpoint: Some(endpoint.into()),
        }))
    }

    /// The one endpoint that its servers are at; `None`: wherever the primary is.
    pub fn endpoint(&self) -> Option<&str> {
        self.0.endpoint.as_deref()
    }

    /// Whether the pool is for one client alone.
    pub fn is_dedicated(&self) -> bool {
        self.0.client.is_some()
    }

    /// Whose it is.
    pub fn tenant(&self) -> TenantSlot {
        self.0.tenant
    }

    /// The database, by its name on the server.
    pub fn database(&self) -> &str {
        &self.0.database
    }

    /// The user, by the name that clients give.
    pub fn user(&self) -> &str {
        &self.0.user
    }
}
