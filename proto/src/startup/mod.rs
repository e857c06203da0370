//! The messages that open a connection. They have no tag, and whoever sends them is unknown yet,
//! so they are small, read exactly, and answered as little as possible.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html>, section 54.2.1.

mod cancel_request;
mod code;
mod gssenc_request;
mod protocol_version;
mod replication;
mod request;
mod ssl_request;
mod startup_message;
mod switches;
#[cfg(test)]
mod tests;

pub use cancel_request::CancelRequest;
pub use gssenc_request::GssencRequest;
pub use protocol_version::ProtocolVersion;
pub use replication::Replication;
pub use request::Request;
pub use ssl_request::SslRequest;
pub use startup_message::StartupMessage;
pub use switches::Switch;
pub use switches::Switches;

use crate::cursor::Cursor;
use crate::error::Sender;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::limits::STARTUP_BYTES_MAX;

/// A cursor behind the length of a whole message, which must be as long as it says.
fn cursor<'a>(name: &'static str, message: &'a [u8]) -> Result<Cursor<'a>, Violation> {
    let mut cursor = Cursor::new(Sender::Frontend, name, message);
    let length = cursor.u32("length")?;
    if length > STARTUP_BYTES_MAX {
        let kind = ViolationKind::TooLong {
            length,
            length_max: STARTUP_BYTES_MAX,
        };
        return Err(cursor.violation("length", kind));
    }
    if length as usize != message.len() {
        let kind = ViolationKind::IllegalValue {
            value: i64::from(length),
        };
        return Err(cursor.violation("length", kind));
    }
    Ok(cursor)
}
