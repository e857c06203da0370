//! What Tidegate writes as a server, `postgres-protocol` reads as it was meant. (The other way, what
//! we read it must read alike, is the fuzz target `backend`, replayed in every test run.)

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::Message;
use proptest::prelude::*;
use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::BindComplete;
use tidegate_proto::backend::CloseComplete;
use tidegate_proto::backend::Column;
use tidegate_proto::backend::CommandComplete;
use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::EmptyQueryResponse;
use tidegate_proto::backend::NoData;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::ParseComplete;
use tidegate_proto::backend::PortalSuspended;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::RowDescription;
use tidegate_proto::backend::Severity;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::fields::CancelKey;
use tidegate_proto::sqlstate::SqlState;

/// Reads whole messages until none is left.
fn read(bytes: &[u8]) -> Vec<Message> {
    let mut buffer = BytesMut::from(bytes);
    let mut messages = Vec::new();
    while let Some(message) = Message::parse(&mut buffer).unwrap() {
        messages.push(message);
    }
    assert!(buffer.is_empty());
    messages
}

/// Every message that a login may have, with a way to prove who somebody is after the other.
fn a_login() -> Vec<u8> {
    let mut buffer = Vec::new();
    Authentication::encode_sasl(&["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"], &mut buffer).unwrap();
    Authentication::SaslContinue { data: b"r=1" }
        .encode(&mut buffer)
        .unwrap();
    Authentication::SaslFinal { data: b"v=1" }
        .encode(&mut buffer)
        .unwrap();
    Authentication::Md5Password { salt: *b"salt" }
        .encode(&mut buffer)
        .unwrap();
    Authentication::CleartextPassword
        .encode(&mut buffer)
        .unwrap();
    Authentication::Ok.encode(&mut buffer).unwrap();
    let status = ParameterStatus {
        name: b"server_version",
        value: b"18.0",
    };
    status.encode(&mut buffer).unwrap();
    let key = CancelKey::new(b"\0\0\0\x2a").unwrap();
    BackendKeyData { process_id: 7, key }
        .encode(&mut buffer)
        .unwrap();
    ReadyForQuery {
        status: TransactionStatus::Idle,
    }
    .encode(&mut buffer);
    buffer
}

#[test]
fn a_login_is_understood() {
    let messages = read(&a_login());
    let Message::AuthenticationSasl(sasl) = &messages[0] else {
        panic!("not SASL")
    };
    let mechanisms: Vec<_> = sasl
        .mechanisms()
        .map(|name| Ok(name.to_owned()))
        .collect()
        .unwrap();
    assert_eq!(mechanisms, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
    let Message::AuthenticationSaslContinue(next) = &messages[1] else {
        panic!("not SASL")
    };
    assert_eq!(next.data(), b"r=1");
    let Message::AuthenticationSaslFinal(last) = &messages[2] else {
        panic!("not SASL")
    };
    assert_eq!(last.data(), b"v=1");
    let Message::AuthenticationMd5Password(md5) = &messages[3] else {
        panic!("not md5")
    };
    assert_eq!(md5.salt(), *b"salt");
    assert!(matches!(
        messages[4],
        Message::AuthenticationCleartextPassword
    ));
    assert!(matches!(messages[5], Message::AuthenticationOk));
    let Message::ParameterStatus(status) = &messages[6] else {
        panic!("not a status")
    };
    assert_eq!(
        (status.name().unwrap(), status.value().unwrap()),
        ("server_version", "18.0")
    );
    let Message::BackendKeyData(key) = &messages[7] else {
        panic!("not a key")
    };
    assert_eq!((key.process_id(), key.secret_key()), (7, 42));
    let Message::ReadyForQuery(ready) = &messages[8] else {
        panic!("not ready")
    };
    assert_eq!(ready.status(), b'I');
}

#[test]
fn replies_without_a_body_are_understood() {
    let mut buffer = Vec::new();
    ParseComplete.encode(&mut buffer);
    BindComplete.encode(&mut buffer);
    CloseComplete.encode(&mut buffer);
    NoData.encode(&mut buffer);
    EmptyQueryResponse.encode(&mut buffer);
    PortalSuspended.encode(&mut buffer);
    let messages = read(&buffer);
    assert!(matches!(
        messages[..],
        [
            Message::ParseComplete,
            Message::BindComplete,
            Message::CloseComplete,
            Message::NoData,
            Message::EmptyQueryResponse,
            Message::PortalSuspended,
        ]
    ));
}

proptest! {
    #[test]
    fn an_error_of_ours_is_understood(
        message in "\\PC{0,40}",
        detail in proptest::option::of("\\PC{0,40}"),
    ) {
        let report = ReportText {
            severity: Severity::Fatal,
            sqlstate: SqlState::TOO_MANY_CONNECTIONS,
            message: &message,
            detail: detail.as_deref(),
            hint: None,
        };
        let mut buffer = Vec::new();
        report.encode_error(&mut buffer);
        let messages = read(&buffer);
        let [Message::ErrorResponse(error)] = &messages[..] else { panic!("not one error") };
        let fields: Vec<_> = error
            .fields()
            .map(|field| Ok((field.type_(), field.value_bytes().to_vec())))
            .collect()
            .unwrap();
        let mut expected = vec![
            (b'S', b"FATAL".to_vec()),
            (b'V', b"FATAL".to_vec()),
            (b'C', b"53300".to_vec()),
            (b'M', message.into_bytes()),
        ];
        expected.extend(detail.map(|detail| (b'D', detail.into_bytes())));
        prop_assert_eq!(fields, expected);
    }

    #[test]
    fn a_result_of_ours_is_understood(
        names in proptest::collection::vec("[^\0]{0,12}", 0..4),
        values in proptest::collection::vec(
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..12)), 0..4),
        type_id: u32,
    ) {
        let columns: Vec<_> = names
            .iter()
            .map(|name| Column {
                name: name.as_bytes(),
                type_id,
                type_size: -1,
                type_modifier: -1,
                ..Column::default()
            })
            .collect();
        let values: Vec<_> = values.iter().map(Option::as_deref).collect();
        let mut buffer = Vec::new();
        RowDescription::encode(&columns, &mut buffer).unwrap();
        DataRow::encode(&values, &mut buffer).unwrap();
        CommandComplete { command: b"SHOW" }.encode(&mut buffer).unwrap();
        let messages = read(&buffer);
        let [
            Message::RowDescription(description),
            Message::DataRow(row),
            Message::CommandComplete(complete),
        ] = &messages[..] else { panic!("not a result") };
        let fields: Vec<_> = description
            .fields()
            .map(|field| Ok((field.name().to_owned(), field.type_oid(), field.type_size())))
            .collect()
            .unwrap();
        prop_assert!(fields.into_iter().eq(names.into_iter().map(|name| (name, type_id, -1))));
        let cells: Vec<_> =
            row.ranges().map(|range| Ok(range.map(|range| &row.buffer()[range]))).collect().unwrap();
        prop_assert_eq!(cells, values);
        prop_assert_eq!(complete.tag().unwrap(), "SHOW");
    }
}
