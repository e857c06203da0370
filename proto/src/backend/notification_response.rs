//! `NotificationResponse`: what another session said by NOTIFY.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "NotificationResponse";

/// Comes unasked to a session that listens, outside of transactions.
///
/// ```text
/// 'A'  length  process id (Int32)  channel (String)  payload (String)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotificationResponse<'a> {
    /// The session that notified.
    pub process_id: u32,
    /// On which channel.
    pub channel: &'a [u8],
    /// What it said; may be empty.
    pub payload: &'a [u8],
}

impl<'a> NotificationResponse<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a field is cut off or bytes follow the last one: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let process_id = cursor.u32("process id")?;
        let channel = cursor.cstr("channel")?;
        let payload = cursor.cstr("payload")?;
        cursor.finish()?;
        Ok(Self {
            process_id,
            channel,
            payload,
        })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If a string contains a zero byte or the whole is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Backend, NAME, tag::NOTIFICATION_RESPONSE)
            .u32(self.process_id)
            .cstr("channel", self.channel)
            .cstr("payload", self.payload)
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
        fn a_notification_comes_back_as_it_was_written(
            process_id: u32,
            channel in round_trip::string(),
            payload in round_trip::string(),
        ) {
            let message = NotificationResponse { process_id, channel: &channel, payload: &payload };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::NOTIFICATION_RESPONSE, &buffer);
            prop_assert_eq!(NotificationResponse::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| {
                NotificationResponse::decode(body).is_ok()
            });
        }
    }
}
