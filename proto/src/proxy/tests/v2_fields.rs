//! The fields of the v2 header before its TLVs, and its checksum.

use super::*;

#[test]
fn proxy_v2_local_inet_len0() {
    let bytes = v2_bytes(0x20, 0x11, &[]);
    let header = accept(&bytes);
    assert_eq!(header.command, Command::Local);
    assert_eq!(header.command.label(), "local");
}

#[test]
fn proxy_v2_local_with_payload() {
    for block in [
        hex("7f000001 7f000002 0001 0002"),
        // TLVs, among them a wrong checksum and an endpoint: all of it is discarded.
        hex("030004 00000000 ea0003 01 4141"),
        hex("ff"),
        vec![0xFF; 4080],
    ] {
        let bytes = v2_bytes(0x20, 0x00, &block);
        let header = accept(&bytes);
        assert_eq!(header.command, Command::Local);
        assert_eq!(header.tlvs, Tlvs::default());
        assert!(needs_more(&bytes[..bytes.len() - 1]));
    }
}

#[test]
fn proxy_v2_local_unknown_family() {
    for family_and_transport in 0..=u8::MAX {
        let bytes = v2_bytes(0x20, family_and_transport, &[]);
        assert_eq!(accept(&bytes).command, Command::Local);
    }
}

#[test]
fn proxy_v2_unspec() {
    let inet = hex("7f000001 7f000002 0001 0002");
    let inet6 = [0x11; 36];
    for (family_and_transport, addresses) in [
        (0x00, [].as_slice()),
        (0x01, &[]),
        (0x10, &inet),
        (0x20, &inet6),
    ] {
        let bytes = v2_bytes(0x21, family_and_transport, addresses);
        let header = accept(&bytes);
        assert_eq!(
            header.command,
            Command::Unknown,
            "{family_and_transport:#04x}"
        );
        // The TLVs begin where the family says the addresses end.
        let mut block = addresses.to_vec();
        block.extend(hex("05 0002 cafe"));
        let header = accept(&v2_bytes(0x21, family_and_transport, &block));
        assert_eq!(
            header.tlvs.unique_id.as_deref(),
            Some([0xCA, 0xFE].as_slice())
        );
    }
}

#[test]
fn proxy_v2_udp() {
    for family in [0x00, 0x10, 0x20, 0x30] {
        for transport in 2..=15 {
            let bytes = v2_bytes(0x21, family | transport, &[0; 216]);
            assert_eq!(refuse(&bytes), ProxyError::Transport(transport));
        }
    }
}

#[test]
fn proxy_v2_unix() {
    for family in 3..=15 {
        for transport in [0, 1] {
            let bytes = v2_bytes(0x21, family << 4 | transport, &[0; 216]);
            assert_eq!(refuse(&bytes), ProxyError::AddressFamily(family));
        }
    }
}

#[test]
fn proxy_v2_short_addr_cve_2019_14243() {
    assert_eq!(refuse(&v2_bytes(0x21, 0x12, &[])), ProxyError::Transport(2));
    for (family_and_transport, address_bytes) in [(0x11, 12), (0x10, 12), (0x21, 36), (0x20, 36)] {
        for block_bytes in 0..address_bytes {
            let block = vec![0; block_bytes];
            let bytes = v2_bytes(0x21, family_and_transport, &block);
            assert_eq!(refuse(&bytes), ProxyError::AddressesTruncated);
        }
        let block = vec![0; address_bytes];
        accept(&v2_bytes(0x21, family_and_transport, &block));
    }
}

#[test]
fn an_unknown_command_is_refused() {
    for command in 2..=15 {
        let bytes = v2_bytes(0x20 | command, 0x11, &[0; 12]);
        assert_eq!(refuse(&bytes), ProxyError::UnknownCommand(command));
    }
}

#[test]
fn an_ipv4_mapped_address_in_a_header_is_read_as_ipv4() {
    let mut block = hex("00000000000000000000ffff cb007107 20010db8000000000000000000000001");
    block.extend(hex("1267 1538"));
    let header = accept(&v2_bytes(0x21, 0x21, &block));
    assert_eq!(
        header.command,
        proxy("203.0.113.7:4711", "[2001:db8::1]:5432")
    );
}

#[test]
fn proxy_v2_crc_ok_bad_dup_short() {
    let right = golden::aws_nlb();
    accept(&right);
    // A wrong bit anywhere after the fixed part is noticed, by the checksum unless it breaks the
    // header outright. (The type of the checksum itself is left alone: with another type there is
    // none.)
    for offset in (16..right.len()).filter(|offset| *offset != 28) {
        for bit in 0..8 {
            let mut wrong = right.clone();
            wrong[offset] ^= 1 << bit;
            let error = refuse(&wrong);
            let is_tlv_length = matches!(offset, 29 | 30 | 36 | 37 | 62 | 63);
            assert!(
                error == ProxyError::Checksum || is_tlv_length,
                "bit {bit} of byte {offset}: {error:?}"
            );
        }
    }
    assert_eq!(ProxyError::Checksum.label(), "crc");
    let crc_twice = inet_with(&hex("030004 00000000 030004 00000000"));
    assert_eq!(
        refuse(&crc_twice),
        ProxyError::TlvDuplicate(tlv::PP2_TYPE_CRC32C)
    );
    for value in ["", "00", "000000", "0000000000"] {
        let value = hex(value);
        let mut tlvs = vec![0x03, 0, u8::try_from(value.len()).expect("short")];
        tlvs.extend(value);
        assert_eq!(
            refuse(&inet_with(&tlvs)),
            ProxyError::TlvLength(tlv::PP2_TYPE_CRC32C)
        );
    }
}

#[test]
fn the_checksum_of_a_header_without_addresses_is_verified_too() {
    let right = encode::V2::unspecified()
        .crc32c()
        .finish()
        .expect("it fits");
    assert_eq!(accept(&right).command, Command::Unknown);
    let mut wrong = right;
    *wrong.last_mut().expect("a byte") ^= 1;
    assert_eq!(refuse(&wrong), ProxyError::Checksum);
}

#[test]
fn the_checksum_is_crc32c() {
    // RFC 3720 appendix B.4: 32 bytes of zeros.
    let zeros = [0; 32];
    assert_eq!(crc32c::checksum(&zeros, 7), Some(0x8A91_36AA));
    assert_eq!(crc32c::checksum(&zeros, 28), Some(0x8A91_36AA));
    assert_eq!(crc32c::checksum(&zeros, 29), None);
    assert_eq!(crc32c::checksum(&zeros, usize::MAX), None);
}
