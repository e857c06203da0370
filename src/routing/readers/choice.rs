//! What a client wants of a read, and where that goes.

use std::time::Duration;

use crate::config::Consistency;
use crate::config::PoolSettings;
use crate::config::Route;
use crate::routing::Lsn;

/// What a client wants of its reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What a read is never older than.
    pub consistency: Consistency,
    /// By how much with [`Consistency::Bounded`].
    pub max_lag: Duration,
    /// How long a read may wait for a standby; zero for one that has waited.
    pub causal_wait: Duration,
    /// It is no choice between replicas and the primary, however near that is.
    pub is_replica_demanded: bool,
}

impl Wish {
    /// What a user's configuration says.
    pub fn of(pool: &PoolSettings) -> Self {
        Self {
            consistency: pool.consistency,
            max_lag: pool.max_lag,
            causal_wait: pool.causal_wait,
            is_replica_demanded: pool.route == Route::Replica,
        }
    }
}

/// Where a read goes, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Where.
    pub target: Target,
    /// Why.
    pub rule: Rule,
}

/// Where a read goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To the primary.
    Primary,
    /// To the endpoint at this place of the configuration.
    Replica(usize),
    /// Nowhere yet: until that endpoint has replayed this, or the time is over. Then it is chosen
    /// again, by a wish that waits no more.
    Await {
        /// The place of the endpoint in the configuration.
        index: usize,
        /// What it must have replayed.
        floor: Lsn,
        /// For how long that is worth a wait.
        limit: Duration,
    },
}

/// Why a read goes where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Of several that could take it, this one is nearest.
    Nearest,
    /// Several are near, and this one has less to do.
    Shared,
    /// No other could take it.
    OnlyOne,
    /// It is nearer to wait for this one than to go where it need not wait.
    AwaitsReplay,
    /// The primary is clearly nearer than all that could take it.
    PrimaryIsNearer,
    /// The primary is in a region that the tenant would rather read from.
    PrimaryIsPreferred,
    /// The tenant has no replica.
    NoReplica,
    /// None of its replicas can be read from, for reasons that have nothing to do with this client.
    NoneFit,
    /// Those that could take it come back after an absence, and get a share of the reads only.
    WarmingUp,
    /// All are behind what the client, or the tenant, has seen.
    AllBehind,
    /// All are behind by more than the client wants, or nobody knows by how much.
    TooMuchLag,
    /// Nobody knows yet how far the primary, or another standby, had come when the client last heard
    /// from it.
    Unproven,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Nearest,
        Self::Shared,
        Self::OnlyOne,
        Self::AwaitsReplay,
        Self::PrimaryIsNearer,
        Self::PrimaryIsPreferred,
        Self::NoReplica,
        Self::NoneFit,
        Self::WarmingUp,
        Self::AllBehind,
        Self::TooMuchLag,
        Self::Unproven,
    ];

    /// Its name in metrics, logs and the console.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Shared => "shared",
            Self::OnlyOne => "only_one",
            Self::AwaitsReplay => "awaits_replay",
            Self::PrimaryIsNearer => "primary_is_nearer",
            Self::PrimaryIsPreferred => "primary_is_preferred",
            Self::NoReplica => "no_replica",
            Self::NoneFit => "none_fit",
            Self::WarmingUp => "warming_up",
            Self::AllBehind => "all_behind",
            Self::TooMuchLag => "too_much_lag",
            Self::Unproven => "unproven",
        }
    }
}

impl Choice {
    pub(super) const fn primary(rule: Rule) -> Self {
        let target = Target::Primary;
        Self { target, rule }
    }

    pub(super) const fn replica(index: usize, rule: Rule) -> Self {
        let target = Target::Replica(index);
        Self { target, rule }
    }
}
