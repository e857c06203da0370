//! The encoder: byte for byte what real senders write, and only what the parser would take.

use super::tlv::*;
use super::*;
use crate::limits::PROXY_HEADER_BYTES_MAX;

fn bytes_of(name: &str) -> Vec<u8> {
    golden::all()
        .into_iter()
        .find(|golden| golden.name == name)
        .expect("a golden header of this name")
        .bytes
}

fn address(text: &str) -> std::net::SocketAddr {
    text.parse().expect("a socket address")
}

#[test]
fn the_encoder_writes_the_lines_haproxy_writes() {
    assert_eq!(
        encode::v1(address("127.0.0.1:53330"), address("127.0.0.1:46001")),
        bytes_of("haproxy send-proxy, IPv4")
    );
    assert_eq!(
        encode::v1(address("[::1]:41406"), address("[::1]:46001")),
        bytes_of("haproxy send-proxy, IPv6")
    );
    assert_eq!(encode::v1_unknown(), bytes_of("a sender in doubt"));
}

#[test]
fn the_encoder_writes_the_headers_haproxy_writes() {
    assert_eq!(
        encode::V2::local().finish(),
        Some(bytes_of("haproxy send-proxy-v2, health check"))
    );
    assert_eq!(
        encode::V2::proxy(address("[::1]:47256"), address("[::1]:46002")).finish(),
        Some(bytes_of("haproxy send-proxy-v2, IPv6"))
    );
    let every_option = encode::V2::proxy(address("127.0.0.1:53830"), address("127.0.0.1:46006"))
        .crc32c()
        .tlv(PP2_TYPE_ALPN, b"postgresql")
        .tlv(PP2_TYPE_AUTHORITY, b"db.Example.com")
        .tlv(PP2_TYPE_UNIQUE_ID, b"41993197-98f0-40e7-b26e-1c12f55d7890")
        .ssl(
            0x07,
            0,
            &[
                (PP2_SUBTYPE_SSL_VERSION, b"TLSv1.3"),
                (PP2_SUBTYPE_SSL_CN, "app-müller.example.com".as_bytes()),
                (PP2_SUBTYPE_SSL_KEY_ALG, b"EC256"),
                (PP2_SUBTYPE_SSL_SIG_ALG, b"ecdsa-with-SHA256"),
                (PP2_SUBTYPE_SSL_CIPHER, b"TLS_AES_256_GCM_SHA384"),
            ],
        );
    assert_eq!(
        every_option.finish(),
        Some(bytes_of("haproxy with every proxy-v2-option"))
    );
}

#[test]
fn the_encoder_writes_the_headers_of_the_clouds() {
    for (name, source, destination) in [
        (
            "azure private link service",
            "10.0.0.5:51442",
            "10.1.0.4:5432",
        ),
        (
            "google private service connect",
            "10.0.0.5:51442",
            "10.1.0.4:5432",
        ),
    ] {
        let bytes = bytes_of(name);
        let endpoint = accept(&bytes).tlvs.private_endpoint.expect("an endpoint");
        let header = encode::V2::proxy(address(source), address(destination))
            .private_endpoint(&endpoint)
            .finish();
        assert_eq!(header, Some(bytes), "{name}");
    }
    let vpce = PrivateEndpoint::new(Cloud::Aws, "vpce-08d2bf15fac5001c9").expect("a legal id");
    let aws = encode::V2::proxy(address("172.31.7.113:51442"), address("172.31.10.31:80"))
        .crc32c()
        .private_endpoint(&vpce)
        .tlv(PP2_TYPE_NOOP, &[0; 36])
        .finish();
    assert_eq!(aws, Some(golden::aws_nlb()));
}

#[test]
fn a_header_longer_than_the_limit_is_not_written() {
    let longest = PROXY_HEADER_BYTES_MAX - 16 - 3;
    for (value_bytes, is_written) in [(longest, true), (longest + 1, false), (70_000, false)] {
        let header = encode::V2::local().tlv(PP2_TYPE_NOOP, &vec![0; value_bytes]);
        assert_eq!(header.finish().is_some(), is_written);
    }
}

#[test]
fn a_pair_of_both_families_is_written_as_ipv6_and_read_back() {
    let source = address("203.0.113.7:4711");
    let destination = address("[2001:db8::1]:5432");
    let expected = Command::Proxy {
        source,
        destination,
    };
    let line = encode::v1(source, destination);
    assert_eq!(
        line,
        b"PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 4711 5432\r\n"
    );
    assert_eq!(accept(&line).command, expected);
    let header = encode::V2::proxy(source, destination)
        .finish()
        .expect("it fits");
    assert_eq!(accept(&header).command, expected);
}
