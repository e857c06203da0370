//! The shape of a text: what stays the same of it whatever values are written into it.
//!
//! Good enough to remember texts by. Two shapes that are taken for one cost a detour, never an
//! answer, so this is no lexer.

use std::hash::BuildHasher;
use std::hash::Hasher;

use foldhash::fast::FixedState;

/// A number that texts share which differ in literals and white space only.
pub fn shape(text: &[u8]) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    let mut rest = text.trim_ascii();
    let mut is_in_word = false;
    let mut before = 0;
    while let [first, after @ ..] = rest {
        let (mark, skipped) = match first {
            b'\'' => (b'\'', until(after, |byte| byte == b'\'') + 1),
            b'0'..=b'9' if !is_in_word => (b'0', until(after, |byte| !byte.is_ascii_digit())),
            byte if byte.is_ascii_whitespace() => {
                (b' ', until(after, |byte| !byte.is_ascii_whitespace()))
            },
            byte => (*byte, 0),
        };
        is_in_word = first.is_ascii_alphanumeric() || *first == b'_';
        // Two quotes within a literal are one of its letters.
        if mark != b'\'' || before != b'\'' {
            hasher.write_u8(mark);
        }
        before = mark;
        rest = after.get(skipped..).unwrap_or_default();
    }
    hasher.finish()
}

fn until(bytes: &[u8], is_end: impl Fn(u8) -> bool) -> usize {
    let end = bytes.iter().position(|byte| is_end(*byte));
    end.unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_white_space_do_not_change_it() {
        let one = shape(b"select f(1,  'a') from t2 where x = 10\n");
        assert_eq!(one, shape(b" select f(23, 'b''c')\tfrom t2 where x = 7"));
        for other in [
            "select g(1, 'a') from t2 where x = 10",
            "select f(1, 'a') from t3 where x = 10",
            "select f(1, a) from t2 where x = 10",
            "select f(1, 'a') from t2 where x = 10 and y",
            "select f(1, 'a",
            "",
        ] {
            assert_ne!(one, shape(other.as_bytes()), "{other}");
        }
    }
}
