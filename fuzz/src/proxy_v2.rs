//! PROXY v2 headers: the parser's promises, and `ppp` as the second opinion.
//!
//! The fuzzer cannot guess a checksum, so each input is also tried with its checksum corrected.

use std::net::SocketAddr;

use ppp::v2::Addresses;
use ppp::v2::Protocol;
use tidegate_proto::proxy::Command;
use tidegate_proto::proxy::Progress;
use tidegate_proto::proxy::ProxyError;
use tidegate_proto::proxy::Tlvs;
use tidegate_proto::proxy::Version;
use tidegate_proto::proxy::Versions;
use tidegate_proto::proxy::encode;
use tidegate_proto::proxy::parse;
use tidegate_proto::proxy::tlv::PP2_SUBTYPE_SSL_CIPHER;
use tidegate_proto::proxy::tlv::PP2_SUBTYPE_SSL_CN;
use tidegate_proto::proxy::tlv::PP2_SUBTYPE_SSL_GROUP;
use tidegate_proto::proxy::tlv::PP2_SUBTYPE_SSL_KEY_ALG;
use tidegate_proto::proxy::tlv::PP2_SUBTYPE_SSL_SIG_ALG;
use tidegate_proto::proxy::tlv::PP2_SUBTYPE_SSL_SIG_SCHEME;
use tidegate_proto::proxy::tlv::PP2_SUBTYPE_SSL_VERSION;
use tidegate_proto::proxy::tlv::PP2_TYPE_ALPN;
use tidegate_proto::proxy::tlv::PP2_TYPE_AUTHORITY;
use tidegate_proto::proxy::tlv::PP2_TYPE_AWS;
use tidegate_proto::proxy::tlv::PP2_TYPE_AZURE;
use tidegate_proto::proxy::tlv::PP2_TYPE_CRC32C;
use tidegate_proto::proxy::tlv::PP2_TYPE_GCP;
use tidegate_proto::proxy::tlv::PP2_TYPE_NETNS;
use tidegate_proto::proxy::tlv::PP2_TYPE_UNIQUE_ID;

use crate::naive_tlvs::NaiveTlvs;
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
                Command::Local => {
                    assert_eq!(data[12], 0x20);
                    let block_bytes = u16::from_be_bytes([data[14], data[15]]);
                    assert_eq!(*consumed, 16 + usize::from(block_bytes));
                },
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
                    check_round_trip(source, destination, &header.tlvs);
                },
            }
        },
        Err(error) => {
            if let Ok(theirs) = second_opinion {
                assert!(
                    is_stricter(*error, theirs.as_bytes()),
                    "ppp accepts what is refused with {error:?}"
                );
            }
        },
    }
}

/// What the encoder writes for these facts is read back as these facts.
fn check_round_trip(source: SocketAddr, destination: SocketAddr, tlvs: &Tlvs) {
    let mut encoder = encode::V2::proxy(source, destination).crc32c();
    for (kind, value) in [
        (PP2_TYPE_ALPN, tlvs.alpn.as_deref()),
        (
            PP2_TYPE_AUTHORITY,
            tlvs.authority.as_deref().map(str::as_bytes),
        ),
        (PP2_TYPE_UNIQUE_ID, tlvs.unique_id.as_deref()),
        (PP2_TYPE_NETNS, tlvs.netns.as_deref().map(str::as_bytes)),
    ] {
        if let Some(value) = value {
            encoder = encoder.tlv(kind, value);
        }
    }
    if let Some(ssl) = &tlvs.ssl {
        let texts: Vec<(u8, &[u8])> = [
            (PP2_SUBTYPE_SSL_VERSION, &ssl.version),
            (PP2_SUBTYPE_SSL_CN, &ssl.common_name),
            (PP2_SUBTYPE_SSL_CIPHER, &ssl.cipher),
            (PP2_SUBTYPE_SSL_SIG_ALG, &ssl.signature_algorithm),
            (PP2_SUBTYPE_SSL_KEY_ALG, &ssl.key_algorithm),
            (PP2_SUBTYPE_SSL_GROUP, &ssl.group),
            (PP2_SUBTYPE_SSL_SIG_SCHEME, &ssl.signature_scheme),
        ]
        .into_iter()
        .filter_map(|(kind, text)| Some((kind, text.as_deref()?.as_bytes())))
        .collect();
        encoder = encoder.ssl(ssl.client, ssl.verify, &texts);
    }
    if let Some(endpoint) = &tlvs.private_endpoint {
        encoder = encoder.private_endpoint(endpoint);
    }
    // With the checksum the header may have become longer than the limit.
    let Some(bytes) = encoder.finish() else {
        return;
    };
    let Ok(Progress::Header { header, consumed }) = parse(&bytes, Versions::V2) else {
        panic!("the encoder's header is not accepted");
    };
    assert_eq!(consumed, bytes.len());
    assert_eq!(
        header.command,
        Command::Proxy {
            source,
            destination
        }
    );
    assert_eq!(&header.tlvs, tlvs);
}

/// Whether `header`, which `ppp` accepts, has the flaw that `error` names: one `ppp` does not check.
fn is_stricter(error: ProxyError, header: &[u8]) -> bool {
    let tlvs = NaiveTlvs::of(header);
    let occurrences = |kind: u8| tlvs.all.iter().filter(|tlv| tlv.kind == kind).count();
    match error {
        ProxyError::HeaderTooLong { bytes } => bytes == header.len(),
        ProxyError::AddressFamily(family) => family == 3 && header[13] >> 4 == 3,
        ProxyError::Transport(transport) => transport == 2 && header[13] & 0x0F == 2,
        ProxyError::TlvOverrun => !tlvs.fill_the_header,
        ProxyError::TlvDuplicate(kind) => occurrences(kind) > 1,
        ProxyError::TlvLength(kind) | ProxyError::TlvText(kind) => occurrences(kind) > 0,
        ProxyError::TwoClouds => {
            let clouds = [PP2_TYPE_AWS, PP2_TYPE_AZURE, PP2_TYPE_GCP];
            clouds
                .into_iter()
                .filter(|cloud| occurrences(*cloud) > 0)
                .count()
                > 1
        },
        ProxyError::Checksum => with_correct_checksum(header) != header,
        _ => false,
    }
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

/// The same bytes with the value of the first checksum replaced by the right one, computed bit by
/// bit so that it does not rely on what is being tested.
fn with_correct_checksum(data: &[u8]) -> Vec<u8> {
    let header_bytes = 16 + usize::from(u16::from_be_bytes([data[14], data[15]]));
    let mut corrected = data.to_vec();
    let header = &mut corrected[..header_bytes];
    let value_offset = NaiveTlvs::of(header)
        .all
        .into_iter()
        .find(|tlv| tlv.kind == PP2_TYPE_CRC32C && !tlv.is_inner)
        .expect("a checksum that was compared")
        .value_offset;
    header[value_offset..value_offset + 4].fill(0);
    let checksum = crc32c(header);
    header[value_offset..value_offset + 4].copy_from_slice(&checksum.to_be_bytes());
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
