//! The same bytes to `ppp`: whatever it says otherwise is listed here with the reason.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

/// `ppp`'s answer as the addresses it read and the bytes it took; `None` if it wants none of it.
fn ppp_v2(bytes: &[u8]) -> Option<(Command, usize)> {
    let header = ppp::v2::Header::try_from(bytes).ok()?;
    let command = match (header.command, header.addresses) {
        (ppp::v2::Command::Local, _) => Command::Local,
        (_, ppp::v2::Addresses::IPv4(pair)) => Command::Proxy {
            source: SocketAddr::from((pair.source_address, pair.source_port)),
            destination: SocketAddr::from((pair.destination_address, pair.destination_port)),
        },
        (_, ppp::v2::Addresses::IPv6(pair)) => Command::Proxy {
            source: SocketAddr::from((pair.source_address, pair.source_port)),
            destination: SocketAddr::from((pair.destination_address, pair.destination_port)),
        },
        _ => Command::Unknown,
    };
    Some((command, header.len()))
}

#[test]
fn ppp_reads_every_golden_v2_header_alike() {
    for golden in golden::v2() {
        let expected = Some((golden.command, golden.bytes.len()));
        assert_eq!(ppp_v2(&golden.bytes), expected, "{}", golden.name);
    }
}

#[test]
fn ppp_reads_every_golden_line_alike() {
    for golden in golden::v1() {
        let header = ppp::v1::Header::try_from(golden.bytes.as_slice()).expect(golden.name);
        assert_eq!(header.header.as_bytes(), golden.bytes);
        let is_unknown = header.addresses == ppp::v1::Addresses::Unknown;
        assert_eq!(is_unknown, golden.command == Command::Unknown);
    }
}

#[test]
fn where_the_parser_is_stricter_than_ppp() {
    for line in [
        // A line needs CR and LF.
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \n",
        // Ports have no sign.
        "PROXY TCP4 1.1.1.1 2.2.2.2 +1 +2\r\n",
        // A line is printable ASCII.
        "PROXY UNKNOWN \u{e9}\r\n",
    ] {
        assert!(
            ppp::v1::Header::try_from(line.as_bytes()).is_ok(),
            "{line:?}"
        );
        refuse(line.as_bytes());
    }
    for (bytes, error) in [
        // Neither datagrams nor Unix sockets are TCP connections.
        (v2_bytes(0x21, 0x12, &[0; 12]), ProxyError::Transport(2)),
        (
            v2_bytes(0x21, 0x31, &[0; 216]),
            ProxyError::AddressFamily(3),
        ),
        // TLVs must fill the header.
        (inet_with(&hex("0400")), ProxyError::TlvOverrun),
        (inet_with(&hex("04ffff")), ProxyError::TlvOverrun),
        // The checksum must be right.
        (inet_with(&hex("030004 00000000")), ProxyError::Checksum),
        (inet_with(&hex("030000")), ProxyError::TlvLength(3)),
        // 4,096 bytes are enough.
        (
            v2_bytes(0x21, 0x11, &[0; 4081]),
            ProxyError::HeaderTooLong { bytes: 4097 },
        ),
    ] {
        assert!(ppp_v2(&bytes).is_some(), "{error:?}");
        assert_eq!(refuse(&bytes), error);
    }
}

#[test]
fn where_the_parser_takes_what_ppp_wrongly_refuses() {
    let many_words = b"PROXY UNKNOWN a b c d e\r\n";
    assert!(ppp::v1::Header::try_from(many_words.as_slice()).is_err());
    assert_eq!(accept(many_words).command, Command::Unknown);
    for family_and_transport in [0x11, 0x41, 0xFF] {
        let local = v2_bytes(0x20, family_and_transport, &[]);
        assert_eq!(ppp_v2(&local), None);
        assert_eq!(accept(&local).command, Command::Local);
    }
}

proptest! {
    #[test]
    fn ppp_and_the_parser_agree_on_addresses(
        family_and_transport in prop_oneof![Just(0x11_u8), Just(0x21)],
        block in proptest::collection::vec(any::<u8>(), 0..60),
        command in 0..4_u8,
    ) {
        let bytes = v2_bytes(0x20 | command, family_and_transport, &block);
        match (parse(&bytes, Versions::V2), ppp_v2(&bytes)) {
            (Ok(Progress::Header { header, consumed }), Some((theirs, theirs_consumed))) => {
                prop_assert_eq!(consumed, theirs_consumed);
                if let Command::Proxy { source, destination } = theirs {
                    let canonical = Command::Proxy {
                        source: header::canonical(source),
                        destination: header::canonical(destination),
                    };
                    prop_assert_eq!(header.command, canonical);
                }
            },
            (Ok(Progress::Header { header, .. }), None) => prop_assert_eq!(header.command, Command::Local),
            (Ok(Progress::NeedMore), theirs) => prop_assert_eq!(theirs, None),
            (Err(error), Some(_)) => prop_assert!(matches!(
                error,
                ProxyError::TlvOverrun
                    | ProxyError::TlvLength(_)
                    | ProxyError::TlvText(_)
                    | ProxyError::TlvDuplicate(_)
                    | ProxyError::TwoClouds
                    | ProxyError::Checksum
            )),
            (Err(_), None) => {},
        }
    }
}
