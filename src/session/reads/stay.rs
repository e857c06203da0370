//! Why a round goes to the primary before anybody asks where else it could go.

use crate::config::Route;
use crate::pool::RouteRule;
use crate::session::reads::round::Deed;

/// What is known of a round before a place is chosen for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    /// What it does; none if that cannot be told.
    pub(super) deed: Option<Deed>,
    /// Where it is wanted.
    pub(super) route: Route,
    /// It asks how far the primary has come, which a standby does not know.
    pub(super) wants_lsn: bool,
    /// It has been at a replica in vain.
    pub(super) is_barred: bool,
    /// Transactions of its session only read, unless they say otherwise.
    pub(super) is_read_only: bool,
    /// Transactions of its session are `SERIALIZABLE`.
    pub(super) is_serializable: bool,
}

impl Stay {
    /// Whether it only reads, as far as anybody can tell.
    pub(super) fn is_fit(self) -> bool {
        match self.deed {
            Some(Deed::Reads | Deed::BeginsReadOnly) => true,
            Some(Deed::Begins) => self.is_read_only,
            _ => false,
        }
    }

    /// Why it goes to the primary; none if that is still to be chosen.
    pub(super) fn rule(self) -> Option<RouteRule> {
        Some(if self.is_barred {
            RouteRule::Barred
        } else if self.wants_lsn {
            RouteRule::ShowsLsn
        } else if !self.is_fit() && self.route != Route::Replica {
            match self.deed {
                Some(Deed::Writes) => RouteRule::Writes,
                Some(Deed::Begins | Deed::Ends) => RouteRule::Begins,
                Some(Deed::Sets) => RouteRule::Sets,
                Some(Deed::Reads | Deed::BeginsReadOnly | Deed::Unclear) | None => {
                    RouteRule::Unclear
                },
            }
        } else if self.route == Route::Primary {
            RouteRule::DemandedPrimary
        } else if self.is_serializable {
            RouteRule::Serializable
        } else {
            return None;
        })
    }
}
