//! The number by which counters know a tenant.
//!
//! It carries no name, so that counting needs neither a hash of text nor a look at `tenancy`, which
//! gives the numbers out and keeps the names.

/// One tenant's number. It is given once in the life of the process and never to another tenant, so
/// that the counters of a removed tenant cannot be taken for those of a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantSlot(u32);

impl TenantSlot {
    /// The slot of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }
}
