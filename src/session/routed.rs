//! How many transactions of a client went to the primary, and how many to replicas.

use std::fmt;

/// How many transactions of a client went where. What a client did while it kept one server counts as
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Routed {
    pub(super) primary: u32,
    pub(super) replica: u32,
}

impl Routed {
    /// One more has been at the primary.
    #[must_use]
    pub(super) fn at_primary(self) -> Self {
        let primary = self.primary.saturating_add(1);
        Self { primary, ..self }
    }

    /// One more has been at a replica.
    #[must_use]
    pub(super) fn at_replica(self) -> Self {
        let replica = self.replica.saturating_add(1);
        Self { replica, ..self }
    }
}

impl fmt::Display for Routed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { primary, replica } = self;
        write!(formatter, "primary {primary} replica {replica}")
    }
}
