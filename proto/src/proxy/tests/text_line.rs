//! The grammar of the v1 line.

use super::*;

#[test]
fn proxy_v1_unknown_many_tokens() {
    for line in [
        "PROXY UNKNOWN\r\n",
        "PROXY UNKNOWN \r\n",
        "PROXY UNKNOWN a\r\n",
        "PROXY UNKNOWN a b c d\r\n",
        "PROXY UNKNOWN a b c d e\r\n",
        "PROXY UNKNOWN a  b   c d e f g h i j k l m n +o\r\n",
        "PROXY UNKNOWN TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    ] {
        let header = accept(line.as_bytes());
        assert_eq!(header.version, Version::V1);
        assert_eq!(header.command, Command::Unknown, "{line:?}");
        assert_eq!(header.command.label(), "unknown");
    }
    for line in [
        "PROXY UNKNOWNX\r\n",
        "PROXY UNKNOW\r\n",
        "PROXY unknown\r\n",
    ] {
        assert_eq!(
            refuse(line.as_bytes()),
            ProxyError::LinePart(LinePart::Protocol),
            "{line:?}"
        );
    }
}

#[test]
fn proxy_v1_lf_only() {
    for line in [
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \n",
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWN \n\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n\r\n",
    ] {
        assert_eq!(refuse(line.as_bytes()), ProxyError::LineByte, "{line:?}");
    }
}

#[test]
fn proxy_v1_bare_cr_5000() {
    let mut bytes = b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r".to_vec();
    assert!(needs_more(&bytes));
    bytes.extend([b'x'; 5000]);
    assert_eq!(refuse(&bytes), ProxyError::LineByte);
    let mut bytes = b"PROXY\rTCP4".to_vec();
    bytes.extend([b'x'; 5000]);
    assert_eq!(refuse(&bytes), ProxyError::NotProxy);
    let mut bytes = b"PROXY TCP4 ".to_vec();
    bytes.extend([b'x'; 5000]);
    assert_eq!(refuse(&bytes), ProxyError::LineTooLong);
    assert_eq!(refuse(&bytes).label(), "too_long");
}

#[test]
fn proxy_v1_plus_port() {
    for line in [
        "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 +2\r\n",
        "PROXY TCP6 ::1 ::2 +1 +2\r\n",
    ] {
        assert_eq!(refuse(line.as_bytes()), ProxyError::LineByte, "{line:?}");
    }
}

#[test]
fn each_malformed_part_of_a_line_is_named() {
    use LinePart::*;
    for (rest, part) in [
        ("", Protocol),
        ("TCP5 1.1.1.1 2.2.2.2 1 2", Protocol),
        ("tcp4 1.1.1.1 2.2.2.2 1 2", Protocol),
        (" TCP4 1.1.1.1 2.2.2.2 1 2", Protocol),
        ("UDP4 1.1.1.1 2.2.2.2 1 2", Protocol),
        ("TCP4  1.1.1.1 2.2.2.2 1 2", SourceAddress),
        ("TCP4 ::1 2.2.2.2 1 2", SourceAddress),
        ("TCP4 1.1.1 2.2.2.2 1 2", SourceAddress),
        ("TCP4 01.1.1.1 2.2.2.2 1 2", SourceAddress),
        ("TCP4 1.1.1.256 2.2.2.2 1 2", SourceAddress),
        ("TCP4 0x1.1.1.1 2.2.2.2 1 2", SourceAddress),
        ("TCP4 1.1.1.1  2.2.2.2 1 2", DestinationAddress),
        ("TCP4 1.1.1.1 ::2 1 2", DestinationAddress),
        ("TCP6 1.1.1.1 ::2 1 2", SourceAddress),
        ("TCP6 ::1%eth0 ::2 1 2", SourceAddress),
        ("TCP6 [::1] ::2 1 2", SourceAddress),
        ("TCP6 1::2::3 ::2 1 2", SourceAddress),
        ("TCP6 ::1 ::00002 1 2", DestinationAddress),
        ("TCP4 1.1.1.1 2.2.2.2  1 2", SourcePort),
        ("TCP4 1.1.1.1 2.2.2.2 -1 2", SourcePort),
        ("TCP4 1.1.1.1 2.2.2.2 01 2", SourcePort),
        ("TCP4 1.1.1.1 2.2.2.2 65536 2", SourcePort),
        ("TCP4 1.1.1.1 2.2.2.2 1 ", DestinationPort),
        ("TCP4 1.1.1.1 2.2.2.2 1 00", DestinationPort),
        ("TCP4 1.1.1.1 2.2.2.2 1 2x", DestinationPort),
        ("TCP4 1.1.1.1 2.2.2.2 1 65536", DestinationPort),
        ("TCP4 1.1.1.1 2.2.2.2 1 2 ", End),
        ("TCP4 1.1.1.1 2.2.2.2 1 2 3", End),
    ] {
        let line = format!("PROXY {rest}\r\n");
        let error = refuse(line.as_bytes());
        assert_eq!(error, ProxyError::LinePart(part), "{line:?}");
        assert_eq!(error.label(), "bad");
    }
}

#[test]
fn a_line_with_too_few_parts_is_refused() {
    for line in [
        "PROXY TCP4\r\n",
        "PROXY TCP4 \r\n",
        "PROXY TCP4 1.1.1.1\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        "PROXY TCP6 ::1 ::2\r\n",
    ] {
        assert!(
            matches!(refuse(line.as_bytes()), ProxyError::LinePart(_)),
            "{line:?}"
        );
    }
}

#[test]
fn a_byte_outside_printable_ascii_is_refused_before_the_line_ends() {
    for byte in (0..=u8::MAX).filter(|byte| !matches!(byte, b' '..=b'~' | b'\r')) {
        for start in ["PROXY ", "PROXY UNKNOWN ", "PROXY TCP4 1.1.1.1 "] {
            let mut line = start.as_bytes().to_vec();
            line.push(byte);
            assert_eq!(refuse(&line), ProxyError::LineByte, "{byte:#04x}");
        }
    }
}

#[test]
fn the_limits_of_ports_and_addresses_are_read() {
    assert_eq!(
        accept(b"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n").command,
        proxy("0.0.0.0:0", "255.255.255.255:65535")
    );
    assert_eq!(
        accept(b"PROXY TCP6 :: 2001:DB8::a 0 65535\r\n").command,
        proxy("[::]:0", "[2001:db8::a]:65535")
    );
}

#[test]
fn an_ipv4_mapped_address_in_a_line_is_read_as_ipv4() {
    // HAProxy writes a connection between the families like this.
    let header = accept(b"PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 4711 5432\r\n");
    assert_eq!(
        header.command,
        proxy("203.0.113.7:4711", "[2001:db8::1]:5432")
    );
    let header = accept(b"PROXY TCP6 ::ffff:cb00:7107 ::ffff:10.0.0.1 4711 5432\r\n");
    assert_eq!(header.command, proxy("203.0.113.7:4711", "10.0.0.1:5432"));
    // Only the mapped range stands for IPv4: ::1 is not 0.0.0.1.
    let header = accept(b"PROXY TCP6 ::1 ::203.0.113.7 1 2\r\n");
    assert_eq!(header.command, proxy("[::1]:1", "[::cb00:7107]:2"));
}
