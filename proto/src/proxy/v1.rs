//! Decodes one complete PROXY v1 line.
//!
//! `PROXY TCP4 203.0.113.7 10.0.0.1 4711 5432\r\n`
//!
//! The addresses are left to `ppp`, which must only ever be given a line that framing has proven
//! complete: on partial input it takes legal lines for broken ones and broken ones for partial.
//! What `ppp` is too lenient about (signs in ports) or too strict about (many words after
//! `UNKNOWN`) is decided here.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, §2.1.

use std::net::SocketAddr;

use ppp::v1::Addresses;
use ppp::v1::BinaryParseError;
use ppp::v1::ParseError;

use crate::proxy::Command;
use crate::proxy::Header;
use crate::proxy::LinePart;
use crate::proxy::ProxyError;
use crate::proxy::Tlvs;
use crate::proxy::Version;
use crate::proxy::framing::V1_PREFIX;
use crate::proxy::header::canonical;

/// Decodes `line`, which framing has proven to be printable ASCII between `PROXY ` and the only
/// CRLF.
///
/// # Errors
/// [`ProxyError::LinePart`] or [`ProxyError::LineByte`]: the sender's fault.
pub(super) fn decode(line: &[u8]) -> Result<Header, ProxyError> {
    let command = match line.strip_prefix(V1_PREFIX) {
        Some([b'U', b'N', b'K', b'N', b'O', b'W', b'N', b'\r' | b' ', ..]) => Command::Unknown,
        _ => decode_addresses(line)?,
    };
    Ok(Header {
        version: Version::V1,
        command,
        tlvs: Tlvs::default(),
    })
}

fn decode_addresses(line: &[u8]) -> Result<Command, ProxyError> {
    // `u16::from_str` takes a plus sign; the grammar knows none, and no address has one either.
    if line.contains(&b'+') {
        return Err(ProxyError::LineByte);
    }
    let header = ppp::v1::Header::try_from(line).map_err(fact)?;
    let (source, destination) = match header.addresses {
        Addresses::Tcp4(pair) => (
            SocketAddr::from((pair.source_address, pair.source_port)),
            SocketAddr::from((pair.destination_address, pair.destination_port)),
        ),
        Addresses::Tcp6(pair) => (
            SocketAddr::from((pair.source_address, pair.source_port)),
            SocketAddr::from((pair.destination_address, pair.destination_port)),
        ),
        Addresses::Unknown => return Err(ProxyError::LinePart(LinePart::Protocol)),
    };
    Ok(Command::Proxy {
        source: canonical(source),
        destination: canonical(destination),
    })
}

/// Which part of the line `ppp` stumbled over. Its own texts are for partial input and are not
/// passed on.
fn fact(error: BinaryParseError) -> ProxyError {
    let error = match error {
        BinaryParseError::Parse(error) => error,
        BinaryParseError::InvalidUtf8(_) => return ProxyError::LineByte,
    };
    ProxyError::LinePart(match error {
        ParseError::InvalidPrefix
        | ParseError::MissingPrefix
        | ParseError::Partial
        | ParseError::MissingProtocol
        | ParseError::InvalidProtocol => LinePart::Protocol,
        ParseError::MissingSourceAddress | ParseError::InvalidSourceAddress(_) => {
            LinePart::SourceAddress
        },
        ParseError::MissingDestinationAddress | ParseError::InvalidDestinationAddress(_) => {
            LinePart::DestinationAddress
        },
        ParseError::MissingSourcePort | ParseError::InvalidSourcePort(_) => LinePart::SourcePort,
        ParseError::MissingDestinationPort | ParseError::InvalidDestinationPort(_) => {
            LinePart::DestinationPort
        },
        ParseError::MissingNewLine | ParseError::HeaderTooLong | ParseError::InvalidSuffix => {
            LinePart::End
        },
    })
}
