//! The key that proves a `CancelRequest` comes from the session it wants to cancel. Never shown:
//! its `Debug` has its length only.

use std::fmt;

use crate::cursor::Cursor;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::limits::CANCEL_KEY_BYTES_MAX;
use crate::limits::CANCEL_KEY_BYTES_MIN;

/// 4 bytes up to protocol 3.0, and 4 to 256 from 3.2 on. It is opaque: nothing may be read out of
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CancelKey<'a> {
    /// `CANCEL_KEY_BYTES_MIN <= bytes.len() <= CANCEL_KEY_BYTES_MAX`.
    bytes: &'a [u8],
}

impl<'a> CancelKey<'a> {
    /// A key of these bytes; `None` if there are too few or too many.
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < CANCEL_KEY_BYTES_MIN || bytes.len() > CANCEL_KEY_BYTES_MAX {
            return None;
        }
        Some(Self { bytes })
    }

    /// The bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Takes everything up to the end of the body.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::TooShort`] or [`ViolationKind::TooLong`].
    pub(crate) fn decode(cursor: &mut Cursor<'a>) -> Result<Self, Violation> {
        let bytes = cursor.rest();
        Self::new(bytes).ok_or_else(|| {
            let length = saturated(bytes.len());
            let kind = if bytes.len() < CANCEL_KEY_BYTES_MIN {
                ViolationKind::TooShort {
                    length,
                    length_min: saturated(CANCEL_KEY_BYTES_MIN),
                }
            } else {
                ViolationKind::TooLong {
                    length,
                    length_max: saturated(CANCEL_KEY_BYTES_MAX),
                }
            };
            cursor.violation("key", kind)
        })
    }
}

impl fmt::Debug for CancelKey<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.bytes.len();
        formatter
            .debug_struct("CancelKey")
            .field("length", &length)
            .finish_non_exhaustive()
    }
}

fn saturated(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Sender;

    #[test]
    fn a_key_has_4_to_256_bytes() {
        let bytes = [0; 300];
        for length in 0..bytes.len() {
            let key = CancelKey::new(&bytes[..length]);
            assert_eq!(key.is_some(), (4..=256).contains(&length));
            let mut cursor = Cursor::new(Sender::Backend, "BackendKeyData", &bytes[..length]);
            assert_eq!(CancelKey::decode(&mut cursor).ok(), key);
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = CancelKey::new(b"canary").unwrap();
        assert_eq!(format!("{key:?}"), "CancelKey { length: 6, .. }");
    }
}
