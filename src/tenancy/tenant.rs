//! A tenant at run time: its number, its configuration of the moment, and what it holds.
//!
//! The object lives on across reloads, so that its counts stay exact while its configuration is
//! replaced. It never decides who may enter.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;

use crate::config;
use crate::telemetry::TenantSlot;
use crate::tenancy::NodeCounts;
use crate::tenancy::PoolCounts;
use crate::tenancy::occupancy::Occupancy;
use crate::tenancy::occupancy::Side;
use crate::tenancy::permit::Limits;

/// One tenant, shared by all workers.
#[derive(Debug)]
pub struct Tenant {
    slot: TenantSlot,
    name: Box<str>,
    config: ArcSwap<config::Tenant>,
    is_gone: AtomicBool,
    pub(super) occupancy: Occupancy,
    /// Users that hold a connection; the others have no entry, so that names which clients invent
    /// take no memory beyond the connections that carry them.
    users: Mutex<HashMap<Arc<str>, Arc<UserCounts>>>,
    /// Pools by database, user, and endpoint if it is not the primary. They belong to the workers that have a part in them, and to
    /// their servers.
    pools: Mutex<HashMap<PoolName, Weak<PoolCounts>>>,
}

type PoolName = (Box<str>, Box<str>, Option<Box<str>>);

/// What one user of a tenant holds. It is known to its tenant while that is anything, so that a
/// reference to it is all that whoever is counted must keep.
pub struct UserCounts {
    name: Arc<str>,
    pub(super) occupancy: Occupancy,
    pub(super) tenant: Arc<Tenant>,
    pub(super) node: Arc<NodeCounts>,
}

/// Its tenant knows it in turn.
impl fmt::Debug for UserCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut user = formatter.debug_struct("UserCounts");
        user.field("name", &self.name)
            .field("occupancy", &self.occupancy)
            .finish_non_exhaustive()
    }
}

impl Tenant {
    /// A tenant that holds nothing yet.
    pub fn new(slot: TenantSlot, config: Arc<config::Tenant>) -> Self {
        Self {
            slot,
            name: config.name.as_str().into(),
            config: ArcSwap::new(config),
            is_gone: AtomicBool::new(false),
            occupancy: Occupancy::default(),
            users: Mutex::default(),
            pools: Mutex::default(),
        }
    }

    /// Its number, for counters.
    pub const fn slot(&self) -> TenantSlot {
        self.slot
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration now. A reload replaces it: whoever keeps it keeps the old one.
    pub fn config(&self) -> Arc<config::Tenant> {
        self.config.load_full()
    }

    /// Whether the tenant was removed from the configuration; its sessions are to be closed.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Clients held by the tenant on this node.
    pub fn clients(&self) -> u32 {
        self.occupancy.held(Side::Client)
    }

    /// Servers held for the tenant on this node.
    pub fn servers(&self) -> u32 {
        self.occupancy.held(Side::Server)
    }

    /// The users that hold a connection now, by name.
    pub fn users(&self) -> Vec<Arc<UserCounts>> {
        let mut users: Vec<_> = self.lock_users().values().map(Arc::clone).collect();
        users.sort_by(|left, right| left.name.cmp(&right.name));
        users
    }

    /// What the pool of a database (by its name on the server) and user holds, at the primary or at
    /// one endpoint, for all workers that have a part in it.
    pub fn pool_counts(
        &self,
        database: &str,
        user: &str,
        endpoint: Option<&str>,
    ) -> Arc<PoolCounts> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (database.into(), user.into(), endpoint.map(Box::from));
        if let Some(counts) = pools.get(&key).and_then(Weak::upgrade) {
            return counts;
        }
        // The time to look for those that are gone is when there is a new one.
        pools.retain(|_, counts| counts.strong_count() > 0);
        let counts = Arc::new(PoolCounts::default());
        pools.insert(key, Arc::downgrade(&counts));
        counts
    }

    pub(crate) fn replace_config(&self, config: Arc<config::Tenant>) {
        debug_assert_eq!(*self.name, *config.name, "a tenant keeps its name");
        self.config.store(config);
    }

    pub(super) fn mark_gone(&self) {
        self.is_gone.store(true, Ordering::Release);
    }

    /// Counts one more connection of a user, unless as many as its limit are held already, or all
    /// but those that are reserved.
    pub(super) fn take_for_user(
        self: &Arc<Self>,
        node: &Arc<NodeCounts>,
        user: &str,
        side: Side,
        limits: Limits,
    ) -> Option<Arc<UserCounts>> {
        let (limit, reserved) = (limits.user, limits.reserved.user);
        let mut users = self.lock_users();
        if let Some(counts) = users.get(user) {
            let count = counts.occupancy.of(side);
            return count.take(limit, reserved).then(|| Arc::clone(counts));
        }
        let counts = Arc::new(UserCounts {
            name: user.into(),
            occupancy: Occupancy::default(),
            tenant: Arc::clone(self),
            node: Arc::clone(node),
        });
        if !counts.occupancy.of(side).take(limit, reserved) {
            return None;
        }
        users.insert(Arc::clone(&counts.name), Arc::clone(&counts));
        Some(counts)
    }

    /// Gives back what [`Tenant::take_for_user`] counted; a user without connections is forgotten.
    pub(super) fn give_back_for_user(&self, counts: &UserCounts, side: Side) {
        // Takers hold the same lock, so that nobody can count on an entry that is being removed.
        let mut users = self.lock_users();
        counts.occupancy.of(side).give_back();
        if counts.occupancy.is_empty() {
            users.remove(&counts.name);
        }
    }

    /// Looks at what a user holds, if that is anything.
    pub(super) fn with_user(&self, user: &str, look: impl FnOnce(&Arc<UserCounts>)) {
        if let Some(counts) = self.lock_users().get(user) {
            look(counts);
        }
    }

    fn lock_users(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<UserCounts>>> {
        // Every change of the map is complete before anything can panic.
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UserCounts {
    /// The user's name, as the client gave it; print it as untrusted text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Clients of the user.
    pub fn clients(&self) -> u32 {
        self.occupancy.held(Side::Client)
    }

    /// Servers for the user.
    pub fn servers(&self) -> u32 {
        self.occupancy.held(Side::Server)
    }
}
