//! Buffers for what sessions hold back: lent while there is something in them, since a client that
//! says nothing holds none, and one that waits for a server should not need a new one each time.

use crate::limits::SPARE_BUFFER_BYTES_MAX;
use crate::limits::SPARE_BUFFERS_COUNT_MAX;

/// Buffers that nobody uses now.
#[derive(Debug, Default)]
pub struct SpareBuffers(Vec<Vec<u8>>);

impl SpareBuffers {
    /// Appends to a buffer, a lent one if it has none yet.
    #[inline]
    pub fn append(&mut self, buffer: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if buffer.capacity() == 0
            && let Some(spare) = self.0.pop()
        {
            *buffer = spare;
        }
        buffer.extend_from_slice(bytes);
    }

    /// Takes a buffer back; what is in it is lost. A large one, or one too many, is freed.
    #[inline]
    pub fn take_back(&mut self, mut buffer: Vec<u8>) {
        let is_kept = (1..=SPARE_BUFFER_BYTES_MAX).contains(&buffer.capacity());
        if is_kept && self.0.len() < SPARE_BUFFERS_COUNT_MAX {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_lent_again_and_a_large_one_is_not_kept() {
        let mut spare = SpareBuffers::default();
        let mut first = Vec::new();
        spare.append(&mut first, b"");
        assert_eq!(first.capacity(), 0);
        spare.append(&mut first, b"what waits");
        let at = first.as_ptr();
        spare.take_back(first);
        let mut second = Vec::new();
        spare.append(&mut second, b"next");
        assert_eq!((second.as_ptr(), &*second), (at, &b"next"[..]));
        spare.append(&mut second, &vec![0; SPARE_BUFFER_BYTES_MAX + 1]);
        spare.take_back(second);
        for _ in 0..2 * SPARE_BUFFERS_COUNT_MAX {
            spare.take_back(vec![0; 8]);
        }
        assert_eq!(spare.0.len(), SPARE_BUFFERS_COUNT_MAX);
    }
}
