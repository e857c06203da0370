//! Bytes that wait for their turn, and take no room while there are none.

/// What is left of some bytes. `0 <= taken < bytes.len()`, or there are none.
#[derive(Debug, Default)]
pub(super) struct Remainder {
    bytes: Vec<u8>,
    taken: usize,
}

impl Remainder {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is left.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Puts more behind it.
    pub(super) fn append(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
    }

    /// Puts so many zeros behind it, to be written over.
    pub(super) fn extend(&mut self, count: usize) -> &mut [u8] {
        let before = self.bytes.len();
        self.bytes.resize(before + count, 0);
        self.bytes.get_mut(before..).unwrap_or_default()
    }

    /// Takes so many bytes from its front; the room goes with the last of them.
    pub(super) fn take(&mut self, count: usize) {
        self.taken += count;
        debug_assert!(
            self.taken <= self.bytes.len(),
            "more is taken than there is"
        );
        if self.taken >= self.bytes.len() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_their_order_and_their_room_with_the_last() {
        let mut remainder = Remainder::default();
        remainder.append(b"abc");
        remainder.take(2);
        remainder.extend(1).copy_from_slice(b"d");
        assert_eq!(remainder.bytes(), b"cd");
        assert!(!remainder.is_empty());
        remainder.take(2);
        assert!(remainder.is_empty());
        assert_eq!(remainder.bytes.capacity(), 0);
    }
}
