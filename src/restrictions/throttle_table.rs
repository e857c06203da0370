//! The failed logins that are remembered: a table that never grows past its capacity.
//!
//! When it is full, a newcomer takes the place of the least telling of a few entries, so that a
//! flood of addresses costs neither memory nor a search, and pushes out pairs that still must wait
//! only when it finds no others.

use std::collections::HashMap;
use std::time::Instant;

use crate::limits::THROTTLE_EVICTION_CANDIDATES_COUNT;
use crate::tenancy::AddressPrefix;

/// Who failed, and at whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub(super) address: AddressPrefix,
    /// A keyed hash of the tenant's name, which may be as long as the client likes and may not
    /// exist.
    pub(super) tenant: u64,
}

/// What is remembered of a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failures {
    pub(super) pair: Pair,
    /// Logins that failed one after the other, and were looked at.
    pub(super) count: u32,
    /// When the last of them failed.
    pub(super) last: Instant,
    /// Until when the pair must wait; `last` at the latest if it need not.
    pub(super) wait_until: Instant,
    /// The table's serial number when the pair was last told to wait; 0 if it never was.
    pub(super) throttled_at: u64,
}

/// One shard of the table.
#[derive(Debug)]
pub(super) struct ThrottleTable {
    capacity: usize,
    /// `places[pair]` is the index of the pair's entry, for every entry.
    places: HashMap<Pair, usize>,
    /// `entries.len() == places.len() <= capacity`.
    entries: Vec<Failures>,
    /// Where the search for the next one to leave begins.
    hand: usize,
    /// Grows whenever a pair is told to wait, so that an attempt can tell whether that was after it
    /// began, even at the same instant.
    pub(super) serial: u64,
}

impl ThrottleTable {
    /// An empty table for at most `capacity` pairs.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            places: HashMap::new(),
            entries: Vec::new(),
            hand: 0,
            serial: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn find(&self, pair: Pair) -> Option<&Failures> {
        self.entries.get(*self.places.get(&pair)?)
    }

    /// Stores what is remembered of a pair, in the place of what was.
    pub(super) fn store(&mut self, failures: Failures) {
        let place = match self.places.get(&failures.pair) {
            Some(place) => *place,
            None if self.entries.len() < self.capacity => {
                self.entries.push(failures);
                self.entries.len() - 1
            },
            None => self.evict(),
        };
        if let Some(entry) = self.entries.get_mut(place) {
            self.places.remove(&entry.pair);
            self.places.insert(failures.pair, place);
            *entry = failures;
        }
        debug_assert_eq!(self.entries.len(), self.places.len());
        debug_assert!(self.entries.len() <= self.capacity);
    }

    /// Forgets a pair.
    pub(super) fn remove(&mut self, pair: Pair) {
        let Some(place) = self.places.remove(&pair) else {
            return;
        };
        self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.pair, place);
        }
        debug_assert_eq!(self.entries.len(), self.places.len());
    }

    /// The place of the entry, among the next few, that stopped mattering first.
    fn evict(&mut self) -> usize {
        let start = self.hand;
        let count = self.entries.len().max(1);
        let candidates = THROTTLE_EVICTION_CANDIDATES_COUNT.min(count);
        self.hand = (start + candidates) % count;
        (start..start + candidates)
            .map(|place| place % count)
            .min_by_key(|place| self.entries.get(*place).map(|entry| entry.wait_until))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restrictions::test_clock::start;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn pair(address: u32) -> Pair {
        Pair {
            address: AddressPrefix::V4(address),
            tenant: 0,
        }
    }

    fn failures(address: u32, wait_until: Instant) -> Failures {
        Failures {
            pair: pair(address),
            count: 1,
            last: wait_until,
            wait_until,
            throttled_at: 0,
        }
    }

    #[test]
    fn a_newcomer_takes_the_place_of_the_one_that_matters_least() {
        let now = start();
        let mut table = ThrottleTable::new(4);
        for (address, second) in [(1, 9), (2, 3), (3, 1), (4, 7)] {
            table.store(failures(address, now + Duration::from_secs(second)));
        }
        table.store(failures(5, now + Duration::from_secs(5)));
        assert_eq!(table.len(), 4);
        assert!(table.find(pair(3)).is_none());
        assert!(
            [1, 2, 4, 5]
                .iter()
                .all(|left| table.find(pair(*left)).is_some())
        );
    }

    proptest! {
        /// As long as it is not full, the table is a map.
        #[test]
        fn a_table_with_room_behaves_like_a_map(
            steps in prop::collection::vec((0_u32..12, any::<bool>()), 0..100),
        ) {
            let now = start();
            let mut table = ThrottleTable::new(12);
            let mut model = BTreeMap::new();
            for (number, (address, stores)) in steps.into_iter().enumerate() {
                if stores {
                    let wait_until = now + Duration::from_secs(number as u64);
                    table.store(failures(address, wait_until));
                    model.insert(address, wait_until);
                } else {
                    table.remove(pair(address));
                    model.remove(&address);
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for address in 0..12 {
                let found = table.find(pair(address)).map(|entry| entry.wait_until);
                prop_assert_eq!(found, model.get(&address).copied());
            }
        }

        #[test]
        fn a_full_table_stays_within_its_capacity_and_keeps_the_newcomer(
            addresses in prop::collection::vec(any::<u32>(), 1..200),
        ) {
            let now = start();
            let mut table = ThrottleTable::new(8);
            for address in addresses {
                table.store(failures(address, now));
                prop_assert!(table.len() <= 8);
                prop_assert!(table.find(pair(address)).is_some());
            }
        }
    }
}
