//! Why a round of a client goes where it goes: by a choice, or because there is none.

use crate::routing::Rule;

/// Why a round goes where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteRule {
    /// It could go to a replica, and was chosen a place for.
    Chosen(Rule),
    /// A replica could not serve it.
    Barred,
    /// It asks how far the primary has come.
    ShowsLsn,
    /// It writes, or may.
    Writes,
    /// It begins or ends a transaction block that may write.
    Begins,
    /// It sets a parameter.
    Sets,
    /// It is another command, or nobody can tell what it does, or it is too long to be looked at.
    Unclear,
    /// Its text, its session or the configuration wants it there.
    DemandedPrimary,
    /// Its transactions are `SERIALIZABLE`, which no standby can promise.
    Serializable,
    /// Its block was at a replica, and does something now that belongs on the primary.
    Moves,
}

impl RouteRule {
    /// Those without a choice, in the order of the counters.
    const OTHERS: [Self; 9] = [
        Self::Barred,
        Self::ShowsLsn,
        Self::Writes,
        Self::Begins,
        Self::Sets,
        Self::Unclear,
        Self::DemandedPrimary,
        Self::Serializable,
        Self::Moves,
    ];

    /// How many there are.
    pub const COUNT: usize = Rule::ALL.len() + Self::OTHERS.len();

    /// All of them, in the order of the counters.
    pub fn all() -> impl Iterator<Item = Self> {
        let chosen = Rule::ALL.into_iter().map(Self::Chosen);
        chosen.chain(Self::OTHERS)
    }

    /// Its name in metrics, logs and the console.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chosen(rule) => rule.as_str(),
            Self::Barred => "barred",
            Self::ShowsLsn => "shows_lsn",
            Self::Writes => "writes",
            Self::Begins => "begins",
            Self::Sets => "sets",
            Self::Unclear => "unclear",
            Self::DemandedPrimary => "demanded_primary",
            Self::Serializable => "serializable",
            Self::Moves => "moves",
        }
    }

    /// The place of the counter.
    #[inline]
    pub(super) const fn index(self) -> usize {
        let other = match self {
            Self::Chosen(rule) => return rule as usize,
            Self::Barred => 0,
            Self::ShowsLsn => 1,
            Self::Writes => 2,
            Self::Begins => 3,
            Self::Sets => 4,
            Self::Unclear => 5,
            Self::DemandedPrimary => 6,
            Self::Serializable => 7,
            Self::Moves => 8,
        };
        Rule::ALL.len() + other
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_rule_has_its_own_place_and_name() {
        let names: HashSet<_> = RouteRule::all().map(RouteRule::as_str).collect();
        assert_eq!(names.len(), RouteRule::COUNT);
        let places: Vec<_> = RouteRule::all().map(RouteRule::index).collect();
        assert_eq!(places, (0..RouteRule::COUNT).collect::<Vec<_>>());
    }
}
