//! A map that forgets: it holds a bounded number of entries, and drops those unused for longest.
//!
//! Two generations: new and used entries live in the young one; when it is full it becomes the old
//! one, and the old one before it is dropped. That is nearly "least recently used" without a list,
//! and one entry costs one hash.

use std::collections::HashMap;
use std::hash::Hash;

/// At most `entries_max` entries, at least half of them the last ones used.
#[derive(Debug)]
pub(in crate::auth) struct BoundedMap<K, V> {
    /// `young.len() <= entries_max / 2`.
    young: HashMap<K, V>,
    /// `old.len() <= entries_max / 2`; no key is in both.
    old: HashMap<K, V>,
    entries_max: usize,
}

impl<K: Eq + Hash, V> BoundedMap<K, V> {
    /// An empty map; a limit below 2 keeps nothing.
    pub(in crate::auth) fn new(entries_max: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            entries_max,
        }
    }

    /// The entry, which thereby counts as used.
    pub(in crate::auth) fn get(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// Adds or replaces an entry.
    pub(in crate::auth) fn insert(&mut self, key: K, value: V) {
        let generation_max = self.entries_max / 2;
        if generation_max == 0 {
            return;
        }
        self.old.remove(&key);
        if self.young.len() >= generation_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
        debug_assert!(self.young.len() <= generation_max && self.old.len() <= generation_max);
    }

    /// Removes an entry.
    pub(in crate::auth) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Keeps the entries that `keep` says yes to.
    pub(in crate::auth) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.young.retain(&mut keep);
        self.old.retain(keep);
    }

    /// How many entries there are.
    pub(in crate::auth) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut map = BoundedMap::new(8);
        map.insert(0, "used");
        for key in 1..100 {
            map.insert(key, "once");
            assert_eq!(map.get(&0), Some(&mut "used"), "after {key}");
        }
        assert_eq!(map.get(&1), None);
        assert!(map.len() <= 8);
    }

    #[test]
    fn a_map_without_room_keeps_nothing() {
        let mut map = BoundedMap::new(1);
        map.insert(1, ());
        assert_eq!(map.get(&1), None);
        assert_eq!(map.len(), 0);
    }

    proptest! {
        #[test]
        fn it_never_holds_more_than_its_limit_nor_a_value_that_was_replaced(
            operations in proptest::collection::vec((0..3_u8, 0..20_u8, any::<u16>()), 0..200),
            entries_max in 0..12_usize,
        ) {
            let mut map = BoundedMap::new(entries_max);
            let mut model = HashMap::new();
            for (operation, key, value) in operations {
                match operation {
                    0 => {
                        map.insert(key, value);
                        model.insert(key, value);
                        prop_assert_eq!(map.get(&key).is_some(), entries_max >= 2);
                    },
                    1 => {
                        map.remove(&key);
                        model.remove(&key);
                        prop_assert!(map.get(&key).is_none());
                    },
                    _ => {
                        if let Some(found) = map.get(&key) {
                            prop_assert_eq!(Some(&*found), model.get(&key));
                        }
                    },
                }
                prop_assert!(map.len() <= entries_max);
            }
        }
    }
}
