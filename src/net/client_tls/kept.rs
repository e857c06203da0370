//! What a connection must keep between two polls: most often nothing, and then it takes no room.

/// Bytes on their way, in either direction.
#[derive(Debug, Default)]
pub(super) struct Kept(Option<Box<Parts>>);

#[derive(Debug, Default)]
struct Parts {
    /// Records, or parts of one, of which nothing can be made before more comes.
    received: Vec<u8>,
    /// What the client has said and its reader had no room for.
    plaintext: Remainder,
    /// Records that the transport did not take.
    unsent: Remainder,
    /// Why there will be nothing more to read.
    error: Option<rustls::Error>,
}

impl Kept {
    pub(super) fn received(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |parts| &parts.received)
    }

    pub(super) fn received_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], |parts| &mut parts.received)
    }

    /// Keeps `rest` in place of what was received before.
    pub(super) fn replace_received(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            let received = &mut self.parts().received;
            received.clear();
            received.extend_from_slice(rest);
        } else if let Some(parts) = &mut self.0 {
            parts.received = Vec::new();
            self.clear_away();
        }
    }

    pub(super) fn plaintext(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |parts| parts.plaintext.bytes())
    }

    pub(super) fn append_plaintext(&mut self, more: &[u8]) {
        if !more.is_empty() {
            self.parts().plaintext.bytes.extend_from_slice(more);
        }
    }

    /// Puts `bytes` in front of what the client has said.
    pub(super) fn prepend_plaintext(&mut self, bytes: &[u8]) {
        let plaintext = &mut self.parts().plaintext;
        plaintext.bytes.drain(..plaintext.taken);
        plaintext.bytes.splice(..0, bytes.iter().copied());
        plaintext.taken = 0;
    }

    pub(super) fn take_plaintext(&mut self, count: usize) {
        self.take(|parts| &mut parts.plaintext, count);
    }

    pub(super) fn unsent(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |parts| parts.unsent.bytes())
    }

    pub(super) fn append_unsent(&mut self, more: &[u8]) {
        if !more.is_empty() {
            self.parts().unsent.bytes.extend_from_slice(more);
        }
    }

    /// Room for so many bytes behind what is unsent, to be written over.
    pub(super) fn extend_unsent(&mut self, count: usize) -> &mut [u8] {
        let bytes = &mut self.parts().unsent.bytes;
        let before = bytes.len();
        bytes.resize(before + count, 0);
        bytes.get_mut(before..).unwrap_or_default()
    }

    pub(super) fn take_unsent(&mut self, count: usize) {
        self.take(|parts| &mut parts.unsent, count);
    }

    /// Keeps why there will be nothing more to read.
    pub(super) fn fail(&mut self, error: rustls::Error) {
        self.parts().error = Some(error);
    }

    pub(super) fn error(&self) -> Option<&rustls::Error> {
        self.0.as_ref()?.error.as_ref()
    }

    pub(super) const fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    fn parts(&mut self) -> &mut Parts {
        self.0.get_or_insert_default()
    }

    fn take(&mut self, of: impl FnOnce(&mut Parts) -> &mut Remainder, count: usize) {
        if let Some(parts) = &mut self.0 {
            of(parts).take(count);
            self.clear_away();
        }
    }

    /// Gives the room back if nothing is left in it.
    fn clear_away(&mut self) {
        let is_empty = self.0.as_ref().is_some_and(|parts| {
            parts.received.is_empty()
                && parts.plaintext.bytes.is_empty()
                && parts.unsent.bytes.is_empty()
                && parts.error.is_none()
        });
        if is_empty {
            self.0 = None;
        }
    }
}

/// What is left of some bytes. `0 <= taken < bytes.len()`, or there are none.
#[derive(Debug, Default)]
struct Remainder {
    bytes: Vec<u8>,
    taken: usize,
}

impl Remainder {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) {
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
        let mut kept = Kept::default();
        kept.append_unsent(b"abc");
        kept.take_unsent(2);
        kept.extend_unsent(1).copy_from_slice(b"d");
        assert_eq!(kept.unsent(), b"cd");
        kept.append_plaintext(b"x");
        kept.take_unsent(2);
        assert_eq!((kept.unsent(), kept.plaintext()), (&b""[..], &b"x"[..]));
        assert!(!kept.is_nothing());
        kept.append_plaintext(b"yz");
        kept.take_plaintext(2);
        kept.prepend_plaintext(b"wx");
        assert_eq!(kept.plaintext(), b"wxz");
        kept.take_plaintext(3);
        assert!(kept.is_nothing());
    }

    #[test]
    fn what_was_received_is_kept_until_nothing_of_it_is() {
        let mut kept = Kept::default();
        kept.replace_received(b"");
        assert!(kept.is_nothing());
        kept.replace_received(b"abc");
        kept.replace_received(b"c");
        assert_eq!((kept.received(), kept.unsent()), (&b"c"[..], &b""[..]));
        kept.received_mut()[0] = b'd';
        assert_eq!(kept.received(), b"d");
        kept.replace_received(b"");
        assert!(kept.is_nothing());
    }
}
