//! Sets of words, each written in one text, and looked up by a hash that the compiler computes.

use super::eight::padded;

/// The words of a text, which are in lower case and apart by white space. There must be more slots
/// than words, and a power of two of them.
#[derive(Debug)]
pub(super) struct WordSet<const SLOTS: usize> {
    words: &'static str,
    /// Where a word is: its offset plus one, and its length in the lowest byte. 0 is none.
    slots: [u32; SLOTS],
}

impl<const SLOTS: usize> WordSet<SLOTS> {
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "evaluated by the compiler, which refuses what is out of bounds; texts are short"
    )]
    pub(super) const fn of(words: &'static str) -> Self {
        assert!(SLOTS.is_power_of_two() && words.len() < 1 << 23);
        let bytes = words.as_bytes();
        let mut slots = [0; SLOTS];
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            while at < bytes.len() && !bytes[at].is_ascii_whitespace() {
                at += 1;
            }
            if at > start {
                let (before, _) = bytes.split_at(at);
                let (_, word) = before.split_at(start);
                let mut slot = place(word, SLOTS);
                while slots[slot] != 0 {
                    slot = (slot + 1) % SLOTS;
                }
                slots[slot] = ((start as u32 + 1) << 8) | (at - start) as u32;
            }
            at += 1;
        }
        Self { words, slots }
    }

    /// Whether a word, which is in lower case, is one of them.
    #[inline]
    pub(super) fn has(&self, word: &[u8]) -> bool {
        let first = place(word, SLOTS);
        for step in 0..SLOTS {
            let slot = self.slots.get((first + step) % SLOTS).copied();
            match slot.unwrap_or_default() {
                0 => return false,
                slot if self.word(slot) == Some(word) => return true,
                _ => {},
            }
        }
        false
    }

    #[inline]
    fn word(&self, slot: u32) -> Option<&'static [u8]> {
        let start = (slot >> 8) as usize - 1;
        let bytes = (slot & 0xff) as usize;
        self.words.as_bytes().get(start..start + bytes)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.words.split_ascii_whitespace()
    }
}

/// The slot that a word is looked for in first. The ends of a word and its length tell enough: what is
/// alike is told apart behind it.
#[inline]
const fn place(word: &[u8], slots: usize) -> usize {
    let (first, last) = ends(word);
    // Odd, and half of its bits are set.
    let mixed =
        (first ^ last.rotate_left(27) ^ word.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize % slots
}

/// The first eight bytes and the last eight; or all of them, if there are fewer.
#[inline]
const fn ends(word: &[u8]) -> (u64, u64) {
    match (word.first_chunk(), word.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (padded(word), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_and_no_other() {
        static WORDS: WordSet<8> = WordSet::of("a  abc\nab_c\n pg_sleep z ");
        for word in ["a", "abc", "ab_c", "pg_sleep", "z"] {
            assert!(WORDS.has(word.as_bytes()), "{word}");
        }
        for word in ["", " ", "A", "ab", "abcd", "c", "pg_slee", "abc\nab_c"] {
            assert!(!WORDS.has(word.as_bytes()), "{word:?}");
        }
        assert_eq!(WORDS.iter().count(), 5);
    }
}
