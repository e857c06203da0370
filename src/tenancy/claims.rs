//! Who was refused a server by a limit that others share: fair shares, without anybody's share being
//! written down.
//!
//! A pool that is refused leaves a claim with the limit. While it stands, whoever has more than the
//! claimant leaves free what would make both even, and gives up as many as that when they come back
//! to it. So the next server always goes to the one with the fewest, which is max-min fairness; and
//! nobody gives up anything for one who has as many.
//!
//! Claims are looked at when a server is opened and at every tick, never in a transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::tenancy::LimitScope;
use crate::tenancy::NodeCounts;
use crate::tenancy::PoolCounts;
use crate::tenancy::Tenant;
use crate::tenancy::UserCounts;
use crate::tenancy::occupancy::Occupancy;

/// The claims to one limit.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The length of the list, for whoever only wants to know whether there are any.
    count: AtomicUsize,
    entries: Mutex<Vec<Arc<Entry>>>,
}

/// What one pool is short of.
#[derive(Debug)]
pub(super) struct Entry {
    /// Whose pool. What holds the claims may belong to that tenant: no strong reference.
    pub(super) tenant: Weak<Tenant>,
    pub(super) pool: Arc<PoolCounts>,
    wanted: AtomicU32,
    /// How many of these somebody is about to give up.
    promised: AtomicU32,
}

/// A claim to servers; it ends when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the claim"]
pub struct Claim {
    limit: Limit,
    entry: Arc<Entry>,
}

/// What a claim is made to.
#[derive(Debug)]
pub(super) enum Limit {
    User(Arc<UserCounts>),
    Tenant(Arc<Tenant>),
    Node(Arc<NodeCounts>),
}

/// What a claimant has, and what the one who looks at the claim has, in servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Compared {
    /// Whose servers these are: a pool's, or a tenant's. Of several claims for one, all together may
    /// make both even.
    pub(super) claimant: usize,
    pub(super) theirs: u32,
    pub(super) mine: u32,
}

/// What claimants have been left or given already, by [`Compared::claimant`], in servers.
#[derive(Default)]
struct Had(HashMap<usize, u32>);

impl Claims {
    /// How many servers to leave free for claimants who have fewer, or as many and claimed before.
    ///
    /// `compare` is `None` for claims of one's own.
    pub(super) fn reserved(&self, compare: impl Fn(&Entry) -> Option<Compared>) -> u32 {
        if self.is_empty() {
            return 0;
        }
        let (mut reserved, mut is_before_mine, mut had) = (0_u32, true, Had::default());
        for entry in self.lock().iter() {
            let Some(compared) = compare(entry) else {
                is_before_mine = false;
                continue;
            };
            let had = had.by(&compared);
            // Of those who have as many, whoever claimed first comes first.
            let with_one_more = compared.mine.saturating_add(u32::from(is_before_mine));
            let wanted = entry.wanted.load(Ordering::Acquire);
            let more = with_one_more.saturating_sub(compared.theirs);
            let left = more.saturating_sub(*had).min(wanted);
            *had += left;
            reserved = reserved.saturating_add(left);
        }
        reserved
    }

    /// Whether anybody but oneself claims anything.
    pub(super) fn are_others(&self, compare: impl Fn(&Entry) -> Option<Compared>) -> bool {
        !self.is_empty() && self.lock().iter().any(|entry| compare(entry).is_some())
    }

    /// Promises servers to claimants: of the `idle` ones as many as are wanted, of the others what
    /// makes both even; at most `most`. Returns how many.
    pub(super) fn promise(
        &self,
        idle: u32,
        most: u32,
        compare: impl Fn(&Entry) -> Option<Compared>,
    ) -> u32 {
        if most == 0 || self.is_empty() {
            return 0;
        }
        let (mut given, mut had) = (0, Had::default());
        for entry in self.lock().iter() {
            let Some(compared) = compare(entry) else {
                continue;
            };
            let had = had.by(&compared);
            let theirs = compared.theirs.saturating_add(*had);
            let more = compared.mine.saturating_sub(given).saturating_sub(theirs);
            // Whoever has none gets a turn, were it the only one of another.
            let fair = (more / 2).max(u32::from(theirs == 0 && more > 0));
            let to_give = fair.max(idle.saturating_sub(given)).min(most - given);
            let promised = entry.promise(to_give);
            *had += promised;
            given += promised;
        }
        given
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn add(&self, entry: &Arc<Entry>) {
        let mut entries = self.lock();
        entries.push(Arc::clone(entry));
        self.count.store(entries.len(), Ordering::Release);
    }

    fn remove(&self, entry: &Arc<Entry>) {
        let mut entries = self.lock();
        entries.retain(|known| !Arc::ptr_eq(known, entry));
        self.count.store(entries.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        // Every change of the list is complete before anything can panic.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Had {
    fn by(&mut self, compared: &Compared) -> &mut u32 {
        self.0.entry(compared.claimant).or_default()
    }
}

impl Entry {
    /// Promises up to so many. Returns how many were still wanted.
    fn promise(&self, to_give: u32) -> u32 {
        let wanted = self.wanted.load(Ordering::Acquire);
        let mut given = 0;
        let promised = self
            .promised
            .try_update(Ordering::AcqRel, Ordering::Acquire, |promised| {
                given = to_give.min(wanted.saturating_sub(promised));
                Some(promised + given)
            });
        promised.map_or(0, |_before| given)
    }
}

impl Claim {
    /// Claims `wanted` servers for a pool.
    pub(super) fn new(
        limit: Limit,
        tenant: &Arc<Tenant>,
        pool: &Arc<PoolCounts>,
        wanted: u32,
    ) -> Self {
        let entry = Arc::new(Entry {
            tenant: Arc::downgrade(tenant),
            pool: Arc::clone(pool),
            wanted: AtomicU32::new(wanted),
            promised: AtomicU32::new(0),
        });
        limit.occupancy().claims.add(&entry);
        Self { limit, entry }
    }

    /// Whose limit it is a claim to.
    pub const fn scope(&self) -> LimitScope {
        match self.limit {
            Limit::User(_) => LimitScope::User,
            Limit::Tenant(_) => LimitScope::Tenant,
            Limit::Node(_) => LimitScope::Node,
        }
    }

    /// Claims anew what is still wanted: what was promised has been given by now, or will not be.
    pub fn renew(&self, wanted: u32) {
        self.entry.wanted.store(wanted, Ordering::Release);
        self.entry.promised.store(0, Ordering::Release);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.limit.occupancy().claims.remove(&self.entry);
    }
}

impl Limit {
    fn occupancy(&self) -> &Occupancy {
        match self {
            Self::User(user) => &user.occupancy,
            Self::Tenant(tenant) => &tenant.occupancy,
            Self::Node(node) => &node.occupancy,
        }
    }
}
