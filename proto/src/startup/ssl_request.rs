//! `SSLRequest`: a client asks for TLS encryption before it says anything else.

use super::code;
use crate::limits::STARTUP_BYTES_MIN;

/// Answered by one byte, without a frame: [`SslRequest::ACCEPTED`] or [`SslRequest::REFUSED`]. It has
/// no body, so [`super::Request::classify`] reads all of it.
///
/// ```text
/// length (Int32) = 8   code (Int32) = 80877103 (1234.5679)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SslRequest;

impl SslRequest {
    /// The whole message.
    pub const BYTES: [u8; 8] = {
        let [a, b, c, d] = STARTUP_BYTES_MIN.to_be_bytes();
        let [e, f, g, h] = code::SSL_REQUEST.to_be_bytes();
        [a, b, c, d, e, f, g, h]
    };
    /// The answer: the handshake may begin. Nothing else may have been received before it, or it
    /// could have been injected (CVE-2021-23214), and the client must receive nothing but this.
    pub const ACCEPTED: u8 = b'S';
    /// The answer: no; the client may go on without.
    pub const REFUSED: u8 = b'N';
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::startup::Request;

    #[test]
    fn the_message_is_understood() {
        assert_eq!(
            Request::classify(&SslRequest::BYTES),
            Ok(Some(Request::Ssl))
        );
    }
}
