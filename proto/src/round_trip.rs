//! What the tests of every message share: values to try, and the two checks that a codec must
//! pass. Compiled for tests only.

use proptest::prelude::*;

use crate::error::Sender;
use crate::frame::Frame;

/// The body of `message`, which must be one whole message with `tag` and nothing after it. Every
/// strict prefix of it must ask for more.
#[track_caller]
pub(crate) fn body(sender: Sender, tag: u8, message: &[u8]) -> &[u8] {
    for cut in 0..message.len() {
        assert_eq!(
            Frame::split(sender, &message[..cut]),
            Ok(None),
            "cut at {cut}"
        );
    }
    let (frame, rest) = Frame::split(sender, message).unwrap().unwrap();
    assert_eq!((frame.header.tag(), rest), (tag, &b""[..]));
    frame.body
}

/// A body must be refused when any number of bytes is missing at its end, and when one more
/// follows.
#[track_caller]
pub(crate) fn only_the_whole_is_accepted(body: &[u8], accepts: impl Fn(&[u8]) -> bool) {
    assert!(accepts(body));
    for cut in 0..body.len() {
        assert!(!accepts(&body[..cut]), "cut at {cut} of {body:?}");
    }
    assert!(
        !accepts(&[body, &b"\0"[..]].concat()),
        "one byte more than {body:?}"
    );
}

/// Any bytes that a `String` of the protocol can hold.
pub(crate) fn string() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(1u8.., 0..12)
}

/// Any bytes.
pub(crate) fn data() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..12)
}
