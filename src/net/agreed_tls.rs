//! What both ends of a connection under TLS agreed on, in four bytes for each of many clients.

use std::fmt;
use std::num::NonZeroU16;

use rustls::CipherSuite;
use rustls::CommonState;
use rustls::ProtocolVersion;

/// The version and the cipher suite; printed as `SHOW CLIENTS` and `SHOW SERVERS` do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgreedTls {
    /// As on the wire: rustls' own enumerations take twice as much. No version is 0.
    version: NonZeroU16,
    suite: u16,
}

const _: () = assert!(size_of::<Option<AgreedTls>>() == 4);

impl AgreedTls {
    /// This version with this suite.
    pub fn new(version: ProtocolVersion, suite: CipherSuite) -> Self {
        Self {
            version: NonZeroU16::new(version.into()).unwrap_or(NonZeroU16::MAX),
            suite: suite.into(),
        }
    }

    /// What was agreed on, once the handshake is over.
    pub(super) fn of(connection: &CommonState) -> Option<Self> {
        let suite = connection.negotiated_cipher_suite()?.suite();
        Some(Self::new(connection.protocol_version()?, suite))
    }
}

impl fmt::Display for AgreedTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = [
            (ProtocolVersion::TLSv1_2, "TLSv1.2"),
            (ProtocolVersion::TLSv1_3, "TLSv1.3"),
        ];
        let version = ProtocolVersion::from(self.version.get());
        let version = known.iter().find(|(known, _)| *known == version);
        let version = version.map_or("TLS", |(_, name)| name);
        let suite = CipherSuite::from(self.suite);
        let suite = suite.as_str().unwrap_or("unknown");
        write!(formatter, "{version}/{suite}")
    }
}
