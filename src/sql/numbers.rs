//! Where whole numbers stand in a text whose tokens can be told without reading it.
//!
//! In a text without quotes, backslashes, dollars and letters beyond ASCII, digits that neither a name nor a
//! fraction goes on with are a token of their own, and with other digits in their place all other tokens
//! are the same. See "Constants",
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS>.

use std::ops::Range;

/// Whether a text, with the zero byte at its end, is such a one.
pub(super) fn can_be_told(body: &[u8]) -> bool {
    let ends_once = memchr::memchr(0, body).is_some_and(|end| end + 1 == body.len());
    ends_once
        && body.is_ascii()
        && memchr::memchr3(b'\'', b'"', b'\\', body).is_none()
        && memchr::memchr(b'$', body).is_none()
}

/// The places of the numbers in such a text, in order.
pub(super) fn of(body: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = body.get(at..)?;
            let start = at + rest.iter().position(u8::is_ascii_digit)?;
            let end = start + count_digits(body.get(start..)?);
            at = end;
            let before = start.checked_sub(1);
            let mut beside = [before, Some(end)].into_iter().flatten();
            if !beside.any(|place| body.get(place).copied().is_some_and(joins)) {
                return Some(start..end);
            }
        }
    })
}

/// How many digits a text begins with.
#[inline]
pub(super) fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether digits beside it are part of a longer token.
fn joins(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_digits_in_names_and_fractions() {
        let body = b"select a1, 23 from t_4 where b=5 and c<-67+8.9 and d=1e3 limit 10\0";
        assert!(can_be_told(body));
        let found: Vec<_> = of(body).map(|place| &body[place]).collect();
        assert_eq!(found, [&b"23"[..], b"5", b"67", b"10"]);
        assert_eq!(of(b"12\0").next(), Some(0..2));
        assert_eq!(of(b"select 0x1F, 1_000, 3.\0").count(), 0);
    }

    #[test]
    fn a_text_in_which_digits_may_mean_anything_is_told_from_others() {
        for body in [
            &b"select '5'\0"[..],
            b"select \"5\"\0",
            b"select $1\0",
            b"select \\5\0",
            b"select 5\xc3\xa4\0",
            b"select 5\0 6\0",
            b"select 5",
            b"",
        ] {
            assert!(!can_be_told(body), "{}", body.escape_ascii());
        }
    }
}
