//! Why a round that went to a replica is answered by the primary instead.

/// Why a replica could not serve a round. Its client hears the primary's answer, and nothing of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Healed {
    /// It writes after all: 25006.
    ReadOnly,
    /// It needs what a standby does not have, as an unlogged table: 0A000.
    Unsupported,
    /// Something is not in the state that it must be in, which may be the server: 55000.
    WrongState,
    /// What a statement returns has changed since it was prepared there.
    StalePlan,
    /// It conflicts with what is replayed.
    Conflict,
    /// The replica shuts down, starts, or has crashed.
    Shutdown,
    /// It has no room for more connections.
    Full,
    /// It cannot read its own files.
    Damaged,
    /// It closed the connection.
    Gone,
    /// It refuses what the client has set.
    Settings,
    /// No server of it could be had in time.
    NoServer,
    /// Its server is so new that nobody knows what it has replayed, or that is too little.
    Unproven,
    /// What it must say next waits for what the client has not heard yet.
    Stuck,
}

impl Healed {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 13] = [
        Self::ReadOnly,
        Self::Unsupported,
        Self::WrongState,
        Self::StalePlan,
        Self::Conflict,
        Self::Shutdown,
        Self::Full,
        Self::Damaged,
        Self::Gone,
        Self::Settings,
        Self::NoServer,
        Self::Unproven,
        Self::Stuck,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Unsupported => "unsupported",
            Self::WrongState => "wrong_state",
            Self::StalePlan => "stale_plan",
            Self::Conflict => "conflict",
            Self::Shutdown => "shutdown",
            Self::Full => "full",
            Self::Damaged => "damaged",
            Self::Gone => "gone",
            Self::Settings => "settings",
            Self::NoServer => "no_server",
            Self::Unproven => "unproven",
            Self::Stuck => "stuck",
        }
    }

    /// Whether any replica would refuse the same text again.
    pub const fn is_of_the_text(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Unsupported)
    }

    /// The place of the counter.
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_its_own_place_and_name() {
        let names: HashSet<_> = Healed::ALL.iter().map(|why| why.as_str()).collect();
        assert_eq!(names.len(), Healed::COUNT);
        for (index, why) in Healed::ALL.iter().enumerate() {
            assert_eq!(why.index(), index);
        }
    }
}
