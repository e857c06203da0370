//! Buffers for what sessions hold back: lent while there is something in them, since a client that
//! says nothing holds none, and one that waits for a server should not need a new one each time.

use std::ops::Deref;

use crate::limits::SPARE_BUFFER_BYTES_MAX;
use crate::limits::SPARE_BUFFERS_COUNT_MAX;

/// What is held back, in order. It takes no more than a pointer while that is nothing.
#[derive(Debug, Default)]
pub struct Held(Option<Box<Buffer>>);

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
}

/// Buffers that nobody uses now.
#[derive(Debug, Default)]
pub struct SpareBuffers {
    #[expect(clippy::vec_box, reason = "they come and go as they are")]
    buffers: Vec<Box<Buffer>>,
}

impl Held {
    /// Nothing is held any more; the buffer stays.
    pub fn clear(&mut self) {
        if let Some(buffer) = &mut self.0 {
            buffer.bytes.clear();
        }
    }

    /// Other bytes in place of the first `count`, or of all if there are fewer.
    pub fn replace_front(&mut self, count: usize, bytes: &[u8]) {
        let held = &mut self.0.get_or_insert_default().bytes;
        let count = count.min(held.len());
        held.splice(..count, bytes.iter().copied());
    }
}

impl Deref for Held {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |buffer| &buffer.bytes)
    }
}

impl From<Vec<u8>> for Held {
    fn from(bytes: Vec<u8>) -> Self {
        Self((!bytes.is_empty()).then(|| Box::new(Buffer { bytes })))
    }
}

impl SpareBuffers {
    /// Appends to what is held, in a lent buffer if nothing was.
    #[inline]
    pub fn append(&mut self, held: &mut Held, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let lent = || self.buffers.pop().unwrap_or_default();
        let buffer = held.0.get_or_insert_with(lent);
        buffer.bytes.extend_from_slice(bytes);
    }

    /// Takes a buffer back; what is in it is lost. A large one, or one too many, is freed.
    #[inline]
    pub fn take_back(&mut self, held: Held) {
        let Some(mut buffer) = held.0 else {
            return;
        };
        let is_kept = buffer.bytes.capacity() <= SPARE_BUFFER_BYTES_MAX;
        if is_kept && self.buffers.len() < SPARE_BUFFERS_COUNT_MAX {
            buffer.bytes.clear();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_lent_again_and_a_large_one_is_not_kept() {
        let mut spare = SpareBuffers::default();
        let mut first = Held::default();
        spare.append(&mut first, b"");
        assert!(first.0.is_none());
        spare.append(&mut first, b"what waits");
        let at = first.as_ptr();
        spare.take_back(first);
        let mut second = Held::default();
        spare.append(&mut second, b"next");
        assert_eq!((second.as_ptr(), &*second), (at, &b"next"[..]));
        spare.append(&mut second, &vec![0; SPARE_BUFFER_BYTES_MAX + 1]);
        spare.take_back(second);
        assert!(spare.buffers.is_empty());
        for _ in 0..2 * SPARE_BUFFERS_COUNT_MAX {
            spare.take_back(Held::from(vec![0; 8]));
        }
        assert_eq!(spare.buffers.len(), SPARE_BUFFERS_COUNT_MAX);
    }

    #[test]
    fn what_stands_first_is_replaced_and_the_rest_stays_behind_it() {
        let mut held = Held::from(b"round behind".to_vec());
        held.replace_front(5, b"the same round");
        assert_eq!(&*held, b"the same round behind");
        held.replace_front(100, b"all");
        assert_eq!(&*held, b"all");
        let mut nothing = Held::default();
        nothing.replace_front(3, b"new");
        assert_eq!(&*nothing, b"new");
        nothing.clear();
        assert!(nothing.is_empty());
    }

    #[test]
    fn who_holds_nothing_takes_a_pointer() {
        assert_eq!(size_of::<Held>(), size_of::<usize>());
    }
}
