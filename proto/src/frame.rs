//! The frame that every message but the first of a connection travels in: a tag byte, then a
//! length word that counts itself and the body but not the tag. Only finds where a message begins
//! and ends; it never looks at a body, and never waits for one.
//!
//! See <https://www.postgresql.org/docs/current/protocol-overview.html>, section 54.1.1.

use crate::error::Sender;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::limits::BACKEND_MESSAGE_BYTES_MAX;
use crate::limits::FRONTEND_MESSAGE_BYTES_MAX;
use crate::limits::LENGTH_WORD_BYTES;

pub use crate::limits::FRAME_HEADER_BYTES;

/// The first five bytes of a message.
///
/// ```text
/// byte 0     1..5            5..1+length
///      tag   length (u32)    body
/// ```
///
/// `4 <= length <= ` the limit of its sender: a value of this type was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    tag: u8,
    length: u32,
}

impl FrameHeader {
    /// Reads the header at the start of `bytes`; `None` if fewer than five bytes are there.
    ///
    /// This runs for every message of every connection: two comparisons, no call, no allocation.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::TooShort`] if the length word is below 4 and [`ViolationKind::TooLong`] if
    /// it is above the sender's limit: the sender's fault, and its connection must close, since
    /// nobody knows where the next message begins.
    #[inline]
    pub const fn parse(sender: Sender, bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let Some(&[tag, a, b, c, d]) = bytes.first_chunk::<FRAME_HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        if length < LENGTH_WORD_BYTES || length > message_bytes_max(sender) {
            return Err(illegal_length(sender, length));
        }
        Ok(Some(Self { tag, length }))
    }

    /// What kind of message this is: one of `frontend::tag` or `backend::tag`, or unknown.
    #[inline]
    pub const fn tag(self) -> u8 {
        self.tag
    }

    /// The length word as it is on the wire. In bytes, itself included and the tag not.
    #[inline]
    pub const fn length(self) -> u32 {
        self.length
    }

    /// Bytes that follow the header.
    #[inline]
    pub const fn body_bytes(self) -> usize {
        self.length.saturating_sub(LENGTH_WORD_BYTES) as usize
    }

    /// Bytes of the whole message, header and body.
    #[inline]
    pub const fn total_bytes(self) -> usize {
        self.length as usize + 1
    }
}

/// A message that lies whole in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its tag and length.
    pub header: FrameHeader,
    /// Its body: [`FrameHeader::body_bytes`] bytes.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits the message at the start of `bytes` from what follows it; `None` if it is not whole.
    ///
    /// For messages that are small by their nature. A relay looks at headers and streams bodies.
    ///
    /// # Errors
    ///
    /// As [`FrameHeader::parse`].
    pub fn split(sender: Sender, bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, Violation> {
        let Some(header) = FrameHeader::parse(sender, bytes)? else {
            return Ok(None);
        };
        let Some((message, rest)) = bytes.split_at_checked(header.total_bytes()) else {
            return Ok(None);
        };
        let body = message.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        Ok(Some((Self { header, body }, rest)))
    }
}

/// The largest length word that `sender` may write. In bytes, the word itself included.
#[inline]
pub const fn message_bytes_max(sender: Sender) -> u32 {
    match sender {
        Sender::Frontend => FRONTEND_MESSAGE_BYTES_MAX,
        Sender::Backend => BACKEND_MESSAGE_BYTES_MAX,
    }
}

#[cold]
const fn illegal_length(sender: Sender, length: u32) -> Violation {
    let kind = if length < LENGTH_WORD_BYTES {
        ViolationKind::TooShort {
            length,
            length_min: LENGTH_WORD_BYTES,
        }
    } else {
        ViolationKind::TooLong {
            length,
            length_max: message_bytes_max(sender),
        }
    };
    Violation {
        sender,
        message: "message",
        field: "length",
        kind,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(tag: u8, length: u32) -> [u8; FRAME_HEADER_BYTES] {
        let [a, b, c, d] = length.to_be_bytes();
        [tag, a, b, c, d]
    }

    #[test]
    fn a_split_header_needs_more() {
        let bytes = header(b'Q', 42);
        for cut in 0..FRAME_HEADER_BYTES {
            assert_eq!(
                FrameHeader::parse(Sender::Frontend, &bytes[..cut]),
                Ok(None)
            );
        }
    }

    #[test]
    fn a_header_tells_where_the_message_ends() {
        let header = FrameHeader::parse(Sender::Backend, &header(b'Z', 5))
            .unwrap()
            .unwrap();
        assert_eq!((header.tag(), header.length()), (b'Z', 5));
        assert_eq!((header.body_bytes(), header.total_bytes()), (1, 6));
    }

    #[test]
    fn the_largest_lengths_are_those_of_a_server() {
        // MaxAllocSize is 0x3fffffff; a body that is built has one byte less, and then its word.
        assert_eq!(message_bytes_max(Sender::Frontend), 0x3fff_fffe);
        assert_eq!(message_bytes_max(Sender::Backend), 0x4000_0002);
    }

    #[test]
    fn the_smallest_and_the_largest_length_are_legal() {
        for sender in [Sender::Frontend, Sender::Backend] {
            for length in [4, 5, message_bytes_max(sender)] {
                let header = FrameHeader::parse(sender, &header(b'd', length))
                    .unwrap()
                    .unwrap();
                assert_eq!(header.length(), length);
            }
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_a_violation_of_its_sender() {
        let above = |sender| message_bytes_max(sender) + 1;
        for sender in [Sender::Frontend, Sender::Backend] {
            for length in [0, 1, 3, above(sender), (1 << 31) - 1, 1 << 31, u32::MAX] {
                let violation = FrameHeader::parse(sender, &header(b'Q', length)).unwrap_err();
                assert_eq!((violation.sender, violation.field), (sender, "length"));
            }
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_found_in_front_of_what_follows(
            tag: u8,
            body in proptest::collection::vec(any::<u8>(), 0..64),
            rest in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let length = u32::try_from(body.len()).unwrap() + 4;
            let message = [&header(tag, length)[..], &body].concat();
            for cut in 0..message.len() {
                prop_assert_eq!(Frame::split(Sender::Backend, &message[..cut]), Ok(None));
            }
            let bytes = [&message[..], &rest].concat();
            let (frame, after) = Frame::split(Sender::Backend, &bytes).unwrap().unwrap();
            prop_assert_eq!((frame.header.tag(), frame.body), (tag, &body[..]));
            prop_assert_eq!(after, &rest[..]);
        }
    }
}
