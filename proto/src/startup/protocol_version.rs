//! Versions of the protocol.

use std::fmt;

/// A version, as a startup message asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion {
    /// Versions that differ here have nothing in common.
    pub major: u16,
    /// Later ones add to earlier ones.
    pub minor: u16,
}

impl ProtocolVersion {
    /// What every client and server speaks.
    pub const V3_0: Self = Self { major: 3, minor: 0 };
    /// `PostgreSQL` 18: cancel keys of up to 256 bytes. (3.1 was never used.)
    pub const V3_2: Self = Self { major: 3, minor: 2 };
    /// The newest one that Tidegate speaks.
    pub const LATEST: Self = Self::V3_2;

    /// The version in a startup message or a `NegotiateProtocolVersion`.
    ///
    /// A number below 65,536 has no major version, and 3 is meant: only protocol 3 negotiates.
    pub const fn from_code(code: u32) -> Self {
        let [a, b, c, d] = code.to_be_bytes();
        let major = u16::from_be_bytes([a, b]);
        let minor = u16::from_be_bytes([c, d]);
        if major == 0 {
            Self { major: 3, minor }
        } else {
            Self { major, minor }
        }
    }

    /// The number on the wire.
    pub const fn code(self) -> u32 {
        let [a, b] = self.major.to_be_bytes();
        let [c, d] = self.minor.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The version that a conversation has if a client asks for this one: never above
    /// [`ProtocolVersion::LATEST`].
    #[must_use]
    pub fn negotiated(self) -> Self {
        self.min(Self::LATEST)
    }

    /// The length of a cancel key is not fixed at 4 bytes.
    pub fn has_long_cancel_keys(self) -> bool {
        self >= Self::V3_2
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_numbers_of_the_wire() {
        assert_eq!(ProtocolVersion::V3_0.code(), 196_608);
        assert_eq!(ProtocolVersion::V3_2.code(), 196_610);
        for version in [
            ProtocolVersion::V3_0,
            ProtocolVersion { major: 2, minor: 9 },
        ] {
            assert_eq!(ProtocolVersion::from_code(version.code()), version);
        }
        assert_eq!(ProtocolVersion::V3_2.to_string(), "3.2");
    }

    #[test]
    fn a_newer_minor_version_becomes_the_latest() {
        let asked = ProtocolVersion {
            major: 3,
            minor: 9_999,
        };
        assert_eq!(asked.negotiated(), ProtocolVersion::LATEST);
        assert_eq!(ProtocolVersion::V3_0.negotiated(), ProtocolVersion::V3_0);
        assert!(asked.has_long_cancel_keys());
        assert!(!ProtocolVersion { major: 3, minor: 1 }.has_long_cancel_keys());
    }
}
