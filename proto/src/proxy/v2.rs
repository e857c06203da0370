//! Decodes one complete PROXY v2 header.
//!
//! ```text
//! 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A   signature
//! 2c                                    version 2, command: 0 LOCAL, 1 PROXY
//! ft                                    family: 0 UNSPEC, 1 INET, 2 INET6, 3 UNIX
//!                                       transport: 0 UNSPEC, 1 STREAM, 2 DGRAM
//! nn nn                                 bytes that follow: addresses, then TLVs
//! ```
//!
//! The addresses are left to `ppp`, which must only ever be given an exact slice. What it does not
//! check (transport, families that TCP cannot have, a LOCAL header's right to an unknown family,
//! the checksum) is decided here and in [`tlv`](super::tlv).
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, §2.2.

use std::net::SocketAddr;

use ppp::v2::Addresses;

use crate::limits::PROXY_V2_FIXED_BYTES;
use crate::proxy::Command;
use crate::proxy::Header;
use crate::proxy::ProxyError;
use crate::proxy::Tlvs;
use crate::proxy::Version;
use crate::proxy::header::canonical;

/// Decodes `header`, which framing has proven to be exactly the fixed part of version 2 and the
/// block it announces.
///
/// # Errors
/// [`ProxyError`]: the sender's fault.
pub(super) fn decode(header: &[u8]) -> Result<Header, ProxyError> {
    let Some(([.., version_and_command, family_and_transport, _, _], block)) =
        header.split_first_chunk::<PROXY_V2_FIXED_BYTES>()
    else {
        return Err(ProxyError::NotProxy);
    };
    let (command, tlvs) = match version_and_command & 0x0F {
        // The block of a LOCAL header is discarded unread, "including the family".
        0 => (Command::Local, Tlvs::default()),
        1 => {
            let address_bytes = address_bytes(*family_and_transport)?;
            if block.len() < address_bytes {
                return Err(ProxyError::AddressesTruncated);
            }
            let tlvs = Tlvs::decode(header, PROXY_V2_FIXED_BYTES + address_bytes)?;
            (decode_addresses(header, *family_and_transport)?, tlvs)
        },
        command => return Err(ProxyError::UnknownCommand(command)),
    };
    Ok(Header {
        version: Version::V2,
        command,
        tlvs,
    })
}

/// The length of the address block in bytes, for the families and transports a TCP connection can
/// have, and for those the sender did not specify.
fn address_bytes(family_and_transport: u8) -> Result<usize, ProxyError> {
    match family_and_transport & 0x0F {
        0 | 1 => {},
        transport => return Err(ProxyError::Transport(transport)),
    }
    match family_and_transport >> 4 {
        0 => Ok(0),
        1 => Ok(12),
        2 => Ok(36),
        family => Err(ProxyError::AddressFamily(family)),
    }
}

fn decode_addresses(header: &[u8], family_and_transport: u8) -> Result<Command, ProxyError> {
    // Addresses of an unspecified transport must be ignored, whatever the family says.
    let transport = family_and_transport & 0x0F;
    if transport == 0 {
        return Ok(Command::Unknown);
    }
    let Ok(header) = ppp::v2::Header::try_from(header) else {
        return Err(ProxyError::AddressesTruncated);
    };
    let (source, destination) = match header.addresses {
        Addresses::IPv4(pair) => (
            SocketAddr::from((pair.source_address, pair.source_port)),
            SocketAddr::from((pair.destination_address, pair.destination_port)),
        ),
        Addresses::IPv6(pair) => (
            SocketAddr::from((pair.source_address, pair.source_port)),
            SocketAddr::from((pair.destination_address, pair.destination_port)),
        ),
        Addresses::Unspecified | Addresses::Unix(_) => return Ok(Command::Unknown),
    };
    Ok(Command::Proxy {
        source: canonical(source),
        destination: canonical(destination),
    })
}
