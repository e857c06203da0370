//! The TLVs: their framing, and the values that are refused.

use super::tlv::*;
use super::*;

#[test]
fn proxy_tlv_overrun_leftover() {
    for tlvs in [
        // 1 or 2 bytes, which cannot be a TLV.
        "04",
        "0400",
        "040000 04",
        "040000 0400",
        // A value longer than what is there.
        "040001",
        "040002 00",
        "04ffff 00",
        "030004 000000",
        "ea0017 01 76",
        "200005 0100000000 210001",
    ] {
        let error = refuse(&inet_with(&hex(tlvs)));
        assert_eq!(error, ProxyError::TlvOverrun, "{tlvs}");
    }
    // Inside the TLV of TLVs.
    for sub_tlvs in ["21", "2100", "210001", "210002 41", "210001 41 22"] {
        let mut value = hex("01 00000000");
        value.extend(hex(sub_tlvs));
        assert_eq!(refuse_value(PP2_TYPE_SSL, &value), ProxyError::TlvOverrun);
    }
}

#[test]
fn proxy_tlv_nonutf8() {
    let not_utf8 = [b'a', 0xFF, b'b'];
    let text_kinds = [PP2_TYPE_AUTHORITY, PP2_TYPE_NETNS];
    for kind in text_kinds {
        assert_eq!(refuse_value(kind, &not_utf8), ProxyError::TlvText(kind));
    }
    for kind in [
        PP2_SUBTYPE_SSL_VERSION,
        PP2_SUBTYPE_SSL_CN,
        PP2_SUBTYPE_SSL_CIPHER,
        PP2_SUBTYPE_SSL_SIG_ALG,
        PP2_SUBTYPE_SSL_KEY_ALG,
        PP2_SUBTYPE_SSL_GROUP,
        PP2_SUBTYPE_SSL_SIG_SCHEME,
    ] {
        for text in [
            not_utf8.as_slice(),
            b"a\nb",
            b"\x1B[31m",
            "a\u{85}b".as_bytes(),
        ] {
            let mut value = hex("01 00000000");
            value.extend(one(kind, text));
            let error = refuse_value(PP2_TYPE_SSL, &value);
            assert_eq!(error, ProxyError::TlvText(kind));
            assert!(error.to_string().is_ascii());
        }
    }
    for netns in ["m\u{fc}ller", "a b", "a\n", "a\0", "\u{7f}"] {
        assert_eq!(
            refuse_value(PP2_TYPE_NETNS, netns.as_bytes()),
            ProxyError::TlvText(PP2_TYPE_NETNS)
        );
    }
    // What is bytes by definition stays bytes.
    assert!(tlvs_of(PP2_TYPE_ALPN, &not_utf8).alpn.is_some());
    assert!(tlvs_of(PP2_TYPE_UNIQUE_ID, &not_utf8).unique_id.is_some());
}

#[test]
fn what_identifies_a_client_may_be_said_once() {
    let ssl = hex("01 00000000");
    let azure = hex("01 01000000");
    for (kind, value) in [
        (PP2_TYPE_ALPN, b"postgresql".as_slice()),
        (PP2_TYPE_AUTHORITY, b"a.example"),
        (PP2_TYPE_UNIQUE_ID, b"1"),
        (PP2_TYPE_SSL, &ssl),
        (PP2_TYPE_NETNS, b"blue"),
        (PP2_TYPE_AWS, b"\x01vpce-1"),
        (PP2_TYPE_AZURE, &azure),
        (PP2_TYPE_GCP, &[0; 8]),
    ] {
        let mut tlvs = one(kind, value);
        accept(&inet_with(&tlvs));
        tlvs.extend(one(PP2_TYPE_NOOP, b""));
        tlvs.extend(one(kind, value));
        assert_eq!(refuse(&inet_with(&tlvs)), ProxyError::TlvDuplicate(kind));
    }
    // A second TLV of one cloud is a duplicate even if only one of the two names an endpoint.
    let mut tlvs = one(PP2_TYPE_AWS, b"\x02unknown");
    tlvs.extend(one(PP2_TYPE_AWS, b"\x01vpce-1"));
    assert_eq!(
        refuse(&inet_with(&tlvs)),
        ProxyError::TlvDuplicate(PP2_TYPE_AWS)
    );
    let mut value = ssl;
    value.extend(one(PP2_SUBTYPE_SSL_CN, b"alice"));
    value.extend(one(PP2_SUBTYPE_SSL_CN, b"bob"));
    assert_eq!(
        refuse_value(PP2_TYPE_SSL, &value),
        ProxyError::TlvDuplicate(PP2_SUBTYPE_SSL_CN)
    );
}

#[test]
fn an_authority_is_a_host_name_in_lower_case() {
    for (sent, read) in [
        ("db.example.com", "db.example.com"),
        ("DB.Example.COM", "db.example.com"),
        ("db.example.com.", "db.example.com"),
        ("tenant_1.x", "tenant_1.x"),
        ("xn--mller-kva.example", "xn--mller-kva.example"),
    ] {
        let authority = tlvs_of(PP2_TYPE_AUTHORITY, sent.as_bytes()).authority;
        assert_eq!(authority.as_deref(), Some(read));
    }
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert!(
        tlvs_of(PP2_TYPE_AUTHORITY, longest.as_bytes())
            .authority
            .is_some()
    );
    let too_long = longest + "a";
    for (text, error) in [
        ("", ProxyError::TlvLength(PP2_TYPE_AUTHORITY)),
        (".", ProxyError::TlvLength(PP2_TYPE_AUTHORITY)),
        (&too_long, ProxyError::TlvLength(PP2_TYPE_AUTHORITY)),
        ("a..b", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        (".a", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        ("a..", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        ("a b", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        ("a\0b", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        ("a\nb", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        ("a/b", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        ("[::1]", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        ("a:5432", ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
        (
            "m\u{fc}ller.example",
            ProxyError::TlvText(PP2_TYPE_AUTHORITY),
        ),
    ] {
        assert_eq!(
            refuse_value(PP2_TYPE_AUTHORITY, text.as_bytes()),
            error,
            "{text:?}"
        );
    }
    let long_label = "a".repeat(64);
    assert_eq!(
        refuse_value(PP2_TYPE_AUTHORITY, long_label.as_bytes()),
        ProxyError::TlvText(PP2_TYPE_AUTHORITY)
    );
}

#[test]
fn every_value_has_a_longest_length() {
    for (kind, value_bytes_max) in [
        (PP2_TYPE_ALPN, 255),
        (PP2_TYPE_UNIQUE_ID, 128),
        (PP2_TYPE_NETNS, 255),
    ] {
        tlvs_of(kind, &vec![b'a'; value_bytes_max]);
        assert_eq!(
            refuse_value(kind, &vec![b'a'; value_bytes_max + 1]),
            ProxyError::TlvLength(kind)
        );
    }
    for (text_bytes, is_legal) in [(0, false), (1, true), (255, true), (256, false)] {
        let mut value = hex("01 00000000");
        value.extend(one(PP2_SUBTYPE_SSL_CN, &vec![b'a'; text_bytes]));
        let answer = parse(&inet_with(&one(PP2_TYPE_SSL, &value)), Versions::V2);
        assert_eq!(answer.is_ok(), is_legal, "{text_bytes} bytes: {answer:?}");
    }
}

#[test]
fn an_empty_value_is_legal_only_where_it_means_something() {
    for kind in [
        PP2_TYPE_ALPN,
        PP2_TYPE_AUTHORITY,
        PP2_TYPE_CRC32C,
        PP2_TYPE_SSL,
        PP2_TYPE_NETNS,
        PP2_TYPE_AWS,
        PP2_TYPE_AZURE,
        PP2_TYPE_GCP,
    ] {
        assert_eq!(refuse_value(kind, b""), ProxyError::TlvLength(kind));
    }
    tlvs_of(PP2_TYPE_NOOP, b"");
    tlvs_of(PP2_TYPE_UNIQUE_ID, b"");
    for value_bytes in 0..5 {
        let value = vec![0; value_bytes];
        assert_eq!(
            refuse_value(PP2_TYPE_SSL, &value),
            ProxyError::TlvLength(PP2_TYPE_SSL)
        );
    }
}

#[test]
fn types_of_no_use_here_are_skipped() {
    let known = [
        PP2_TYPE_ALPN,
        PP2_TYPE_AUTHORITY,
        PP2_TYPE_CRC32C,
        PP2_TYPE_UNIQUE_ID,
        PP2_TYPE_SSL,
        PP2_TYPE_NETNS,
        PP2_TYPE_AWS,
        PP2_TYPE_AZURE,
        PP2_TYPE_GCP,
    ];
    for kind in (0..=u8::MAX).filter(|kind| !known.contains(kind)) {
        let mut tlvs = one(kind, b"\xFF\0\n");
        tlvs.extend(one(kind, b""));
        tlvs.extend(one(PP2_TYPE_UNIQUE_ID, b"7"));
        let header = accept(&inet_with(&tlvs));
        assert_eq!(header.tlvs.unique_id.as_deref(), Some(b"7".as_slice()));
    }
    // The client's certificate, which is bytes and may be long, among the facts about its TLS.
    let mut value = hex("07 00000000");
    value.extend(one(PP2_SUBTYPE_SSL_CLIENT_CERT, &[0xFF; 2000]));
    value.extend(one(PP2_SUBTYPE_SSL_VERSION, b"TLSv1.3"));
    let ssl = tlvs_of(PP2_TYPE_SSL, &value).ssl.expect("TLS facts");
    assert_eq!(ssl.version.as_deref(), Some("TLSv1.3"));
}
