//! Things by their numbers, of which each is larger than all before it.
//!
//! A `BTreeMap` that is filled in order leaves its nodes half empty, and takes 36 bytes for a number and
//! a pointer. Here blocks are filled to the end, and merged when they have become half empty: 17 bytes.

/// How many stand in a block at most: the time to find one within it is that to move the rest when it
/// goes, and the memory beside them hardly counts.
const BLOCK_LEN: usize = 64;

type Block<T> = Vec<(u64, T)>;

/// Things by their numbers, in order.
#[derive(Debug)]
pub(super) struct InOrder<T> {
    /// None is empty, and two neighbours never fit into one.
    blocks: Vec<Block<T>>,
    len: usize,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            len: 0,
        }
    }
}

impl<T> InOrder<T> {
    /// Adds one. Its number must be larger than all that there have been, or it is not found.
    pub(super) fn push(&mut self, number: u64, thing: T) {
        self.len += 1;
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK_LEN => last.push((number, thing)),
            _ => {
                let mut block = Vec::with_capacity(BLOCK_LEN);
                block.push((number, thing));
                self.blocks.push(block);
            },
        }
    }

    /// The one with this number.
    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let (block, place) = self.find(number)?;
        let (_, thing) = self.blocks.get(block)?.get(place)?;
        Some(thing)
    }

    /// Takes out the one with this number.
    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let (block, place) = self.find(number)?;
        let (_, thing) = self.blocks.get_mut(block)?.remove(place);
        self.len -= 1;
        self.tighten(block);
        Some(thing)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All of them.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.from(0).map(|(_, thing)| thing)
    }

    /// Those from this number on.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &T)> {
        let first = self.block_of(number);
        let blocks = self.blocks.get(first..).unwrap_or_default();
        let before = |block: &Block<T>| block.partition_point(|(own, _)| *own < number);
        let skipped = blocks.first().map_or(0, before);
        let things = blocks.iter().flatten().skip(skipped);
        things.map(|(number, thing)| (*number, thing))
    }

    /// The block that has this number if any has.
    fn block_of(&self, number: u64) -> usize {
        let is_before = |block: &Block<T>| block.first().is_some_and(|(first, _)| *first <= number);
        self.blocks.partition_point(is_before).saturating_sub(1)
    }

    fn find(&self, number: u64) -> Option<(usize, usize)> {
        let block = self.block_of(number);
        let things = self.blocks.get(block)?;
        let place = things.binary_search_by_key(&number, |(own, _)| *own).ok()?;
        Some((block, place))
    }

    /// One has gone from this block: it goes as well if what is left fits into a neighbour.
    fn tighten(&mut self, block: usize) {
        let len = |block: usize| self.blocks.get(block).map(Vec::len);
        let fits = |one: usize| Some(len(one)? + len(one + 1)? <= BLOCK_LEN);
        let first = [block.checked_sub(1), Some(block)]
            .into_iter()
            .flatten()
            .find(|one| fits(*one) == Some(true));
        if let Some(first) = first {
            let second = self.blocks.remove(first + 1);
            if let Some(first) = self.blocks.get_mut(first) {
                first.extend(second);
            }
        }
        // Only the last of all has no neighbour to go to.
        self.blocks.pop_if(|last| last.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Clone)]
    enum Step {
        /// This many come, each with a number so much larger than the last one.
        Come(u8, u8),
        /// One goes: the first with this share of all numbers before it.
        Go(f64),
        /// Of these numbers every so many stay.
        Thin(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (any::<u8>(), 1..4_u8).prop_map(|(count, gap)| Step::Come(count, gap)),
            (0.0..1.0).prop_map(Step::Go),
            (1..80_u8).prop_map(Step::Thin),
        ];
        prop::collection::vec(step, 0..40)
    }

    /// As many go as the step says, of both.
    fn go(model: &mut BTreeMap<u64, u64>, own: &mut InOrder<u64>, numbers: &[u64]) {
        for number in numbers {
            assert_eq!(own.remove(*number), model.remove(number));
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "any number will do"
    )]
    fn run(steps: Vec<Step>) {
        let (mut model, mut own) = (BTreeMap::new(), InOrder::default());
        let mut next = 1;
        for step in steps {
            match step {
                Step::Come(count, gap) => {
                    for _ in 0..count {
                        next += u64::from(gap);
                        own.push(next, !next);
                        model.insert(next, !next);
                    }
                },
                Step::Go(share) => go(&mut model, &mut own, &[(next as f64 * share) as u64]),
                Step::Thin(every) => {
                    let numbers = model.keys().copied();
                    let numbers: Vec<_> =
                        numbers.filter(|key| key % u64::from(every) != 0).collect();
                    go(&mut model, &mut own, &numbers);
                },
            }
            assert_eq!(own.len(), model.len());
            assert!(own.values().eq(model.values()));
            for number in [0, next / 3, next / 2, next, next + 1] {
                assert_eq!(own.get(number), model.get(&number));
                let there = model
                    .range(number..)
                    .map(|(number, thing)| (*number, thing));
                assert!(own.from(number).eq(there));
            }
            let pairs = own.blocks.windows(2);
            assert!(
                pairs
                    .into_iter()
                    .all(|pair| pair.iter().map(Vec::len).sum::<usize>() > BLOCK_LEN)
            );
            assert!(
                own.blocks
                    .iter()
                    .all(|block| !block.is_empty() && block.capacity() == BLOCK_LEN)
            );
        }
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in steps()) {
            run(steps);
        }
    }

    #[test]
    fn a_million_that_have_come_in_order_take_little_and_those_that_stay_no_more_than_twice_that() {
        let mut own = InOrder::default();
        for number in 0..1_000_000_u64 {
            own.push(number, ());
        }
        assert_eq!(own.blocks.len(), 1_000_000 / BLOCK_LEN);
        for number in (0..1_000_000).filter(|number| number % 100 != 0) {
            own.remove(number);
        }
        assert_eq!(own.len(), 10_000);
        assert!(own.blocks.len() <= 2 * 10_000 / BLOCK_LEN + 1);
    }
}
