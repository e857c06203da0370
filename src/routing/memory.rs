//! What of a tenant's endpoints is remembered while no pool needs to know it.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::routing::TenantFloor;

/// What outlives a topology.
#[derive(Debug, Default)]
pub struct Memory {
    /// The newest timeline that was ever seen to be written.
    pub(super) reached: AtomicU32,
    /// What was written through this node.
    pub(super) floor: Arc<TenantFloor>,
}
