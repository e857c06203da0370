//! `CancelRequest`: asks, on a connection of its own, to cancel what another session runs. It is
//! never answered.

use super::code;
use crate::error::EncodeError;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::fields::CancelKey;
use crate::limits::STARTUP_BYTES_MAX;
use crate::writer::Writer;

const NAME: &str = "CancelRequest";

/// Names a session and proves the right to cancel it.
///
/// ```text
/// length (Int32)   code (Int32) = 80877102 (1234.5678)   process id (Int32)   key (4 to 256 bytes)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelRequest<'a> {
    /// As in the session's `BackendKeyData`.
    pub process_id: u32,
    /// As in the session's `BackendKeyData`.
    pub key: CancelKey<'a>,
}

impl<'a> CancelRequest<'a> {
    /// Reads a whole message, from its length on.
    ///
    /// # Errors
    ///
    /// If it is another message, its length is not the number of bytes, or the key is too short or
    /// too long: the client's fault.
    pub fn decode(message: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = super::cursor(NAME, message)?;
        let code = cursor.u32("code")?;
        if code != code::CANCEL_REQUEST {
            let kind = ViolationKind::IllegalValue {
                value: i64::from(code),
            };
            return Err(cursor.violation("code", kind));
        }
        let process_id = cursor.u32("process id")?;
        let key = CancelKey::decode(&mut cursor)?;
        Ok(Self { process_id, key })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// None for a legal key.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::untagged(buffer, NAME, STARTUP_BYTES_MAX)
            .u32(code::CANCEL_REQUEST)
            .u32(self.process_id)
            .bytes(self.key.as_bytes())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Sender;
    use crate::startup::Request;

    proptest! {
        #[test]
        fn a_request_comes_back_as_it_was_written(
            process_id: u32,
            key in proptest::collection::vec(any::<u8>(), 4..257),
        ) {
            let message = CancelRequest { process_id, key: CancelKey::new(&key).unwrap() };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let request = Request::classify(&buffer).unwrap().unwrap();
            prop_assert_eq!(request.bytes(), buffer.len());
            prop_assert_eq!(CancelRequest::decode(&buffer), Ok(message));
            for cut in 0..buffer.len() {
                prop_assert!(CancelRequest::decode(&buffer[..cut]).is_err());
            }
            buffer.push(0);
            prop_assert!(CancelRequest::decode(&buffer).is_err());
        }
    }

    #[test]
    fn another_message_is_refused() {
        let violation = CancelRequest::decode(b"\0\0\0\x10\0\x03\0\0\0\0\0\x01keys").unwrap_err();
        assert_eq!(violation.field, "code");
        assert_eq!(violation.sender, Sender::Frontend);
    }
}
