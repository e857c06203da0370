//! `PortalSuspended`: the row limit of an `Execute` was reached.

use super::tag;
use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::bodyless;

const NAME: &str = "PortalSuspended";

/// Comes in place of `CommandComplete`; another `Execute` goes on.
///
/// ```text
/// 's'  length
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortalSuspended;

impl PortalSuspended {
    /// The whole message.
    pub const BYTES: [u8; 5] = bodyless(tag::PORTAL_SUSPENDED);

    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If it is not empty: the server's fault.
    pub fn decode(body: &[u8]) -> Result<Self, Violation> {
        Cursor::new(Sender::Backend, NAME, body).finish()?;
        Ok(Self)
    }

    /// Appends the message.
    pub fn encode(self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&Self::BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round_trip;

    #[test]
    fn a_portal_suspended_comes_back_as_it_was_written() {
        let mut buffer = Vec::new();
        PortalSuspended.encode(&mut buffer);
        let body = round_trip::body(Sender::Backend, tag::PORTAL_SUSPENDED, &buffer);
        assert_eq!(PortalSuspended::decode(body), Ok(PortalSuspended));
        round_trip::only_the_whole_is_accepted(body, |body| PortalSuspended::decode(body).is_ok());
    }
}
