//! The last few tokens of a statement, so that a parenthesis can be told by what stands before it.

use super::eight::folded;
use super::eight::padded;
use crate::sql::lexer::WORD_BYTES;

/// How many tokens are kept: more than any question needs.
const KEPT: usize = 8;

/// A token as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing: the statement begins behind it.
    Start,
    /// A keyword or a name; its text is in lower case.
    Word,
    /// A name in double quotes; its text is as it was written.
    Name,
    /// A byte.
    Mark(u8),
    /// A number, a text, a parameter, `-` or `/`.
    Between,
}

/// The tokens, counted back from the last one, which is 0.
#[derive(Debug)]
pub(super) struct History {
    seen: [Seen; KEPT],
    texts: [[u8; WORD_BYTES]; KEPT],
    lengths: [usize; KEPT],
    last: usize,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            seen: [Seen::Start; KEPT],
            texts: [[0; WORD_BYTES]; KEPT],
            lengths: [0; KEPT],
            last: 0,
        }
    }

    /// A statement begins.
    pub(super) fn clear(&mut self) {
        self.seen = [Seen::Start; KEPT];
    }

    #[inline]
    pub(super) fn push_word(&mut self, word: &[u8]) {
        self.push(Seen::Word);
        let text = self.texts.get_mut(self.last % KEPT);
        let length = self.lengths.get_mut(self.last % KEPT);
        if let (Some(text), Some(length)) = (text, length) {
            *length = word.len().min(WORD_BYTES);
            copy_folded(text, word.get(..WORD_BYTES).unwrap_or(word));
        }
    }

    pub(super) fn push_name(&mut self, name: &[u8]) {
        self.push(Seen::Name);
        let text = self.texts.get_mut(self.last % KEPT);
        let length = self.lengths.get_mut(self.last % KEPT);
        if let (Some(text), Some(length)) = (text, length) {
            *length = name.len().min(WORD_BYTES);
            for (place, byte) in text.iter_mut().zip(name) {
                *place = *byte;
            }
        }
    }

    #[inline]
    pub(super) fn push(&mut self, seen: Seen) {
        self.last = (self.last + 1) % KEPT;
        if let Some(place) = self.seen.get_mut(self.last) {
            *place = seen;
        }
    }

    /// What the token was.
    #[inline]
    pub(super) fn seen(&self, back: usize) -> Seen {
        let place = self.seen.get(self.place(back)).copied();
        place.unwrap_or(Seen::Start)
    }

    /// The text of a word or a name; of no other token.
    #[inline]
    pub(super) fn text(&self, back: usize) -> &[u8] {
        let place = self.place(back);
        let length = self.lengths.get(place).copied().unwrap_or_default();
        let text = self.texts.get(place).and_then(|text| text.get(..length));
        text.unwrap_or_default()
    }

    /// Whether the token is this word.
    #[inline]
    pub(super) fn is_word(&self, back: usize, word: &str) -> bool {
        self.seen(back) == Seen::Word && self.text(back) == word.as_bytes()
    }

    /// Whether the token is this byte.
    #[inline]
    pub(super) fn is_mark(&self, back: usize, mark: u8) -> bool {
        self.seen(back) == Seen::Mark(mark)
    }

    #[inline]
    fn place(&self, back: usize) -> usize {
        (self.last + KEPT - back % KEPT) % KEPT
    }
}

/// Copies a word in lower case to where it has room. Most are short: two steps of eight bytes, which may
/// overlap, are quicker than one for each byte.
#[inline]
fn copy_folded(to: &mut [u8; WORD_BYTES], word: &[u8]) {
    let (places, _) = to.as_chunks_mut::<8>();
    let Some(last) = word.last_chunk() else {
        if let Some(place) = places.first_mut() {
            *place = folded(padded(word)).to_le_bytes();
        }
        return;
    };
    let (chunks, _) = word.as_chunks::<8>();
    for (place, chunk) in places.iter_mut().zip(chunks) {
        *place = folded(u64::from_le_bytes(*chunk)).to_le_bytes();
    }
    let place = to.get_mut(word.len() - last.len()..word.len());
    if let Some(place) = place {
        place.copy_from_slice(&folded(u64::from_le_bytes(*last)).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_every_length_are_kept_in_lower_case_and_cut_where_they_are_too_long() {
        let mut history = History::new();
        let long: Vec<u8> = (b' '..=0xff).chain([b'Z'; 3]).cycle().take(300).collect();
        for start in 0..200 {
            for length in 0..=70 {
                let word = &long[start..start + length];
                history.push_word(word);
                let kept = &word[..length.min(WORD_BYTES)];
                assert_eq!(history.text(0), kept.to_ascii_lowercase());
            }
        }
    }
}
