//! What a tenant says of where it would rather read.

use std::time::Duration;

use crate::config;

/// What a tenant says of where it would rather read, on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// Where this node runs; empty if nobody says.
    region: String,
    prefer: Vec<String>,
    avoid: Vec<String>,
    near_percent: u32,
    near_within: Duration,
    pub(super) ejected_percent_max: u32,
}

impl Preferences {
    /// What a tenant says, on a node in this region; empty if nobody says where it is.
    pub fn of(region: &str, tenant: &config::Tenant) -> Self {
        Self {
            region: region.to_owned(),
            prefer: tenant.prefer.clone(),
            avoid: tenant.avoid.clone(),
            near_percent: tenant.near_percent,
            near_within: tenant.near_within,
            ejected_percent_max: tenant.ejected_percent_max,
        }
    }

    /// Whether something in a region is where this node is; none if one of the two is not known.
    pub(super) fn is_here(&self, region: &str) -> Option<bool> {
        let is_known = !region.is_empty() && !self.region.is_empty();
        is_known.then(|| self.region == region)
    }

    /// In which turn a region is read from: of a lower tier, all before any of a higher one.
    pub(super) fn tier(&self, region: &str) -> usize {
        let is_it = |other: &String| other == region;
        match self.prefer.iter().position(is_it) {
            Some(place) => place,
            None => self.prefer.len() + usize::from(self.avoid.iter().any(is_it)),
        }
    }

    /// Up to which distance, in nanoseconds, something is near if the nearest is at `nearest`.
    pub(super) fn near(&self, nearest: u64) -> u64 {
        let within = u64::try_from(self.near_within.as_nanos()).unwrap_or(u64::MAX);
        let share = nearest.saturating_mul(u64::from(self.near_percent)) / 100;
        nearest.saturating_add(share.max(within))
    }
}

impl Default for Preferences {
    fn default() -> Self {
        Self::of("", &config::Tenant::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> config::Tenant {
        config::Tenant {
            prefer: vec!["ams".to_owned(), "fra".to_owned()],
            avoid: vec!["syd".to_owned()],
            ..config::Tenant::default()
        }
    }

    #[test]
    fn preferred_regions_come_in_their_order_and_avoided_ones_last() {
        let preferences = Preferences::of("", &tenant());
        let tiers = ["ams", "fra", "", "lhr", "syd"].map(|region| preferences.tier(region));
        assert_eq!(tiers, [0, 1, 2, 2, 3]);
    }

    #[test]
    fn near_is_a_share_or_a_time_whichever_is_more() {
        let preferences = Preferences::of("", &tenant());
        assert_eq!(preferences.near(500_000), 1_500_000);
        assert_eq!(preferences.near(90_000_000), 108_000_000);
    }

    #[test]
    fn nobody_is_here_where_nobody_says_where_that_is() {
        let preferences = Preferences::of("ams", &tenant());
        assert_eq!(preferences.is_here("ams"), Some(true));
        assert_eq!(preferences.is_here("fra"), Some(false));
        assert_eq!(preferences.is_here(""), None);
        assert_eq!(Preferences::of("", &tenant()).is_here(""), None);
    }
}
