//! Random numbers from a seed: splitmix64, <https://prng.di.unimi.it/splitmix64.c>.

/// Random numbers from a seed: the only source of chance in the tests that have one.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The row of numbers of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.number() % (most - least + 1)
    }

    /// A count of things; both ends included.
    pub fn count(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// An index of something that has so many.
    pub fn below(&mut self, end: usize) -> usize {
        // It is below a `usize`, and so is one.
        usize::try_from(self.number() % end as u64).unwrap_or_default()
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.number() % 1000 < u64::from(per_mille)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.number() % 100 < u64::from(percent)
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    #[expect(
        clippy::indexing_slicing,
        reason = "nobody can choose where nothing is to be chosen"
    )]
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// An index, each as often as its weight says.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
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
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_made_as_often_as_its_weight_says() {
        let mut random = Random::new(1);
        let mut counts = [0; 3];
        for _ in 0..1000 {
            counts[random.weighted(&[1, 0, 3])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!(counts[0] > 150 && counts[0] < 350, "{counts:?}");
    }

    #[test]
    fn both_ends_of_a_range_are_met() {
        let mut random = Random::new(2);
        let met: std::collections::BTreeSet<_> = (0..100).map(|_| random.between(3, 5)).collect();
        assert_eq!(met.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
    }
}
