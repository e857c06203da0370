//! Whole openings of a connection, as clients and attackers send them.

use proptest::prelude::*;

use super::*;
use crate::error::EncodeErrorKind;
use crate::error::ViolationKind;
use crate::sqlstate::SqlState;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn message(parameters: Pairs<'_>) -> Vec<u8> {
    let parameters = parameters
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut buffer = Vec::new();
    StartupMessage::encode(ProtocolVersion::V3_0, parameters, &mut buffer).unwrap();
    buffer
}

fn decode(parameters: Pairs<'_>) -> Result<StartupMessage, Violation> {
    StartupMessage::decode(&message(parameters))
}

/// A message of protocol 3.0 with this body and the right length.
fn raw(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap() + 8;
    [&length.to_be_bytes()[..], &196_608u32.to_be_bytes(), body].concat()
}

#[test]
fn the_last_of_two_equal_names_counts() {
    let startup = decode(&[
        ("user", "first"),
        ("database", "one"),
        ("user", "last"),
        ("database", "two"),
        ("TimeZone", "UTC"),
        ("TimeZone", "CET"),
    ])
    .unwrap();
    assert_eq!(
        (startup.user(), startup.database()),
        (&b"last"[..], &b"two"[..])
    );
    assert_eq!(startup.parameter(b"TimeZone"), Some(&b"CET"[..]));
    assert_eq!(
        startup.settings().count(),
        2,
        "a server applies both, in order"
    );
}

#[test]
fn the_database_defaults_to_the_user() {
    assert_eq!(decode(&[("user", "me")]).unwrap().database(), b"me");
    assert_eq!(
        decode(&[("user", "me"), ("database", "")])
            .unwrap()
            .database(),
        b"me"
    );
    let overridden = decode(&[("database", "db"), ("user", "me"), ("database", "")]).unwrap();
    assert_eq!(overridden.database(), b"me");
}

#[test]
fn no_user_is_28000_as_it_is_for_a_server() {
    for parameters in [
        &[][..],
        &[("database", "db")],
        &[("user", "")],
        &[("user", "a"), ("user", "")],
    ] {
        let violation = decode(parameters).unwrap_err();
        assert_eq!(violation.kind, ViolationKind::NoUser);
        assert_eq!(
            violation.sqlstate(),
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        );
    }
}

#[test]
fn parameters_are_sorted_by_who_they_are_for() {
    let startup = decode(&[
        ("user", "me"),
        ("application_name", "psql"),
        ("_pq_.one", "1"),
        ("options", "-c a=b"),
        ("replication", "database"),
        ("_pq_.two", ""),
        ("_pq", "a setting"),
        ("DateStyle", ""),
    ])
    .unwrap();
    let settings: Vec<_> = startup.settings().collect();
    let expected: [(&[u8], &[u8]); 3] = [
        (b"application_name", b"psql"),
        (b"_pq", b"a setting"),
        (b"DateStyle", b""),
    ];
    assert_eq!(settings, expected);
    assert!(
        startup
            .protocol_options()
            .eq([&b"_pq_.one"[..], b"_pq_.two"])
    );
    assert_eq!(startup.options(), Some(&b"-c a=b"[..]));
    assert_eq!(startup.replication(), Ok(Replication::Logical));
    assert_eq!(startup.parameters().count(), 8);
}

#[test]
fn a_replication_value_that_no_server_knows_is_reported() {
    assert_eq!(
        decode(&[("user", "a")]).unwrap().replication(),
        Ok(Replication::None)
    );
    let startup = decode(&[("user", "a"), ("replication", "maybe")]).unwrap();
    assert_eq!(startup.replication(), Err(&b"maybe"[..]));
}

#[test]
fn a_list_without_its_end_is_refused() {
    let unterminated = [
        &b""[..],
        b"user\0me\0",
        b"user\0me",
        b"user\0",
        b"user",
        b"user\0me\0a\0\0",
    ];
    for body in unterminated {
        StartupMessage::decode(&raw(body)).unwrap_err();
    }
    // Servers do not look at the value of the last byte.
    StartupMessage::decode(&raw(b"user\0me\0 ")).unwrap_err();
    StartupMessage::decode(&raw(b"user\0me\0\0")).unwrap();
    let violation = StartupMessage::decode(&raw(b"user\0me\0\0\0")).unwrap_err();
    assert_eq!(violation.kind, ViolationKind::TrailingBytes { count: 1 });
}

#[test]
fn a_version_of_another_protocol_is_refused() {
    for code in [0u32, 2, 2 << 16, 4 << 16, u32::MAX] {
        let mut bytes = raw(b"user\0me\0\0");
        bytes[4..8].copy_from_slice(&code.to_be_bytes());
        assert_eq!(StartupMessage::decode(&bytes).unwrap_err().field, "version");
    }
}

#[test]
fn a_length_that_is_not_the_number_of_bytes_is_refused() {
    let honest = raw(b"user\0me\0\0");
    let lengths = [0, 1, 3, 4, 5, 16, 18, (1 << 31) - 1, 1 << 31, u32::MAX];
    for length in lengths {
        let mut bytes = honest.clone();
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(StartupMessage::decode(&bytes).unwrap_err().field, "length");
        assert_eq!(CancelRequest::decode(&bytes).unwrap_err().field, "length");
    }
}

#[test]
fn long_dbname_cve_2012_4575() {
    // The longest name that fits: nothing is cut, nothing ends the process, and one more byte is
    // refused by its length, before a byte of it is kept.
    let room = STARTUP_BYTES_MAX as usize - raw(b"user\0u\0database\0\0\0").len();
    let longest = "d".repeat(room);
    let startup = decode(&[("user", "u"), ("database", &longest)]).unwrap();
    assert_eq!(startup.database().len(), room);
    let bytes = raw(format!("user\0u\0database\0{longest}d\0\0").as_bytes());
    Request::classify(&bytes[..4]).unwrap_err();
    let violation = StartupMessage::decode(&bytes).unwrap_err();
    assert!(matches!(violation.kind, ViolationKind::TooLong { .. }));
}

#[test]
fn startup_ssl_gss_alternating_cve_2026_6479() {
    // Each request is 8 bytes and told from the next by them alone: whoever loops over requests
    // sees every one, can count them, and never recurses.
    let mut bytes = [&SslRequest::BYTES[..], &GssencRequest::BYTES]
        .concat()
        .repeat(1_000);
    bytes.extend_from_slice(&message(&[("user", "me")]));
    let mut rest = &bytes[..];
    let mut requests = Vec::new();
    while let Some(request) = Request::classify(rest).unwrap() {
        requests.push(request);
        rest = &rest[request.bytes()..];
    }
    assert!(
        requests[..2_000]
            .chunks(2)
            .all(|pair| pair == [Request::Ssl, Request::Gssenc])
    );
    let Request::Startup { version, .. } = requests[2_000] else {
        panic!("{:?}", requests[2_000])
    };
    assert_eq!((version, rest.len()), (ProtocolVersion::V3_0, 0));
}

#[test]
fn a_message_that_cannot_be_read_back_is_not_written() {
    let kinds = |name: &[u8], value: &[u8]| {
        let mut buffer = b"before".to_vec();
        let version = ProtocolVersion::V3_2;
        let error = StartupMessage::encode(version, [(name, value)], &mut buffer).unwrap_err();
        assert_eq!(buffer, b"before");
        error.kind
    };
    assert_eq!(kinds(b"", b"x"), EncodeErrorKind::Empty);
    assert_eq!(kinds(b"user\0", b"x"), EncodeErrorKind::ZeroByte);
    assert_eq!(
        kinds(b"user", b"x\0database\0other"),
        EncodeErrorKind::ZeroByte
    );
    assert!(matches!(
        kinds(b"user", &[b'x'; 10_000]),
        EncodeErrorKind::TooLong { .. }
    ));
}

proptest! {
    #[test]
    fn a_startup_message_comes_back_as_it_was_written(
        user in "[^\0]{1,8}",
        minor: u16,
        parameters in proptest::collection::vec(("[^\0]{1,8}", "[^\0]{0,8}"), 0..5),
    ) {
        let version = ProtocolVersion { major: 3, minor };
        let user = std::iter::once(("user", user.as_str()));
        let others = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let sent: Vec<_> = others
            .chain(user)
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let mut buffer = Vec::new();
        StartupMessage::encode(version, sent.iter().copied(), &mut buffer).unwrap();
        let request = Request::classify(&buffer).unwrap().unwrap();
        let length = u32::try_from(buffer.len()).unwrap();
        prop_assert_eq!(request, Request::Startup { version, length });
        let startup = StartupMessage::decode(&buffer).unwrap();
        prop_assert_eq!(startup.version, version);
        prop_assert!(startup.parameters().eq(sent));
        for cut in 0..buffer.len() {
            prop_assert!(StartupMessage::decode(&buffer[..cut]).is_err());
        }
    }
}
