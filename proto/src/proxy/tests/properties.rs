//! What holds for any header and any bytes, over random ones.

use std::net::IpAddr;
use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::tlv::*;
use super::*;
use crate::limits::PROXY_HEADER_BYTES_MAX;

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
}

fn endpoint() -> impl Strategy<Value = PrivateEndpoint> {
    let id = prop_oneof![
        "[A-Za-z0-9-]{1,64}".prop_map(|id| (Cloud::Aws, id)),
        any::<u32>().prop_map(|id| (Cloud::Azure, id.to_string())),
        any::<u64>().prop_map(|id| (Cloud::Gcp, id.to_string())),
    ];
    id.prop_map(|(cloud, id)| PrivateEndpoint::new(cloud, &id).expect("a legal id"))
}

fn tlvs() -> impl Strategy<Value = Tlvs> {
    (
        option::of(vec(any::<u8>(), 1..256)),
        option::of("[a-z0-9_-]{1,63}(\\.[a-z0-9_-]{1,63}){0,2}"),
        option::of(vec(any::<u8>(), 0..129)),
        option::of((any::<u8>(), any::<u32>(), option::of("\\PC{1,60}"))),
        option::of("[!-~]{1,255}"),
        option::of(endpoint()),
    )
        .prop_map(
            |(alpn, authority, unique_id, ssl, netns, private_endpoint)| Tlvs {
                alpn: alpn.map(Into::into),
                authority: authority.map(Into::into),
                unique_id: unique_id.map(Into::into),
                ssl: ssl.map(|(client, verify, common_name)| {
                    Box::new(Ssl {
                        client,
                        verify,
                        common_name: common_name.map(Into::into),
                        ..Ssl::default()
                    })
                }),
                netns: netns.map(Into::into),
                private_endpoint,
            },
        )
}

fn append(mut header: encode::V2, tlvs: &Tlvs) -> encode::V2 {
    if let Some(alpn) = &tlvs.alpn {
        header = header.tlv(PP2_TYPE_ALPN, alpn);
    }
    if let Some(authority) = &tlvs.authority {
        header = header.tlv(PP2_TYPE_AUTHORITY, authority.as_bytes());
    }
    if let Some(unique_id) = &tlvs.unique_id {
        header = header.tlv(PP2_TYPE_UNIQUE_ID, unique_id);
    }
    if let Some(ssl) = &tlvs.ssl {
        let common_name = ssl
            .common_name
            .as_deref()
            .map(|name| (PP2_SUBTYPE_SSL_CN, name.as_bytes()));
        header = header.ssl(ssl.client, ssl.verify, common_name.as_slice());
    }
    if let Some(netns) = &tlvs.netns {
        header = header.tlv(PP2_TYPE_NETNS, netns.as_bytes());
    }
    if let Some(endpoint) = &tlvs.private_endpoint {
        header = header.private_endpoint(endpoint);
    }
    header
}

/// A legal header of either version, and what it says.
fn legal() -> impl Strategy<Value = (Vec<u8>, Header)> {
    let v1 = (address(), address()).prop_map(|(source, destination)| {
        let header = Header {
            version: Version::V1,
            command: Command::Proxy {
                source,
                destination,
            },
            tlvs: Tlvs::default(),
        };
        (encode::v1(source, destination), header)
    });
    let v2 = (address(), address(), tlvs(), any::<bool>(), 0..300_usize).prop_map(
        |(source, destination, tlvs, has_checksum, padding)| {
            let mut encoder = encode::V2::proxy(source, destination);
            if has_checksum {
                encoder = encoder.crc32c();
            }
            let encoder = append(encoder, &tlvs).tlv(PP2_TYPE_NOOP, &vec![0xEA; padding]);
            let header = Header {
                version: Version::V2,
                command: Command::Proxy {
                    source,
                    destination,
                },
                tlvs,
            };
            (encoder.finish().expect("it fits"), header)
        },
    );
    prop_oneof![v1, v2]
}

/// Bytes that come near to being a header: a legal one with a few bytes replaced.
fn nearly_legal() -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (legal(), edits, any::<u16>(), any::<bool>()).prop_map(
        |((mut bytes, _), edits, length, changes_length)| {
            for (index, byte) in edits {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            if changes_length && bytes.len() > 16 {
                bytes[14..16].copy_from_slice(&(length % 300).to_be_bytes());
            }
            bytes
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_back((bytes, expected) in legal()) {
        prop_assert_eq!(accept(&bytes), expected);
    }

    #[test]
    fn a_strict_prefix_of_a_header_needs_more(((bytes, _), cut) in (legal(), any::<prop::sample::Index>())) {
        prop_assert!(needs_more(&bytes[..cut.index(bytes.len())]));
    }

    #[test]
    fn what_follows_a_header_changes_nothing(((bytes, expected), rest) in (legal(), vec(any::<u8>(), 0..200))) {
        let mut stream = bytes.clone();
        stream.extend(&rest);
        let (header, leftover) = receive([stream.as_slice()]);
        prop_assert_eq!(header, expected);
        prop_assert_eq!(leftover, rest);
    }

    #[test]
    fn an_answer_once_given_stays(bytes in nearly_legal()) {
        let mut settled = None;
        for cut in 0..=bytes.len() {
            let answer = parse(&bytes[..cut], Versions::V1AndV2);
            match &settled {
                Some(settled) => prop_assert_eq!(&answer, settled),
                None if answer == Ok(Progress::NeedMore) => {},
                None => settled = Some(answer),
            }
        }
    }

    #[test]
    fn any_bytes_get_an_answer_within_the_limit(
        start in prop_oneof![
            Just(b"".to_vec()),
            Just(b"PROXY ".to_vec()),
            Just(b"PROXY UNKNOWN".to_vec()),
            Just(framing_signature().to_vec()),
        ],
        rest in vec(any::<u8>(), PROXY_HEADER_BYTES_MAX),
    ) {
        let bytes = [start, rest].concat();
        prop_assert!(parse(&bytes, Versions::V1AndV2) != Ok(Progress::NeedMore));
    }

    #[test]
    fn no_error_repeats_what_was_sent(bytes in nearly_legal()) {
        if let Err(error) = parse(&bytes, Versions::V1AndV2) {
            let text = error.to_string();
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert!(text.len() < 100);
            prop_assert_eq!(error.fault(), crate::fault::Fault::Client);
        }
    }
}
