//! Messages of a frontend: the first byte is the tag, the others are the body. What is decoded
//! encodes to the same bytes, and nothing less than a whole body is accepted.

use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::Frame;
use tidegate_proto::frontend::FrontendMessage;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::frontend::SaslResponse;
use tidegate_proto::frontend::tag;
use tidegate_proto::writer::Writer;

/// Checks one message.
///
/// # Panics
/// If a promise of a decoder is broken.
pub fn run(data: &[u8]) {
    let Some((&tag, body)) = data.split_first() else {
        return;
    };
    let mut message = Vec::new();
    Writer::tagged(&mut message, Sender::Frontend, "fuzzed", tag)
        .bytes(body)
        .finish()
        .expect("an input is far below the limit");
    let decoded = decode(&message);
    if tag == tag::PASSWORD {
        check_password(&message, body);
    } else if let Some(decoded) = decoded {
        assert!(tag::name(tag).is_some());
        let mut encoded = Vec::new();
        encode(decoded, &mut encoded).expect("what was decoded can be written");
        assert_eq!(encoded, message);
        check_prefixes(tag, body);
    }
}

fn decode(message: &[u8]) -> Option<FrontendMessage<'_>> {
    let (frame, rest) = Frame::split(Sender::Frontend, message)
        .expect("the length is right")
        .expect("the message is whole");
    assert!(rest.is_empty());
    let message = FrontendMessage::decode(frame).ok()?;
    let _shown = format!("{message:?}");
    if let FrontendMessage::Bind(bind) = message
        && let Ok(arguments) = bind.arguments()
    {
        assert_eq!(
            arguments.parameters.iter().count(),
            arguments.parameters.count()
        );
        let values: usize = arguments.parameters.iter().flatten().map(<[u8]>::len).sum();
        let counts =
            6 + 2 * arguments.parameter_formats.count() + 2 * arguments.result_formats.count();
        assert_eq!(
            counts + 4 * arguments.parameters.count() + values,
            bind.rest.len()
        );
    }
    Some(message)
}

fn encode(message: FrontendMessage<'_>, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
    match message {
        FrontendMessage::Bind(message) => message.encode(buffer)?,
        FrontendMessage::Close(message) => message.encode(buffer)?,
        FrontendMessage::CopyData(message) => message.encode(buffer)?,
        FrontendMessage::CopyDone(message) => message.encode(buffer),
        FrontendMessage::CopyFail(message) => message.encode(buffer)?,
        FrontendMessage::Describe(message) => message.encode(buffer)?,
        FrontendMessage::Execute(message) => message.encode(buffer)?,
        FrontendMessage::Flush(message) => message.encode(buffer),
        FrontendMessage::FunctionCall(message) => message.encode(buffer)?,
        FrontendMessage::Parse(message) => message.encode(buffer)?,
        FrontendMessage::Password(unread) => SaslResponse::decode(unread.0).encode(buffer)?,
        FrontendMessage::Query(message) => message.encode(buffer)?,
        FrontendMessage::Sync(message) => message.encode(buffer),
        FrontendMessage::Terminate(message) => message.encode(buffer),
    }
    Ok(())
}

/// Three messages have this tag; each that can be read must write the same.
fn check_password(message: &[u8], body: &[u8]) {
    let mut encoded = Vec::new();
    if let Ok(password) = PasswordMessage::decode(body) {
        assert_eq!(format!("{password:?}"), "PasswordMessage { .. }");
        password
            .encode(&mut encoded)
            .expect("what was decoded can be written");
        assert_eq!(encoded, message);
    }
    encoded.clear();
    if let Ok(initial) = SaslInitialResponse::decode(body) {
        initial
            .encode(&mut encoded)
            .expect("what was decoded can be written");
        assert_eq!(encoded, message);
    }
    encoded.clear();
    SaslResponse::decode(body)
        .encode(&mut encoded)
        .expect("any bytes can be written");
    assert_eq!(encoded, message);
}

fn check_prefixes(tag: u8, body: &[u8]) {
    // Any bytes are data of a copy, and a Bind can be read as soon as its names are there.
    if matches!(tag, tag::COPY_DATA | tag::BIND) {
        return;
    }
    for cut in (0..body.len()).rev().take(64) {
        let mut message = Vec::new();
        Writer::tagged(&mut message, Sender::Frontend, "fuzzed", tag)
            .bytes(&body[..cut])
            .finish()
            .expect("an input is far below the limit");
        assert!(decode(&message).is_none(), "cut at {cut}");
    }
}
