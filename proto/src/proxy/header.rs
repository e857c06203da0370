//! What a complete PROXY header says, whichever version said it.
//!
//! The addresses are canonical: an IPv4-mapped IPv6 address never leaves this module, so that no
//! list of networks can be passed by writing an address in another way.

use std::fmt;
use std::net::SocketAddr;

use crate::proxy::Tlvs;

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// The text line.
    V1,
    /// The binary header.
    V2,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// The versions a listener accepts. There is no value for "perhaps none": whether a header comes
/// is a matter of configuration and must never be guessed from the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Versions {
    /// Only the text line.
    V1,
    /// Only the binary header.
    V2,
    /// Either; their first bytes differ.
    V1AndV2,
}

impl Versions {
    /// Whether a header of `version` is acceptable.
    pub fn accept(self, version: Version) -> bool {
        match self {
            Self::V1 => version == Version::V1,
            Self::V2 => version == Version::V2,
            Self::V1AndV2 => true,
        }
    }
}

/// A decoded header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which form it had.
    pub version: Version,
    /// Whose connection this is.
    pub command: Command,
    /// What else the sender says; empty for v1 and for LOCAL.
    pub tlvs: Tlvs,
}

/// Whose connection the header introduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// The sender's own, usually a health check. It belongs to no client.
    Local,
    /// A client's.
    Proxy {
        /// Where the client is, in canonical form. It restricts; it must never grant anything.
        source: SocketAddr,
        /// Where the client connected to, in canonical form. One side may be IPv4 and the other
        /// IPv6: a sender writes such a pair as IPv6 with one mapped address.
        destination: SocketAddr,
    },
    /// Somebody's whose address the sender does not know (v1 `UNKNOWN`, v2 `UNSPEC`). A port for
    /// tenants must refuse it, for no list of networks could be applied.
    Unknown,
}

impl Command {
    /// The value of the `result` label in the counters of PROXY headers; these words are stable
    /// and distinct from those of [`ProxyError::label`](crate::proxy::ProxyError::label).
    pub fn label(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Proxy { .. } => "ok",
            Self::Unknown => "unknown",
        }
    }
}

/// The address with an IPv4-mapped IPv6 address written as the IPv4 address it stands for.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
