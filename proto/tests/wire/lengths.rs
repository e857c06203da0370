//! Every length that a peer announces, with the values that have broken other codecs: in the frame
//! of every message of both directions, and in every count and length inside a body.

use tidegate_proto::backend;
use tidegate_proto::backend::BackendMessage;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::frame::Frame;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frame::message_bytes_max;
use tidegate_proto::frontend;
use tidegate_proto::frontend::FrontendMessage;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::frontend::SaslInitialResponse;

const LENGTHS: [u32; 8] = [0, 1, 3, 4, 5, (1 << 31) - 1, 1 << 31, u32::MAX];

fn is_known(sender: Sender, tag: u8) -> bool {
    match sender {
        Sender::Frontend => frontend::tag::name(tag).is_some(),
        Sender::Backend => backend::tag::name(tag).is_some(),
    }
}

/// Decodes everything in a message, also what is decoded late.
fn decode(sender: Sender, frame: Frame<'_>) -> Result<(), Violation> {
    match sender {
        Sender::Backend => BackendMessage::decode(frame).map(drop),
        Sender::Frontend => decode_frontend(FrontendMessage::decode(frame)?),
    }
}

fn decode_frontend(message: FrontendMessage<'_>) -> Result<(), Violation> {
    if let FrontendMessage::Bind(bind) = message {
        return bind.arguments().map(drop);
    }
    if let FrontendMessage::Password(unread) = message
        && PasswordMessage::decode(unread.0).is_err()
    {
        return SaslInitialResponse::decode(unread.0).map(drop);
    }
    Ok(())
}

#[test]
fn a_frame_with_an_illegal_length_is_refused_whatever_its_tag() {
    for sender in [Sender::Frontend, Sender::Backend] {
        for tag in 0..=u8::MAX {
            for length in LENGTHS {
                let mut bytes = vec![tag];
                bytes.extend_from_slice(&length.to_be_bytes());
                let header = FrameHeader::parse(sender, &bytes);
                let legal = (4..=message_bytes_max(sender)).contains(&length);
                assert_eq!(header.is_ok(), legal, "{sender} {tag} {length}");
            }
        }
    }
}

#[test]
fn a_message_of_any_small_length_is_read_or_refused_in_its_own_name() {
    for sender in [Sender::Frontend, Sender::Backend] {
        for tag in 0..=u8::MAX {
            for body_bytes in 0..40u8 {
                for fill in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bytes = vec![tag, 0, 0, 0, body_bytes + 4];
                    bytes.resize(5 + usize::from(body_bytes), fill);
                    let (frame, rest) = Frame::split(sender, &bytes).unwrap().unwrap();
                    assert!(rest.is_empty());
                    let decoded = decode(sender, frame);
                    assert!(
                        decoded.is_err_and(|error| error.sender == sender) || is_known(sender, tag),
                        "{sender} {tag}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_message_without_a_body_has_none() {
    let bodyless = [
        (Sender::Frontend, &b"HSXc"[..]),
        (Sender::Backend, b"123Icns"),
    ];
    for (sender, tags) in bodyless {
        for &tag in tags {
            let bare = [tag, 0, 0, 0, 4];
            let (frame, _) = Frame::split(sender, &bare).unwrap().unwrap();
            decode(sender, frame).unwrap();
            let with_body = [tag, 0, 0, 0, 5, 0];
            let (frame, _) = Frame::split(sender, &with_body).unwrap().unwrap();
            decode(sender, frame).unwrap_err();
        }
    }
}

/// A body up to a length or a count inside it, and what follows.
struct Inner {
    sender: Sender,
    tag: u8,
    before: &'static [u8],
    after: &'static [u8],
}

const fn inner(sender: Sender, tag: u8, before: &'static [u8], after: &'static [u8]) -> Inner {
    Inner {
        sender,
        tag,
        before,
        after,
    }
}

/// Lengths of four bytes: what follows fits none of [`LENGTHS`], nor -1, which is a null.
const INNER_LENGTHS: [Inner; 7] = [
    inner(
        Sender::Frontend,
        frontend::tag::BIND,
        b"\0\0\0\0\0\x01",
        b"ab\0\0",
    ),
    inner(
        Sender::Frontend,
        frontend::tag::FUNCTION_CALL,
        b"\0\0\0\x01\0\0\0\x01",
        b"ab\0\0",
    ),
    inner(
        Sender::Frontend,
        frontend::tag::PASSWORD,
        b"SCRAM-SHA-256\0",
        b"ab",
    ),
    inner(Sender::Backend, backend::tag::DATA_ROW, b"\0\x01", b"ab"),
    inner(
        Sender::Backend,
        backend::tag::DATA_ROW,
        b"\0\x02\0\0\0\x01a",
        b"ab",
    ),
    inner(
        Sender::Backend,
        backend::tag::FUNCTION_CALL_RESPONSE,
        b"",
        b"ab",
    ),
    inner(
        Sender::Backend,
        backend::tag::NEGOTIATE_PROTOCOL_VERSION,
        b"\0\x03\0\0",
        b"a\0b\0",
    ),
];

/// Counts of two bytes: what follows is fewer than any of [`LENGTHS`] but 0, which leaves bytes.
const INNER_COUNTS: [Inner; 9] = [
    inner(Sender::Frontend, frontend::tag::PARSE, b"\0\0", b"\x01"),
    inner(Sender::Frontend, frontend::tag::BIND, b"\0\0", b"\x01"),
    inner(Sender::Frontend, frontend::tag::BIND, b"\0\0\0\0", b"\x01"),
    inner(
        Sender::Frontend,
        frontend::tag::BIND,
        b"\0\0\0\0\0\0",
        b"\x01",
    ),
    inner(
        Sender::Frontend,
        frontend::tag::FUNCTION_CALL,
        b"\0\0\0\x01",
        b"\x01",
    ),
    inner(Sender::Backend, backend::tag::DATA_ROW, b"", b"\x01"),
    inner(Sender::Backend, backend::tag::ROW_DESCRIPTION, b"", b"\x01"),
    inner(
        Sender::Backend,
        backend::tag::PARAMETER_DESCRIPTION,
        b"",
        b"\x01",
    ),
    inner(
        Sender::Backend,
        backend::tag::COPY_OUT_RESPONSE,
        b"\0",
        b"\x01",
    ),
];

fn violation(inner: &Inner, announced: &[u8]) -> Violation {
    let body = [inner.before, announced, inner.after].concat();
    let length = u32::try_from(body.len()).unwrap() + 4;
    let bytes = [&[inner.tag][..], &length.to_be_bytes(), &body].concat();
    let (frame, _) = Frame::split(inner.sender, &bytes).unwrap().unwrap();
    decode(inner.sender, frame).unwrap_err()
}

#[test]
fn a_length_inside_a_body_is_held_against_what_is_there() {
    for case in &INNER_LENGTHS {
        for length in LENGTHS {
            let violation = violation(case, &length.to_be_bytes());
            assert_eq!(violation.sender, case.sender, "{violation}");
        }
    }
}

#[test]
fn a_count_inside_a_body_is_held_against_what_is_there() {
    for case in &INNER_COUNTS {
        for count in [0, 1, 3, 4, 5, i16::MAX.cast_unsigned(), 1 << 15, u16::MAX] {
            let violation = violation(case, &count.to_be_bytes());
            assert_eq!(violation.sender, case.sender, "{violation}");
        }
    }
}
