//! Nonces: the random text that makes every SCRAM exchange different.

use crate::limits::SCRAM_RAW_NONCE_BYTES;

use super::base64;
use super::error::Defect;

/// The random bytes of a nonce, drawn by the caller from the system's generator.
///
/// One nonce serves one exchange: a repeated one lets a recorded proof be replayed.
pub type RawNonce = [u8; SCRAM_RAW_NONCE_BYTES];

/// The text of `raw`, as it stands in a message.
pub(super) fn text(raw: &RawNonce) -> String {
    base64::encode(raw)
}

/// Puts the same text behind `out`.
pub(super) fn append(raw: &RawNonce, out: &mut Vec<u8>) {
    base64::append(raw, out);
}

/// Demands that `nonce` is what the grammar allows. Its length is bounded by the message's.
pub(super) fn check(nonce: &[u8]) -> Result<(), Defect> {
    let printable = nonce
        .iter()
        .all(|byte| byte.is_ascii_graphic() && *byte != b',');
    if nonce.is_empty() || !printable {
        return Err(Defect::Nonce);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_of_ours_is_a_legal_nonce() {
        for byte in 0..=u8::MAX {
            assert_eq!(
                check(text(&[byte; SCRAM_RAW_NONCE_BYTES]).as_bytes()),
                Ok(())
            );
        }
    }

    #[test]
    fn a_nonce_is_printable_and_not_empty() {
        assert_eq!(check(b"!~=azAZ09+/"), Ok(()));
        for nonce in [&b""[..], b"a b", b"a,b", b"a\0", b"\x7f", "ä".as_bytes()] {
            assert_eq!(check(nonce), Err(Defect::Nonce), "{nonce:?}");
        }
    }
}
