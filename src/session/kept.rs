//! What of a server's bytes goes on to the client, moved together where something was taken out, or
//! put in.

use std::ops::Range;

/// What of a server's bytes goes to the client.
#[derive(Debug, Default)]
pub(super) struct ToClient {
    /// So many, from the front of the buffer.
    pub(super) bytes: usize,
    /// What follows them, where something was said in longer words.
    pub(super) rest: Vec<u8>,
}

/// The bytes that go on, moved together at the front of the buffer. As long as nothing was taken
/// out, nothing moves.
#[derive(Default)]
pub(super) struct Kept {
    end: usize,
    /// What follows, from something on that found no room.
    rest: Vec<u8>,
    /// What the next message is replaced with.
    pub(super) words: Vec<u8>,
}

impl From<Kept> for ToClient {
    fn from(kept: Kept) -> Self {
        Self {
            bytes: kept.end,
            rest: kept.rest,
        }
    }
}

impl Kept {
    /// Words between two messages, in front of the byte at `at`. There is room where something was
    /// taken out before it.
    pub(super) fn insert(&mut self, bytes: &mut [u8], at: usize, words: &[u8]) {
        let end = self.end + words.len();
        let place = bytes.get_mut(self.end..end);
        match place.filter(|_| self.rest.is_empty() && end <= at) {
            Some(place) => {
                place.copy_from_slice(words);
                self.end = end;
            },
            None => self.rest.extend_from_slice(words),
        }
    }

    /// Other words in place of a range.
    pub(super) fn replace(&mut self, bytes: &mut [u8], range: Range<usize>) {
        let words = std::mem::take(&mut self.words);
        let place = bytes.get_mut(range.start..range.start + words.len());
        match place.filter(|_| words.len() <= range.len()) {
            Some(place) => {
                place.copy_from_slice(&words);
                self.keep(bytes, range.start..range.start + words.len());
            },
            None => self.rest.extend_from_slice(&words),
        }
    }

    #[inline]
    pub(super) fn keep(&mut self, bytes: &mut [u8], range: Range<usize>) {
        if !self.rest.is_empty() {
            self.rest
                .extend_from_slice(bytes.get(range).unwrap_or_default());
            return;
        }
        let length = range.len();
        if range.start != self.end {
            bytes.copy_within(range, self.end);
        }
        self.end += length;
    }
}
