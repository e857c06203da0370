//! Random bytes from the operating system, drawn ahead: a login needs a few of them three times, and
//! asking costs more than the bytes.
//!
//! What is drawn ahead is a thread's own, and is overwritten as it is handed out: nothing that was
//! given to one client can be read afterwards to guess what another one got.

use std::cell::RefCell;

use zeroize::Zeroize as _;

/// How much is drawn at once, in bytes: what some logins need.
const AHEAD_BYTES: usize = 256;

struct Ahead {
    bytes: [u8; AHEAD_BYTES],
    /// Those in front of it were handed out. `0 <= taken <= bytes.len()`.
    taken: usize,
}

thread_local! {
    static AHEAD: RefCell<Ahead> = const {
        RefCell::new(Ahead {
            bytes: [0; AHEAD_BYTES],
            taken: AHEAD_BYTES,
        })
    };
}

/// Random bytes from the operating system's generator.
pub(super) fn random_bytes(bytes: &mut [u8]) {
    AHEAD.with_borrow_mut(|ahead| ahead.give(bytes));
}

impl Ahead {
    fn give(&mut self, bytes: &mut [u8]) {
        if bytes.len() > AHEAD_BYTES {
            return draw(bytes);
        }
        if AHEAD_BYTES - self.taken < bytes.len() {
            draw(&mut self.bytes);
            self.taken = 0;
        }
        let end = self.taken + bytes.len();
        let Some(given) = self.bytes.get_mut(self.taken..end) else {
            return draw(bytes);
        };
        bytes.copy_from_slice(given);
        given.zeroize();
        self.taken = end;
    }
}

#[expect(
    clippy::expect_used,
    reason = "start-up proved that the system gives random bytes; a key that is not random must not be given out"
)]
fn draw(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_handed_out_twice_and_none_are_left_behind() {
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let mut nonce = [0; 18];
            random_bytes(&mut nonce);
            assert!(seen.insert(nonce));
            AHEAD.with_borrow(|ahead| {
                assert!(ahead.bytes[..ahead.taken].iter().all(|byte| *byte == 0));
            });
        }
    }

    #[test]
    fn more_than_is_drawn_ahead_is_random_to_the_last_byte() {
        let mut bytes = [0; 2 * AHEAD_BYTES];
        random_bytes(&mut bytes);
        assert!(
            bytes
                .chunks(16)
                .all(|chunk| chunk.iter().any(|byte| *byte != 0))
        );
    }
}
