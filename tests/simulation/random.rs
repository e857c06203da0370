//! Random numbers from a seed: the only source of chance in the world.
//!
//! See splitmix64, <https://prng.di.unimi.it/splitmix64.c>.

use std::cell::Cell;

/// Random numbers from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Both ends included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.number() % (most - least + 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).unwrap()
    }

    /// True in so many of a thousand cases.
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        self.number() % 1000 < u64::from(per_mille)
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// An index, each as often as its weight says.
    pub(crate) fn weighted(&mut self, weights: &[u32]) -> usize {
        let sum: u32 = weights.iter().sum();
        let mut at = self.number() % u64::from(sum);
        for (index, weight) in weights.iter().enumerate() {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return index,
            }
        }
        weights.len() - 1
    }

    /// Another row of numbers, which depends on this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.number())
    }
}

thread_local! {
    static KEYS: Cell<u64> = const { Cell::new(0) };
}

/// What the pooler of this thread's world makes its keys of from now on.
pub(crate) fn seed_keys(seed: u64) {
    KEYS.set(seed);
}

/// Random bytes for the pooler of this thread's world.
pub(crate) fn keys(bytes: &mut [u8]) {
    let mut random = Random(KEYS.get());
    for byte in bytes {
        *byte = random.number().to_le_bytes()[0];
    }
    KEYS.set(random.number());
}
