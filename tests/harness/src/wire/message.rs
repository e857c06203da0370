//! One message of a server, whole and as it came.

use tidegate_proto::frame::FRAME_HEADER_BYTES;

use super::ServerReport;
use super::WireError;

/// One message. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        debug_assert!(bytes.len() >= FRAME_HEADER_BYTES, "a message has a header");
        Self { bytes }
    }

    /// What it is; see `tidegate_proto::backend::tag`.
    pub fn tag(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// What it says, without its header.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default()
    }

    /// All of it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What an `ErrorResponse` or a `NoticeResponse` says.
    ///
    /// # Errors
    /// [`WireError::Violation`] if it is none.
    pub fn report(&self) -> Result<ServerReport, WireError> {
        Ok(ServerReport::decode(self.body())?)
    }
}
