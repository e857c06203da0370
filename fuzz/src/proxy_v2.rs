//! PROXY v2 headers: the parser's promises, and `ppp` as the second opinion.
//!
//! The fuzzer cannot guess a checksum, so each input is also tried with its checksum corrected.

use std::net::SocketAddr;

use ppp::v2::Addresses;
use ppp::v2::Protocol;
use ppp::v2::TypeLengthValues;
use tidegate_proto::proxy::Command;
use tidegate_proto::proxy::Progress;
use tidegate_proto::proxy::ProxyError;
use tidegate_proto::proxy::Version;
use tidegate_proto::proxy::Versions;
use tidegate_proto::proxy::tlv::PP2_TYPE_CRC32C;

use crate::proxy_header::check;

/// Checks one input.
///
/// # Panics
/// If a promise of the parser is broken, if it accepts what `ppp` reads otherwise, or if it
/// refuses what `ppp` accepts for no reason of its own.
pub fn run(data: &[u8]) {
    let answer = check(data, Versions::V2);
    compare(data, &answer);
    if answer == Err(ProxyError::Checksum) {
        let corrected = with_correct_checksum(data);
        let answer = check(&corrected, Versions::V2);
        assert_ne!(answer, Err(ProxyError::Checksum));
        compare(&corrected, &answer);
    }
}

fn compare(data: &[u8], answer: &Result<Progress, ProxyError>) {
    let second_opinion = ppp::v2::Header::try_from(data);
    match answer {
        Ok(Progress::NeedMore) => assert!(second_opinion.is_err()),
        Ok(Progress::Header { header, consumed }) => {
            assert_eq!(header.version, Version::V2);
            match header.command {
                // `ppp` refuses a LOCAL header for its family, which must be ignored.
                Command::Local => assert_eq!(data[12], 0x20),
                Command::Unknown => {
                    let theirs = second_opinion.expect("ppp accepts what the parser accepts");
                    assert_eq!(theirs.len(), *consumed);
                },
                Command::Proxy {
                    source,
                    destination,
                } => {
                    let theirs = second_opinion.expect("ppp accepts what the parser accepts");
                    assert_eq!(theirs.len(), *consumed);
                    assert_eq!(theirs.protocol, Protocol::Stream);
                    assert_eq!(addresses(theirs.addresses), Some((source, destination)));
                    assert!(theirs.tlvs().all(|tlv| tlv.is_ok()));
                },
            }
        },
        Err(error) => assert!(
            second_opinion.is_err() || is_stricter(*error),
            "ppp accepts what is refused with {error:?}"
        ),
    }
}

/// What `ppp` does not check, and therefore accepts.
fn is_stricter(error: ProxyError) -> bool {
    matches!(
        error,
        ProxyError::HeaderTooLong { .. }
            | ProxyError::AddressFamily(3)
            | ProxyError::Transport(2)
            | ProxyError::TlvOverrun
            | ProxyError::TlvDuplicate(_)
            | ProxyError::TlvLength(_)
            | ProxyError::TlvText(_)
            | ProxyError::TwoClouds
            | ProxyError::Checksum
    )
}

fn addresses(addresses: Addresses) -> Option<(SocketAddr, SocketAddr)> {
    let (source, destination) = match addresses {
        Addresses::IPv4(pair) => (
            SocketAddr::from((pair.source_address, pair.source_port)),
            SocketAddr::from((pair.destination_address, pair.destination_port)),
        ),
        Addresses::IPv6(pair) => (
            SocketAddr::from((pair.source_address, pair.source_port)),
            SocketAddr::from((pair.destination_address, pair.destination_port)),
        ),
        Addresses::Unspecified | Addresses::Unix(_) => return None,
    };
    let canonical =
        |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    Some((canonical(source), canonical(destination)))
}

/// The same header with the value of its checksum replaced by the right one, computed bit by bit
/// so that it does not rely on what is being tested.
fn with_correct_checksum(data: &[u8]) -> Vec<u8> {
    let header_bytes = 16 + usize::from(u16::from_be_bytes([data[14], data[15]]));
    let mut corrected = data.to_vec();
    let tlv_offset = match data[13] >> 4 {
        1 => 28,
        2 => 52,
        _ => 16,
    };
    let mut value_offset = tlv_offset;
    for tlv in TypeLengthValues::from(&data[tlv_offset..header_bytes]) {
        let tlv = tlv.expect("a checksum is only compared in well-formed TLVs");
        value_offset += 3;
        if tlv.kind == PP2_TYPE_CRC32C {
            corrected[value_offset..value_offset + 4].fill(0);
            let checksum = crc32c(&corrected[..header_bytes]);
            corrected[value_offset..value_offset + 4].copy_from_slice(&checksum.to_be_bytes());
            break;
        }
        value_offset += tlv.value.len();
    }
    corrected
}

/// CRC32C as RFC 3720 §12.1 defines it, one bit at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL_REVERSED: u32 = 0x82F6_3B78;
    let mut remainder = u32::MAX;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            let is_odd = remainder & 1 != 0;
            remainder >>= 1;
            if is_odd {
                remainder ^= POLYNOMIAL_REVERSED;
            }
        }
    }
    !remainder
}
