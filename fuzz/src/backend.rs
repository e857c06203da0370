//! Messages of a backend: the first byte is the tag, the others are the body. What is decoded
//! encodes to the same bytes, and `postgres-protocol` reads the same facts.

use tidegate_proto::backend::BackendMessage;
use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::NegotiateProtocolVersion;
use tidegate_proto::backend::RowDescription;
use tidegate_proto::backend::tag;
use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::Frame;
use tidegate_proto::writer::Writer;

use crate::backend_oracle;

/// Checks one message.
///
/// # Panics
/// If a promise of a decoder is broken.
pub fn run(data: &[u8]) {
    let Some((&tag, body)) = data.split_first() else {
        return;
    };
    let message = framed(tag, body);
    let Some(decoded) = decode(&message) else {
        return;
    };
    assert!(tag::name(tag).is_some());
    backend_oracle::check(decoded, &message);
    // A negotiation may have the minor version alone; it is written whole.
    if let BackendMessage::NegotiateProtocolVersion(negotiated) = decoded
        && !body.starts_with(&negotiated.version.code().to_be_bytes())
    {
        return;
    }
    let mut encoded = Vec::new();
    encode(decoded, &mut encoded).expect("what was decoded can be written");
    assert_eq!(encoded, message);
    check_prefixes(decoded, tag, body);
}

fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    Writer::tagged(&mut message, Sender::Backend, "fuzzed", tag)
        .bytes(body)
        .finish()
        .expect("an input is far below the limit");
    message
}

fn decode(message: &[u8]) -> Option<BackendMessage<'_>> {
    let (frame, rest) = Frame::split(Sender::Backend, message)
        .expect("the length is right")
        .expect("the message is whole");
    assert!(rest.is_empty());
    let message = BackendMessage::decode(frame).ok()?;
    let _shown = format!("{message:?}");
    Some(message)
}

fn encode(message: BackendMessage<'_>, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
    match message {
        BackendMessage::Authentication(message) => message.encode(buffer)?,
        BackendMessage::BackendKeyData(message) => message.encode(buffer)?,
        BackendMessage::BindComplete(message) => message.encode(buffer),
        BackendMessage::CloseComplete(message) => message.encode(buffer),
        BackendMessage::CommandComplete(message) => message.encode(buffer)?,
        BackendMessage::CopyBothResponse(message) => message.encode(buffer)?,
        BackendMessage::CopyData(message) => message.encode(buffer)?,
        BackendMessage::CopyDone(message) => message.encode(buffer),
        BackendMessage::CopyInResponse(message) => message.encode(buffer)?,
        BackendMessage::CopyOutResponse(message) => message.encode(buffer)?,
        BackendMessage::DataRow(message) => {
            let values: Vec<_> = message.values.iter().collect();
            assert_eq!(values.len(), message.values.count());
            DataRow::encode(&values, buffer)?;
        },
        BackendMessage::EmptyQueryResponse(message) => message.encode(buffer),
        BackendMessage::ErrorResponse(message) => message.encode(buffer)?,
        BackendMessage::FunctionCallResponse(message) => message.encode(buffer)?,
        BackendMessage::NegotiateProtocolVersion(message) => {
            let options: Vec<_> = message.options().collect();
            assert_eq!(options.len(), message.count() as usize);
            let options = options.iter().copied();
            NegotiateProtocolVersion::encode(message.version, options, buffer)?;
        },
        BackendMessage::NoData(message) => message.encode(buffer),
        BackendMessage::NoticeResponse(message) => message.encode(buffer)?,
        BackendMessage::NotificationResponse(message) => message.encode(buffer)?,
        BackendMessage::ParameterDescription(message) => message.encode(buffer)?,
        BackendMessage::ParameterStatus(message) => message.encode(buffer)?,
        BackendMessage::ParseComplete(message) => message.encode(buffer),
        BackendMessage::PortalSuspended(message) => message.encode(buffer),
        BackendMessage::ReadyForQuery(message) => message.encode(buffer),
        BackendMessage::RowDescription(message) => {
            let columns: Vec<_> = message.columns().collect();
            assert_eq!(columns.len(), message.count());
            RowDescription::encode(&columns, buffer)?;
        },
    }
    Ok(())
}

fn check_prefixes(decoded: BackendMessage<'_>, tag: u8, body: &[u8]) {
    // The messages that end with any number of bytes.
    if matches!(
        decoded,
        BackendMessage::Authentication(_)
            | BackendMessage::CopyData(_)
            | BackendMessage::BackendKeyData(_)
    ) {
        return;
    }
    for cut in (0..body.len()).rev().take(64) {
        assert!(decode(&framed(tag, &body[..cut])).is_none(), "cut at {cut}");
    }
}
