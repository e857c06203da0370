//! Strict base64, bounded before it is decoded.
//!
//! Strict means: the standard alphabet, padding where it belongs, no bits left over. One value has
//! one spelling, so a changed character is a changed value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// `bytes` as base64.
pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Puts `bytes` as base64 behind `out`.
pub(super) fn append(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + text_bytes(bytes.len()), 0);
    let room = out.get_mut(start..).unwrap_or_default();
    let written = STANDARD.encode_slice(bytes, room);
    debug_assert!(written.is_ok(), "the room is the length of the text");
}

/// How long the text of so many bytes is, padding included.
pub(super) const fn text_bytes(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

/// The bytes that `text` stands for, if they are 1 to `bytes_max`.
pub(super) fn decode(text: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    if text.len() > text_bytes(bytes_max) {
        return None;
    }
    let bytes = STANDARD.decode(text).ok()?;
    (!bytes.is_empty() && bytes.len() <= bytes_max).then_some(bytes)
}

/// The `N` bytes that `text` stands for, if it stands for exactly so many.
pub(super) fn decode_exactly<const N: usize>(text: &[u8]) -> Option<Zeroizing<[u8; N]>> {
    if text.len() != text_bytes(N) {
        return None;
    }
    let mut bytes = Zeroizing::new([0; N]);
    let count = STANDARD.decode_slice(text, bytes.as_mut_slice()).ok()?;
    (count == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(decode(b"YWI=", 2).as_deref(), Some(&b"ab"[..]));
        for text in [
            &b"YWI"[..],
            b"YWJ=",
            b"YWI==",
            b" YWI=",
            b"YWI=\n",
            b"YW-=",
            b"",
            b"====",
        ] {
            assert_eq!(decode(text, 64), None, "{text:?}");
        }
    }

    #[test]
    fn a_text_goes_behind_what_is_there() {
        for length in 0..9 {
            let bytes = vec![0xa5; length];
            let mut out = b"v=".to_vec();
            append(&bytes, &mut out);
            assert_eq!(out, format!("v={}", encode(&bytes)).as_bytes());
        }
    }

    #[test]
    fn the_length_is_held_against_the_limit() {
        assert_eq!(decode(b"YWJj", 3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(decode(b"YWJj", 2), None);
        assert_eq!(decode(&vec![b'A'; 1 << 20], 32), None);
        assert!(decode_exactly::<3>(b"YWJj").is_some());
        assert!(decode_exactly::<4>(b"YWJj").is_none());
        assert_eq!(*decode_exactly::<4>(b"YWJjZA==").unwrap(), *b"abcd");
        assert!(decode_exactly::<5>(b"YWJjZA==").is_none());
        assert!(decode_exactly::<4>(b"YWJjZGU=").is_none());
    }
}
