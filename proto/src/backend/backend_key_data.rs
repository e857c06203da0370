//! `BackendKeyData`: what a `CancelRequest` for this session must show.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::fields::CancelKey;
use crate::writer::Writer;

const NAME: &str = "BackendKeyData";

/// Comes once, after `AuthenticationOk`.
///
/// ```text
/// 'K'  length  process id (Int32)  key (4 bytes; from protocol 3.2 on, 4 to 256)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendKeyData<'a> {
    /// Names the session; unique within its server only.
    pub process_id: u32,
    /// Proves who may cancel it.
    pub key: CancelKey<'a>,
}

impl<'a> BackendKeyData<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the key has fewer than 4 or more than 256 bytes: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let process_id = cursor.u32("process id")?;
        let key = CancelKey::decode(&mut cursor)?;
        Ok(Self { process_id, key })
    }

    /// Appends the message. Before protocol 3.2 the key must have 4 bytes.
    ///
    /// # Errors
    ///
    /// None for a legal key.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Backend, NAME, tag::BACKEND_KEY_DATA)
            .u32(self.process_id)
            .bytes(self.key.as_bytes())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::round_trip;

    proptest! {
        #[test]
        fn a_key_comes_back_as_it_was_written(
            process_id: u32,
            key in proptest::collection::vec(any::<u8>(), 4..257),
        ) {
            let message = BackendKeyData { process_id, key: CancelKey::new(&key).unwrap() };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::BACKEND_KEY_DATA, &buffer);
            prop_assert_eq!(BackendKeyData::decode(body), Ok(message));
        }
    }

    #[test]
    fn a_key_that_is_too_short_or_too_long_is_refused() {
        let body = [0; 300];
        for length in 0..body.len() {
            let legal = (8..=260).contains(&length);
            assert_eq!(BackendKeyData::decode(&body[..length]).is_ok(), legal);
        }
    }
}
