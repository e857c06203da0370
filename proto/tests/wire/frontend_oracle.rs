//! What a client sends: `postgres-protocol` and Tidegate write the same bytes, and Tidegate reads
//! what `postgres-protocol` wrote.

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend as theirs;
use proptest::prelude::*;
use tidegate_proto::error::Sender;
use tidegate_proto::fields::CancelKey;
use tidegate_proto::frame::Frame;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::Close;
use tidegate_proto::frontend::CopyData;
use tidegate_proto::frontend::CopyDone;
use tidegate_proto::frontend::CopyFail;
use tidegate_proto::frontend::Describe;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Flush;
use tidegate_proto::frontend::FrontendMessage;
use tidegate_proto::frontend::Parse;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::frontend::SaslResponse;
use tidegate_proto::frontend::Sync;
use tidegate_proto::frontend::Target;
use tidegate_proto::frontend::Terminate;
use tidegate_proto::startup::CancelRequest;
use tidegate_proto::startup::ProtocolVersion;
use tidegate_proto::startup::SslRequest;
use tidegate_proto::startup::StartupMessage;

fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut buffer = BytesMut::new();
    write(&mut buffer);
    buffer
}

fn encoded<E: std::fmt::Debug>(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Vec<u8> {
    let mut buffer = Vec::new();
    encode(&mut buffer).unwrap();
    buffer
}

fn decoded(message: &[u8]) -> FrontendMessage<'_> {
    let (frame, rest) = Frame::split(Sender::Frontend, message).unwrap().unwrap();
    assert!(rest.is_empty());
    FrontendMessage::decode(frame).unwrap()
}

fn body(message: &[u8]) -> &[u8] {
    Frame::split(Sender::Frontend, message)
        .unwrap()
        .unwrap()
        .0
        .body
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,12}"
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..12)
}

proptest! {
    #[test]
    fn a_simple_query_is_the_same(query in text()) {
        let bytes = written(|buffer| theirs::query(&query, buffer).unwrap());
        let message = Query { query: query.as_bytes() };
        prop_assert_eq!(decoded(&bytes), FrontendMessage::Query(message));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
    }

    #[test]
    fn a_parse_is_the_same(
        statement in text(),
        query in text(),
        types in proptest::collection::vec(any::<u32>(), 0..4),
    ) {
        let bytes = written(|buffer| {
            theirs::parse(&statement, &query, types.iter().copied(), buffer).unwrap();
        });
        let message = Parse::decode(body(&bytes)).unwrap();
        prop_assert_eq!(message.statement, statement.as_bytes());
        prop_assert_eq!(message.query, query.as_bytes());
        prop_assert!(message.parameter_types.iter().eq(types));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
    }

    #[test]
    fn a_bind_is_the_same(
        portal in text(),
        statement in text(),
        formats in proptest::collection::vec(any::<i16>(), 0..4),
        values in proptest::collection::vec(proptest::option::of(data()), 0..4),
        result_formats in proptest::collection::vec(any::<i16>(), 0..4),
    ) {
        let bytes = written(|buffer| {
            let serializer = |value: &Option<Vec<u8>>, buffer: &mut BytesMut| {
                let Some(value) = value else { return Ok(IsNull::Yes) };
                buffer.extend_from_slice(value);
                Ok(IsNull::No)
            };
            let (formats, results) = (formats.iter().copied(), result_formats.iter().copied());
            let done = theirs::bind(
                &portal, &statement, formats, &values, serializer, results, buffer,
            );
            assert!(done.is_ok());
        });
        let message = Bind::decode(body(&bytes)).unwrap();
        prop_assert_eq!(message.portal, portal.as_bytes());
        prop_assert_eq!(message.statement, statement.as_bytes());
        let arguments = message.arguments().unwrap();
        prop_assert!(arguments.parameter_formats.iter().eq(formats));
        prop_assert!(arguments.parameters.iter().eq(values.iter().map(Option::as_deref)));
        prop_assert!(arguments.result_formats.iter().eq(result_formats));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
    }

    #[test]
    fn a_describe_and_a_close_are_the_same(name in text()) {
        for target in [Target::Statement(name.as_bytes()), Target::Portal(name.as_bytes())] {
            let kind = target.kind();
            let bytes = written(|buffer| theirs::describe(kind, &name, buffer).unwrap());
            let describe = Describe { target };
            prop_assert_eq!(decoded(&bytes), FrontendMessage::Describe(describe));
            prop_assert_eq!(&encoded(|buffer| describe.encode(buffer))[..], &bytes[..]);
            let bytes = written(|buffer| theirs::close(kind, &name, buffer).unwrap());
            let close = Close { target };
            prop_assert_eq!(decoded(&bytes), FrontendMessage::Close(close));
            prop_assert_eq!(&encoded(|buffer| close.encode(buffer))[..], &bytes[..]);
        }
    }

    #[test]
    fn an_execute_is_the_same(portal in text(), row_limit: i32) {
        let bytes = written(|buffer| theirs::execute(&portal, row_limit, buffer).unwrap());
        let message = Execute { portal: portal.as_bytes(), row_limit };
        prop_assert_eq!(decoded(&bytes), FrontendMessage::Execute(message));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
    }

    #[test]
    fn the_messages_of_a_copy_are_the_same(data in data(), reason in text()) {
        let bytes = written(|buffer| theirs::CopyData::new(&data[..]).unwrap().write(buffer));
        let message = CopyData { data: &data };
        prop_assert_eq!(decoded(&bytes), FrontendMessage::CopyData(message));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
        let bytes = written(|buffer| theirs::copy_fail(&reason, buffer).unwrap());
        let message = CopyFail { reason: reason.as_bytes() };
        prop_assert_eq!(decoded(&bytes), FrontendMessage::CopyFail(message));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
    }

    #[test]
    fn the_answers_to_a_request_for_authentication_are_the_same(
        password in text(),
        mechanism in text(),
        data in data(),
    ) {
        let bytes = written(|buffer| {
            theirs::password_message(password.as_bytes(), buffer).unwrap();
        });
        let message = PasswordMessage { password: password.as_bytes() };
        prop_assert_eq!(PasswordMessage::decode(body(&bytes)), Ok(message));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
        let bytes = written(|buffer| {
            theirs::sasl_initial_response(&mechanism, &data, buffer).unwrap();
        });
        let response = Some(&data[..]);
        let message = SaslInitialResponse { mechanism: mechanism.as_bytes(), response };
        prop_assert_eq!(SaslInitialResponse::decode(body(&bytes)), Ok(message));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
        let bytes = written(|buffer| theirs::sasl_response(&data, buffer).unwrap());
        let message = SaslResponse { response: &data };
        prop_assert_eq!(SaslResponse::decode(body(&bytes)), message);
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
    }

    #[test]
    fn a_cancel_request_is_the_same(process_id: i32, key: i32) {
        let bytes = written(|buffer| theirs::cancel_request(process_id, key, buffer));
        let key = key.to_be_bytes();
        let key = CancelKey::new(&key).unwrap();
        let message = CancelRequest { process_id: process_id.cast_unsigned(), key };
        prop_assert_eq!(CancelRequest::decode(&bytes), Ok(message));
        prop_assert_eq!(&encoded(|buffer| message.encode(buffer))[..], &bytes[..]);
    }

    #[test]
    fn a_startup_message_is_the_same(
        user in "[^\0]{1,12}",
        settings in proptest::collection::vec(("[^\0]{1,12}", "[^\0]{0,12}"), 0..4),
    ) {
        let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let parameters: Vec<_> = settings.chain([("user", user.as_str())]).collect();
        let bytes = written(|buffer| {
            theirs::startup_message(parameters.iter().copied(), buffer).unwrap();
        });
        let message = StartupMessage::decode(&bytes).unwrap();
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        prop_assert!(message.parameters().eq(parameters.iter().copied()));
        let ours = encoded(|buffer| {
            StartupMessage::encode(ProtocolVersion::V3_0, parameters, buffer)
        });
        prop_assert_eq!(&ours[..], &bytes[..]);
    }
}

#[test]
fn messages_without_a_body_are_the_same() {
    assert_eq!(&written(theirs::sync)[..], Sync::BYTES);
    assert_eq!(&written(theirs::flush)[..], Flush::BYTES);
    assert_eq!(&written(theirs::terminate)[..], Terminate::BYTES);
    assert_eq!(&written(theirs::copy_done)[..], CopyDone::BYTES);
    assert_eq!(&written(theirs::ssl_request)[..], SslRequest::BYTES);
}
