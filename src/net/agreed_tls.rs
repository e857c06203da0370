//! What both ends of a connection under TLS agreed on, in four bytes for each of many clients.

use std::fmt;

use rustls::CipherSuite;
use rustls::CommonState;
use rustls::ProtocolVersion;

/// The version and the cipher suite; printed as `SHOW CLIENTS` and `SHOW SERVERS` do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgreedTls {
    version: ProtocolVersion,
    suite: CipherSuite,
}

impl AgreedTls {
    /// This version with this suite.
    pub const fn new(version: ProtocolVersion, suite: CipherSuite) -> Self {
        Self { version, suite }
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
        let version = known.iter().find(|(version, _)| *version == self.version);
        let version = version.map_or("TLS", |(_, name)| name);
        let suite = self.suite.as_str().unwrap_or("unknown");
        write!(formatter, "{version}/{suite}")
    }
}
