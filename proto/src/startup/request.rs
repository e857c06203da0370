//! What a connection opens with. The first eight bytes tell: nothing beyond them is looked at, so
//! that bytes which must wait for a TLS handshake are never even read as if they were meant.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html>, "Start-up" and "SSL Session
//! Encryption".

use super::ProtocolVersion;
use super::code;
use crate::error::Sender;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::limits::CANCEL_REQUEST_BYTES_MAX;
use crate::limits::CANCEL_REQUEST_BYTES_MIN;
use crate::limits::STARTUP_BYTES_MAX;
use crate::limits::STARTUP_BYTES_MIN;

/// The first byte of a TLS record with a handshake. No startup message begins with it: it would be
/// 369 megabytes long.
const TLS_HANDSHAKE: u8 = 0x16;

/// The first message of a connection, or the next one after a refused request for encryption.
///
/// ```text
/// bytes 0..4 length (Int32)   4..8 version or code (Int32)   8..length the rest
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A TLS handshake without an `SSLRequest` before it: these bytes belong to TLS.
    DirectTls,
    /// [`super::SslRequest`], whole: 8 bytes.
    Ssl,
    /// [`super::GssencRequest`], whole: 8 bytes.
    Gssenc,
    /// [`super::CancelRequest`].
    Cancel {
        /// Bytes of the whole message.
        length: u32,
    },
    /// [`super::StartupMessage`] of protocol 3.
    Startup {
        /// The version asked for; its minor version may be newer than any known.
        version: ProtocolVersion,
        /// Bytes of the whole message.
        length: u32,
    },
    /// Another protocol, or a code that nobody knows. A server answers `0A000` and closes.
    Unsupported {
        /// What stands where the version should.
        version: ProtocolVersion,
    },
}

impl Request {
    /// Reads the first bytes of a connection; `None` if more are needed to tell.
    ///
    /// An illegal length is refused when its four bytes are there.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::TooShort`] or [`ViolationKind::TooLong`] for a length that the kind of
    /// message cannot have: the client's fault. Whatever sent it may not speak the protocol at all
    /// (a PROXY header announces itself as over a gigabyte), so it gets no answer.
    pub fn classify(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        if bytes.first() == Some(&TLS_HANDSHAKE) {
            return Ok(Some(Self::DirectTls));
        }
        let Some((length, rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length);
        check(length, STARTUP_BYTES_MIN, STARTUP_BYTES_MAX)?;
        let Some(code) = rest.first_chunk() else {
            return Ok(None);
        };
        Self::of(u32::from_be_bytes(*code), length).map(Some)
    }

    /// Bytes of the whole message; 0 if they are not ours to read.
    pub const fn bytes(self) -> usize {
        match self {
            Self::DirectTls | Self::Unsupported { .. } => 0,
            Self::Ssl | Self::Gssenc => STARTUP_BYTES_MIN as usize,
            Self::Cancel { length } | Self::Startup { length, .. } => length as usize,
        }
    }

    fn of(code: u32, length: u32) -> Result<Self, Violation> {
        match code {
            code::SSL_REQUEST => {
                check(length, STARTUP_BYTES_MIN, STARTUP_BYTES_MIN)?;
                Ok(Self::Ssl)
            },
            code::GSSENC_REQUEST => {
                check(length, STARTUP_BYTES_MIN, STARTUP_BYTES_MIN)?;
                Ok(Self::Gssenc)
            },
            code::CANCEL_REQUEST => {
                check(length, CANCEL_REQUEST_BYTES_MIN, CANCEL_REQUEST_BYTES_MAX)?;
                Ok(Self::Cancel { length })
            },
            _ => {
                let [a, b, c, d] = code.to_be_bytes();
                let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                let version = ProtocolVersion { major, minor };
                Ok(if version.major == ProtocolVersion::LATEST.major {
                    Self::Startup { version, length }
                } else {
                    Self::Unsupported { version }
                })
            },
        }
    }
}

const _: () = assert!(STARTUP_BYTES_MAX < u32::from_be_bytes([TLS_HANDSHAKE, 0, 0, 0]));

fn check(length: u32, length_min: u32, length_max: u32) -> Result<(), Violation> {
    let kind = if length < length_min {
        ViolationKind::TooShort { length, length_min }
    } else if length > length_max {
        ViolationKind::TooLong { length, length_max }
    } else {
        return Ok(());
    };
    let message = "startup request";
    Err(Violation {
        sender: Sender::Frontend,
        message,
        field: "length",
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(length: u32, code: u32) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes[4..].copy_from_slice(&code.to_be_bytes());
        bytes
    }

    fn classify(length: u32, code: u32) -> Result<Option<Request>, Violation> {
        Request::classify(&opening(length, code))
    }

    #[test]
    fn the_first_eight_bytes_tell_what_it_is() {
        let startup = |minor, length| {
            let version = ProtocolVersion { major: 3, minor };
            Ok(Some(Request::Startup { version, length }))
        };
        assert_eq!(classify(8, code::SSL_REQUEST), Ok(Some(Request::Ssl)));
        assert_eq!(classify(8, code::GSSENC_REQUEST), Ok(Some(Request::Gssenc)));
        for length in [16, 44, 268] {
            let expected = Ok(Some(Request::Cancel { length }));
            assert_eq!(classify(length, code::CANCEL_REQUEST), expected);
        }
        assert_eq!(classify(8, 196_608), startup(0, 8));
        assert_eq!(classify(10_004, 196_610), startup(2, 10_004));
        assert_eq!(classify(100, 0x0003_270f), startup(9_999, 100));
        assert_eq!(Request::classify(&[0x16]), Ok(Some(Request::DirectTls)));
        for code in [
            0,
            2 << 16,
            4 << 16,
            code::SSL_REQUEST - 2,
            code::GSSENC_REQUEST + 1,
        ] {
            let request = classify(8, code).unwrap().unwrap();
            let Request::Unsupported { version } = request else {
                panic!("{request:?}")
            };
            assert_eq!(
                (u32::from(version.major) << 16) + u32::from(version.minor),
                code
            );
        }
    }

    #[test]
    fn fewer_bytes_need_more() {
        let bytes = opening(8, code::SSL_REQUEST);
        for cut in 0..bytes.len() {
            assert_eq!(Request::classify(&bytes[..cut]), Ok(None));
        }
    }

    #[test]
    fn what_follows_is_not_looked_at() {
        let bytes = [&opening(8, code::SSL_REQUEST)[..], b"anything"].concat();
        let request = Request::classify(&bytes).unwrap().unwrap();
        assert_eq!((request, request.bytes()), (Request::Ssl, 8));
    }

    #[test]
    fn a_length_that_cannot_be_is_refused_before_the_code_arrives() {
        for length in [0, 1, 3, 4, 5, 7, 10_005, (1 << 31) - 1, 1 << 31, u32::MAX] {
            // A length that begins like a TLS record is one.
            assert_ne!(length.to_be_bytes()[0], TLS_HANDSHAKE);
            for bytes in [&opening(length, 196_608)[..], &length.to_be_bytes()] {
                let violation = Request::classify(bytes).unwrap_err();
                assert_eq!(
                    (violation.sender, violation.field),
                    (Sender::Frontend, "length")
                );
            }
        }
    }

    #[test]
    fn a_request_has_exactly_its_length() {
        for code in [code::SSL_REQUEST, code::GSSENC_REQUEST] {
            classify(9, code).unwrap_err();
            classify(10_004, code).unwrap_err();
        }
        for length in [8, 12, 15, 269, 10_004] {
            classify(length, code::CANCEL_REQUEST).unwrap_err();
        }
    }

    #[test]
    fn a_proxy_header_is_not_a_startup_message() {
        Request::classify(b"PROXY TCP4 1").unwrap_err();
        Request::classify(b"\r\n\r\n\0\r\nQUIT\n").unwrap_err();
    }

    #[test]
    fn other_protocols_are_not_startup_messages() {
        for bytes in [
            &b"GET / HTTP/1.1"[..],
            b"SSH-2.0-",
            b"Q\0\0\0\x0dselect 1\0",
            b"p\0\0\0\x05\0",
        ] {
            Request::classify(bytes).unwrap_err();
        }
    }
}
