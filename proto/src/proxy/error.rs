//! What can be wrong with a PROXY header: facts, and the label under which each is counted.
//!
//! No variant holds bytes of the header, so nothing a sender writes can reach a log through
//! [`Display`](std::fmt::Display).

use crate::fault::Fault;
use crate::limits::PROXY_HEADER_BYTES_MAX;
use crate::limits::PROXY_V1_BYTES_MAX;
use crate::proxy::Version;

/// Why the bytes are not a PROXY header that this listener accepts. Every variant is final: more
/// bytes cannot mend it, and the connection is closed without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProxyError {
    /// The first bytes are neither `PROXY ` nor the v2 signature.
    #[error("the connection does not begin with a PROXY header")]
    NotProxy,
    /// A header of a version that this listener was not configured for.
    #[error("a PROXY {0} header came to a listener that does not accept that version")]
    VersionNotAccepted(Version),
    /// No CRLF within the longest legal v1 line.
    #[error("the PROXY v1 line is longer than {PROXY_V1_BYTES_MAX} bytes")]
    LineTooLong,
    /// A control character, a CR without LF, an LF without CR, or a byte outside ASCII.
    #[error("the PROXY v1 line contains a byte that does not belong there")]
    LineByte,
    /// A part of the v1 line is missing or is not what the grammar asks for.
    #[error("the {0} of the PROXY v1 line is malformed")]
    LinePart(LinePart),
    /// The version nibble after the v2 signature is not 2.
    #[error("PROXY binary header of version {0}")]
    UnknownVersion(u8),
    /// The v2 length field announces more than this implementation reads.
    #[error("PROXY v2 header of {bytes} bytes exceeds {PROXY_HEADER_BYTES_MAX}")]
    HeaderTooLong {
        /// The length of the whole header, its fixed part included.
        bytes: usize,
    },
    /// A command other than LOCAL and PROXY.
    #[error("unknown PROXY v2 command {0}")]
    UnknownCommand(u8),
    /// `AF_UNIX`, or a family that the specification does not know.
    #[error("PROXY v2 address family {0} cannot belong to a TCP connection")]
    AddressFamily(u8),
    /// DGRAM, or a transport that the specification does not know.
    #[error("PROXY v2 transport {0} cannot belong to a TCP connection")]
    Transport(u8),
    /// The announced length cannot hold the addresses of the family.
    #[error("the PROXY v2 header is too short for its addresses")]
    AddressesTruncated,
    /// A TLV reaches past the end of the header (or of the TLV it lies in), or 1 or 2 bytes are
    /// left over after the last.
    #[error("the TLVs of the PROXY v2 header do not fill it exactly")]
    TlvOverrun,
    /// A type that may appear once appears again: two readers could take different ones.
    #[error("PROXY v2 TLV type 0x{0:02X} appears twice")]
    TlvDuplicate(u8),
    /// A value of a length that its type does not allow.
    #[error("PROXY v2 TLV type 0x{0:02X} has a value of an illegal length")]
    TlvLength(u8),
    /// A value that is not the kind of text its type stands for.
    #[error("PROXY v2 TLV type 0x{0:02X} has a value with illegal characters")]
    TlvText(u8),
    /// Private-endpoint ids of two clouds: nobody can be behind both.
    #[error("the PROXY v2 header names private endpoints of two clouds")]
    TwoClouds,
    /// The checksum is not that of the header.
    #[error("the CRC32C of the PROXY v2 header is wrong")]
    Checksum,
}

/// The parts of a v1 line, by the words of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinePart {
    /// `TCP4`, `TCP6` or `UNKNOWN`.
    Protocol,
    /// The first address.
    SourceAddress,
    /// The second address.
    DestinationAddress,
    /// The first port.
    SourcePort,
    /// The second port.
    DestinationPort,
    /// What stands between the second port and CRLF: nothing may.
    End,
}

impl std::fmt::Display for LinePart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Protocol => "protocol",
            Self::SourceAddress => "source address",
            Self::DestinationAddress => "destination address",
            Self::SourcePort => "source port",
            Self::DestinationPort => "destination port",
            Self::End => "end",
        })
    }
}

impl ProxyError {
    /// Always the sender: the load balancer, or whoever speaks in its place.
    pub fn fault(&self) -> Fault {
        Fault::Client
    }

    /// The value of the `result` label in the counters of PROXY headers; these words are stable.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotProxy => "not_proxy",
            Self::VersionNotAccepted(_) => "wrong_version",
            Self::LineTooLong | Self::HeaderTooLong { .. } => "too_long",
            Self::Checksum => "crc",
            Self::LineByte
            | Self::LinePart(_)
            | Self::UnknownVersion(_)
            | Self::UnknownCommand(_)
            | Self::AddressFamily(_)
            | Self::Transport(_)
            | Self::AddressesTruncated
            | Self::TlvOverrun
            | Self::TlvDuplicate(_)
            | Self::TlvLength(_)
            | Self::TlvText(_)
            | Self::TwoClouds => "bad",
        }
    }
}
