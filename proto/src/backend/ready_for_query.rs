//! `ReadyForQuery`: a query or a pipeline is done; the one place where a server may change hands.

use super::TransactionStatus;
use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::error::ViolationKind;

const NAME: &str = "ReadyForQuery";

/// Answers `Query`, `Sync` and `FunctionCall`, after their other replies.
///
/// ```text
/// 'Z'  length  transaction status (Byte1)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyForQuery {
    /// Where the session stands.
    pub status: TransactionStatus,
}

impl ReadyForQuery {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If it is not one byte with a known status: the server's fault.
    pub fn decode(body: &[u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let byte = cursor.u8("transaction status")?;
        let Some(status) = TransactionStatus::from_byte(byte) else {
            let kind = ViolationKind::IllegalValue {
                value: i64::from(byte),
            };
            return Err(cursor.violation("transaction status", kind));
        };
        cursor.finish()?;
        Ok(Self { status })
    }

    /// The whole message.
    pub const fn to_bytes(self) -> [u8; 6] {
        [tag::READY_FOR_QUERY, 0, 0, 0, 5, self.status.as_byte()]
    }

    /// Appends the message.
    pub fn encode(self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.to_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round_trip;

    #[test]
    fn a_status_comes_back_as_it_was_written() {
        let statuses = [
            TransactionStatus::Idle,
            TransactionStatus::InTransaction,
            TransactionStatus::Failed,
        ];
        for status in statuses {
            let message = ReadyForQuery { status };
            let mut buffer = Vec::new();
            message.encode(&mut buffer);
            let body = round_trip::body(Sender::Backend, tag::READY_FOR_QUERY, &buffer);
            assert_eq!(ReadyForQuery::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| {
                ReadyForQuery::decode(body).is_ok()
            });
        }
    }

    #[test]
    fn a_status_that_does_not_exist_is_refused() {
        for byte in (0..=u8::MAX).filter(|byte| !b"ITE".contains(byte)) {
            let violation = ReadyForQuery::decode(&[byte]).unwrap_err();
            assert_eq!(
                violation.kind,
                ViolationKind::IllegalValue {
                    value: i64::from(byte)
                }
            );
        }
    }
}
