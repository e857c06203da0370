//! Appends one message to a buffer and sets its length when all fields are in. A length is
//! computed without wrapping, and a string never carries a zero byte: both once let a client's
//! value turn into messages of its own (CVE-2024-27304, RUSTSEC-2024-0363).

use crate::error::EncodeError;
use crate::error::EncodeErrorKind;
use crate::error::Sender;
use crate::frame::message_bytes_max;
use crate::limits::FRAME_HEADER_BYTES;
use crate::limits::LENGTH_WORD_BYTES;

/// One message that is being written. [`Writer::finish`] completes it; if that fails, or never
/// comes, the buffer is as it was.
#[derive(Debug)]
#[must_use = "a message without `finish` is taken out of the buffer again"]
pub struct Writer<'a> {
    buffer: &'a mut Vec<u8>,
    /// Where the message begins. `start <= length_at < buffer.len()` until it is finished.
    start: usize,
    /// Where the length word is.
    length_at: usize,
    message: &'static str,
    length_max: u32,
    failure: Option<EncodeError>,
}

impl<'a> Writer<'a> {
    /// Begins a `message` of `sender` with its tag.
    pub fn tagged(buffer: &'a mut Vec<u8>, sender: Sender, message: &'static str, tag: u8) -> Self {
        let start = buffer.len();
        buffer.push(tag);
        Self::begin(buffer, start, message, message_bytes_max(sender))
    }

    /// Begins one of the messages that open a connection, which have no tag and at most
    /// `length_max` bytes.
    pub fn untagged(buffer: &'a mut Vec<u8>, message: &'static str, length_max: u32) -> Self {
        let start = buffer.len();
        Self::begin(buffer, start, message, length_max)
    }

    /// One byte.
    pub fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    /// An `Int16`.
    pub fn i16(self, value: i16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// An `Int16` that counts the elements that follow, up to 65,535.
    pub fn count(mut self, field: &'static str, count: usize) -> Self {
        match u16::try_from(count) {
            Ok(count) => self.bytes(&count.to_be_bytes()),
            Err(_out_of_range) => {
                let count_max = usize::from(u16::MAX);
                self.fail(field, EncodeErrorKind::TooMany { count, count_max });
                self
            },
        }
    }

    /// An `Int32`, signed.
    pub fn i32(self, value: i32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// An `Int32` without a sign.
    pub fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A `String`, with its terminator.
    pub fn cstr(mut self, field: &'static str, value: &[u8]) -> Self {
        if value.contains(&0) {
            self.fail(field, EncodeErrorKind::ZeroByte);
            return self;
        }
        self.bytes(value).u8(0)
    }

    /// An `Int32` length and that many bytes; -1 and none for `None`.
    pub fn value(mut self, field: &'static str, value: Option<&[u8]>) -> Self {
        let Some(value) = value else {
            return self.i32(-1);
        };
        match i32::try_from(value.len()) {
            Ok(length) => self.i32(length).bytes(value),
            Err(_out_of_range) => {
                let length_max = i32::MAX as usize;
                let length = value.len();
                self.fail(field, EncodeErrorKind::TooLong { length, length_max });
                self
            },
        }
    }

    /// Bytes as they are.
    pub fn bytes(self, value: &[u8]) -> Self {
        if self.failure.is_none() {
            self.buffer.extend_from_slice(value);
        }
        self
    }

    /// Sets the length word: the message is in the buffer.
    ///
    /// # Errors
    ///
    /// The first field that could not be written, or the length of the whole. The buffer is then
    /// as it was before the message was begun.
    pub fn finish(mut self) -> Result<(), EncodeError> {
        let length = self.buffer.len().saturating_sub(self.length_at);
        let length = length_word(self.message, length, self.length_max);
        match (self.failure.take(), length) {
            (None, Ok(length)) => {
                if let Some(word) = self.buffer.get_mut(self.length_at..)
                    && let Some(word) = word.first_chunk_mut()
                {
                    *word = length.to_be_bytes();
                }
                self.start = self.buffer.len();
                Ok(())
            },
            (Some(failure), _) | (None, Err(failure)) => Err(failure),
        }
    }

    fn begin(
        buffer: &'a mut Vec<u8>,
        start: usize,
        message: &'static str,
        length_max: u32,
    ) -> Self {
        let length_at = buffer.len();
        buffer.extend_from_slice(&[0; LENGTH_WORD_BYTES as usize]);
        Self {
            buffer,
            start,
            length_at,
            message,
            length_max,
            failure: None,
        }
    }

    #[cold]
    fn fail(&mut self, field: &'static str, kind: EncodeErrorKind) {
        let message = self.message;
        self.failure.get_or_insert(EncodeError {
            message,
            field,
            kind,
        });
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        // `finish` moves `start` to the end, so that a finished message stays.
        self.buffer.truncate(self.start);
    }
}

/// A whole message that has no body.
pub const fn bodyless(tag: u8) -> [u8; FRAME_HEADER_BYTES] {
    let [a, b, c, d] = LENGTH_WORD_BYTES.to_be_bytes();
    [tag, a, b, c, d]
}

/// The length word of a message of `length` bytes, the word itself included.
///
/// # Errors
///
/// [`EncodeErrorKind::TooLong`] if it is above `length_max`: the receiver would refuse it, and
/// above 4 GiB the word would wrap and the rest of the body be read as further messages.
pub fn length_word(
    message: &'static str,
    length: usize,
    length_max: u32,
) -> Result<u32, EncodeError> {
    u32::try_from(length)
        .ok()
        .filter(|&word| word <= length_max)
        .ok_or(EncodeError {
            message,
            field: "length",
            kind: EncodeErrorKind::TooLong {
                length,
                length_max: length_max as usize,
            },
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FRONTEND_MESSAGE_BYTES_MAX;

    fn query(buffer: &mut Vec<u8>) -> Writer<'_> {
        Writer::tagged(buffer, Sender::Frontend, "Query", b'Q')
    }

    #[test]
    fn a_message_gets_its_length_when_it_is_finished() {
        let mut buffer = b"before".to_vec();
        query(&mut buffer)
            .cstr("query", b"select 1")
            .finish()
            .unwrap();
        assert_eq!(buffer, b"beforeQ\0\0\0\x0dselect 1\0");
    }

    #[test]
    fn every_kind_of_field_is_written_in_network_order() {
        let mut buffer = Vec::new();
        Writer::untagged(&mut buffer, "test", 100)
            .u8(1)
            .i16(-2)
            .count("count", 3)
            .i32(-4)
            .u32(5)
            .value("value", Some(b"ab"))
            .value("value", None)
            .finish()
            .unwrap();
        assert_eq!(
            buffer,
            b"\0\0\0\x1b\x01\xff\xfe\0\x03\xff\xff\xff\xfc\0\0\0\x05\0\0\0\x02ab\xff\xff\xff\xff"
        );
    }

    #[test]
    fn a_string_with_a_zero_byte_is_refused_and_leaves_no_trace() {
        let mut buffer = b"before".to_vec();
        let error = query(&mut buffer)
            .cstr("query", b"a\0b")
            .u8(1)
            .finish()
            .unwrap_err();
        assert_eq!(
            (error.field, error.kind),
            ("query", EncodeErrorKind::ZeroByte)
        );
        assert_eq!(buffer, b"before");
    }

    #[test]
    fn the_first_of_two_failures_is_reported() {
        let mut buffer = Vec::new();
        let writer = query(&mut buffer)
            .cstr("first", b"\0")
            .cstr("second", b"\0");
        assert_eq!(writer.finish().unwrap_err().field, "first");
    }

    #[test]
    fn a_message_that_is_never_finished_leaves_no_trace() {
        let mut buffer = b"before".to_vec();
        drop(query(&mut buffer).u8(1));
        assert_eq!(buffer, b"before");
    }

    #[test]
    fn a_count_above_an_int16_is_refused() {
        let mut buffer = Vec::new();
        let error = query(&mut buffer)
            .count("formats", 65_536)
            .finish()
            .unwrap_err();
        let kind = EncodeErrorKind::TooMany {
            count: 65_536,
            count_max: 65_535,
        };
        assert_eq!((error.field, error.kind), ("formats", kind));
        assert!(buffer.is_empty());
    }

    #[test]
    fn message_over_4gib_rewrite_cve_2024_27304() {
        let length_max = FRONTEND_MESSAGE_BYTES_MAX;
        assert_eq!(length_word("Parse", 4, length_max), Ok(4));
        assert_eq!(
            length_word("Parse", length_max as usize, length_max),
            Ok(length_max)
        );
        let wrapping = [
            1 << 30,
            (1 << 31) - 1,
            1 << 31,
            (1 << 32) - 1,
            (1 << 32) + 16,
            usize::MAX,
        ];
        for length in wrapping {
            let error = length_word("Parse", length, length_max).unwrap_err();
            let length_max = length_max as usize;
            assert_eq!(error.kind, EncodeErrorKind::TooLong { length, length_max });
        }
    }
}
