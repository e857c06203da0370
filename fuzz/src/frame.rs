//! Frames: a stream is cut into the same messages however it arrives, and `postgres-protocol`
//! finds the same headers.

use tidegate_proto::backend::BackendMessage;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::Frame;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frame::message_bytes_max;
use tidegate_proto::frontend::FrontendMessage;
use tidegate_proto::trace::Trace;

/// Checks `data` as a stream of either direction.
///
/// # Panics
/// If a promise of the frame parser is broken.
pub fn run(data: &[u8]) {
    for sender in [Sender::Frontend, Sender::Backend] {
        let whole = headers(sender, data);
        check_header(sender, data);
        check_trace(sender, data, &whole);
        // What was found in a prefix of the stream stays found, and a violation stays one.
        for cut in [data.len() / 2, data.len().saturating_sub(1)] {
            let (found, end) = headers(sender, &data[..cut]);
            assert!(whole.0.starts_with(&found));
            assert!(end.is_none() || end == whole.1);
        }
    }
}

/// Walks whole messages; decodes each, which may fail but not panic.
fn headers(sender: Sender, mut data: &[u8]) -> (Vec<FrameHeader>, Option<Violation>) {
    let mut headers = Vec::new();
    loop {
        match Frame::split(sender, data) {
            Ok(None) => return (headers, None),
            Err(violation) => {
                assert_eq!(violation.fault(), sender.fault());
                return (headers, Some(violation));
            },
            Ok(Some((frame, rest))) => {
                assert_eq!(frame.body.len(), frame.header.body_bytes());
                assert_eq!(frame.header.total_bytes() + rest.len(), data.len());
                let violation = match sender {
                    Sender::Frontend => FrontendMessage::decode(frame).err(),
                    Sender::Backend => BackendMessage::decode(frame).err(),
                };
                assert!(violation.is_none_or(|violation| violation.sender == sender));
                headers.push(frame.header);
                data = rest;
            },
        }
    }
}

/// A trace has one line for every message, whatever is in it.
fn check_trace(sender: Sender, data: &[u8], whole: &(Vec<FrameHeader>, Option<Violation>)) {
    let mut trace = Trace::new();
    let traced = trace.stream(sender, data);
    let bytes = whole.0.iter().map(|header| header.total_bytes()).sum();
    assert_eq!(traced, whole.1.map_or(Ok(bytes), Err));
    assert_eq!(trace.as_str().lines().count(), whole.0.len());
}

fn check_header(sender: Sender, data: &[u8]) {
    let ours = FrameHeader::parse(sender, data);
    match postgres_protocol::message::backend::Header::parse(data) {
        Ok(None) => assert_eq!(ours, Ok(None)),
        // It refuses what is negative as an i32, or below 4.
        Err(_) => assert!(ours.is_err()),
        Ok(Some(theirs)) => match ours {
            Ok(ours) => {
                let ours = ours.expect("five bytes are a header");
                assert_eq!(ours.tag(), theirs.tag());
                assert_eq!(i64::from(ours.length()), i64::from(theirs.len()));
            },
            Err(_) => assert!(i64::from(theirs.len()) > i64::from(message_bytes_max(sender))),
        },
    }
    if data.len() < FRAME_HEADER_BYTES {
        assert_eq!(ours, Ok(None));
    }
}
