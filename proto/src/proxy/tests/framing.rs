//! Where a header ends: splits, coalescing, caps, and which versions a listener takes.

use super::*;
use crate::limits::PROXY_HEADER_BYTES_MAX;
use crate::limits::PROXY_V1_BYTES_MAX;
use crate::startup::Request;

/// `SSLRequest`, the first thing a client says.
const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xD2\x16\x2F";

fn assert_every_split_is_harmless(golden: &golden::Golden) {
    let bytes = &golden.bytes;
    for cut in 0..bytes.len() {
        assert!(needs_more(&bytes[..cut]), "{} cut at {cut}", golden.name);
    }
    let mut stream = bytes.clone();
    stream.extend(SSL_REQUEST);
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let segments = [&stream[..first], &stream[first..second], &stream[second..]];
            let (header, rest) = receive(segments);
            assert_eq!(header.command, golden.command, "{}", golden.name);
            assert_eq!(header.tlvs, golden.tlvs, "{}", golden.name);
            assert_eq!(rest, SSL_REQUEST, "{}", golden.name);
        }
    }
    let (header, rest) = receive(stream.chunks(1));
    assert_eq!(
        (header.command, rest.as_slice()),
        (golden.command, SSL_REQUEST)
    );
}

#[test]
fn proxy_v1_split_every_byte() {
    for golden in golden::v1() {
        assert_every_split_is_harmless(&golden);
    }
}

#[test]
fn every_split_of_every_v2_header_is_harmless() {
    for golden in golden::v2() {
        assert_every_split_is_harmless(&golden);
    }
}

#[test]
fn proxy_v1_split_before_dport() {
    let line = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
    let cut = line.len() - b"65535\r\n".len();
    assert_eq!(line[cut - 1], b' ');
    assert!(needs_more(&line[..cut]));
    let (header, rest) = receive([&line[..cut], &line[cut..]]);
    assert_eq!(
        header.command,
        proxy("255.255.255.255:65535", "255.255.255.255:65535")
    );
    assert!(rest.is_empty());
}

#[test]
fn proxy_v2_split_1_12_14_16_mid_tlv() {
    let bytes = golden::aws_nlb();
    // Within the signature, after it, within and after the fixed part, within the addresses,
    // within a TLV's length, within its value, before the last byte.
    for cut in [1, 12, 14, 16, 20, 30, 33, 50, 99] {
        assert!(needs_more(&bytes[..cut]), "cut at {cut}");
        let (header, rest) = receive([&bytes[..cut], &bytes[cut..]]);
        assert!(header.tlvs.private_endpoint.is_some());
        assert!(rest.is_empty());
    }
    let (header, _) = receive([&bytes[..14], &bytes[14..50], &bytes[50..]]);
    assert!(header.tlvs.private_endpoint.is_some());
}

#[test]
fn proxy_then_sslrequest_one_segment() {
    for golden in golden::all() {
        let mut segment = golden.bytes.clone();
        segment.extend(SSL_REQUEST);
        let (header, rest) = receive([segment.as_slice()]);
        assert_eq!(header.command, golden.command, "{}", golden.name);
        assert_eq!(rest, SSL_REQUEST, "{}", golden.name);
        assert_eq!(Request::classify(&rest), Ok(Some(Request::Ssl)));
    }
}

#[test]
fn proxy_two_headers() {
    for first in golden::all() {
        for second in golden::all() {
            let mut stream = first.bytes.clone();
            stream.extend(&second.bytes);
            let (header, rest) = receive([stream.as_slice()]);
            // The first one counts; the second is left for the client's protocol, where its first
            // four bytes are a length that no startup packet may have.
            assert_eq!(header.command, first.command, "{}", first.name);
            assert_eq!(rest, second.bytes);
            assert!(Request::classify(&rest).is_err());
        }
    }
}

#[test]
fn proxy_v1_107_108() {
    let line_of = |bytes: usize| {
        let mut line = b"PROXY UNKNOWN ".to_vec();
        line.resize(bytes - 2, b'x');
        line.extend(b"\r\n");
        line
    };
    assert_eq!(
        accept(&line_of(PROXY_V1_BYTES_MAX)).command,
        Command::Unknown
    );
    assert_eq!(
        refuse(&line_of(PROXY_V1_BYTES_MAX + 1)),
        ProxyError::LineTooLong
    );
    // The refusal does not wait for a byte beyond the limit.
    assert!(needs_more(
        &line_of(PROXY_V1_BYTES_MAX)[..PROXY_V1_BYTES_MAX - 1]
    ));
    assert_eq!(
        refuse(&line_of(PROXY_V1_BYTES_MAX + 1)[..PROXY_V1_BYTES_MAX]),
        ProxyError::LineTooLong
    );
}

#[test]
fn proxy_v2_len_65535_cap() {
    let mut bytes = v2_bytes(0x21, 0x11, &[]);
    for (block_bytes, is_legal) in [(4080_u16, true), (4081, false), (u16::MAX, false)] {
        bytes[14..16].copy_from_slice(&block_bytes.to_be_bytes());
        if is_legal {
            assert!(needs_more(&bytes));
        } else {
            // Refused by its length alone, before a byte of the block is waited for.
            let bytes_total = 16 + usize::from(block_bytes);
            assert_eq!(
                refuse(&bytes),
                ProxyError::HeaderTooLong { bytes: bytes_total }
            );
        }
    }
}

#[test]
fn a_header_of_exactly_4096_bytes_is_read() {
    let tlv_value = vec![0; PROXY_HEADER_BYTES_MAX - 16 - 12 - 3];
    let bytes = encode::V2::proxy(
        "192.0.2.1:1".parse().expect("an address"),
        "192.0.2.2:2".parse().expect("an address"),
    )
    .tlv(tlv::PP2_TYPE_NOOP, &tlv_value)
    .finish()
    .expect("it fits");
    assert_eq!(bytes.len(), PROXY_HEADER_BYTES_MAX);
    assert_eq!(accept(&bytes).command, proxy("192.0.2.1:1", "192.0.2.2:2"));
}

#[test]
fn a_listener_takes_only_the_versions_it_is_configured_for() {
    let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".as_slice();
    let v2 = golden::aws_nlb();
    for (bytes, version, others) in [
        (v1, Version::V1, Versions::V2),
        (v2.as_slice(), Version::V2, Versions::V1),
    ] {
        assert!(matches!(
            parse(bytes, Versions::V1AndV2),
            Ok(Progress::Header { .. })
        ));
        let error = parse(bytes, others).expect_err("the version is not accepted");
        assert_eq!(error, ProxyError::VersionNotAccepted(version));
        assert_eq!(error.label(), "wrong_version");
    }
}

#[test]
fn what_is_no_proxy_header_is_refused_at_the_first_wrong_byte() {
    let startup = hex("0000000d 00030000 7573657200 00");
    let tls_client_hello = hex("160301 0200 010001fc 0303");
    for bytes in [
        startup.as_slice(),
        tls_client_hello.as_slice(),
        SSL_REQUEST,
        b"GET / HTTP/1.1\r\n",
        b"PROXy TCP4",
        b"proxy TCP4",
        b"PROXY\rTCP4",
        b"PROXY\tTCP4",
        b"\r\n\r\nX",
        b"\r\n\r\n\0\r\nQUIT\r",
        b"\n",
        b"\0",
    ] {
        assert_eq!(refuse(bytes), ProxyError::NotProxy, "{bytes:?}");
        assert_eq!(refuse(bytes).label(), "not_proxy");
    }
    assert!(needs_more(b""));
}

#[test]
fn a_load_balancer_that_speaks_no_version_2_is_refused() {
    for version in (0..=15_u8).filter(|version| *version != 2) {
        // Whatever the length field would mean in that version.
        let mut bytes = v2_bytes(version << 4 | 1, 0x11, &[]);
        bytes[14..16].copy_from_slice(&[0xFF, 0xFF]);
        assert_eq!(refuse(&bytes), ProxyError::UnknownVersion(version));
    }
}
