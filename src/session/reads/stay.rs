//! Why a round goes to the primary before anybody asks where else it could go.

use crate::config::Route;
use crate::pool::RouteRule;
use crate::session::reads::block::Opens;
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
    /// Where a block of it stays that does not say what it does, its first statement decides.
    pub(super) decides_later: bool,
    /// Transactions of its session are `SERIALIZABLE`.
    pub(super) is_serializable: bool,
}

impl Stay {
    /// Whether it only reads, as far as anybody can tell.
    pub(super) fn is_fit(self) -> bool {
        match self.deed {
            Some(Deed::Reads | Deed::BeginsReadOnly) => true,
            Some(Deed::Begins | Deed::BeginsReads) => self.is_read_only || self.decides_later,
            _ => false,
        }
    }

    /// What decides where the block stays that it begins, if it begins one.
    pub(super) fn opens(self) -> Option<Opens> {
        match self.deed {
            Some(Deed::BeginsReadOnly) => Some(Opens::ReadOnly),
            Some(Deed::Begins | Deed::BeginsReads) if self.is_read_only => Some(Opens::ReadOnly),
            Some(Deed::Begins | Deed::BeginsReads) => Some(Opens::FirstStatement),
            _ => None,
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
                Some(Deed::Begins | Deed::BeginsReads | Deed::BeginsWriting | Deed::Ends) => {
                    RouteRule::Begins
                },
                Some(Deed::Sets | Deed::SetsWriting) => RouteRule::Sets,
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
