//! One line of a trace: how each kind of field is written. A line that is not ended leaves no
//! trace.

use crate::error::Sender;
use crate::error::Violation;

/// A line that is being written.
#[derive(Debug)]
#[must_use = "a line without `end` is taken out of the text again"]
pub(super) struct Line<'a> {
    text: &'a mut String,
    /// Where the line begins, and where it goes back to if it is not ended.
    start: usize,
    comparable: bool,
    has_fields: bool,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a mut String, comparable: bool, sender: Sender, length: u32) -> Self {
        let length = length.to_string();
        Self::begin(text, comparable, sender, &length)
    }

    pub(super) fn without_length(text: &'a mut String, sender: Sender) -> Self {
        Self::begin(text, true, sender, "NN")
    }

    fn begin(text: &'a mut String, comparable: bool, sender: Sender, length: &str) -> Self {
        let start = text.len();
        text.push(match sender {
            Sender::Frontend => 'F',
            Sender::Backend => 'B',
        });
        text.push('\t');
        text.push_str(length);
        text.push('\t');
        Self {
            text,
            start,
            comparable,
            has_fields: false,
        }
    }

    /// The message's name.
    pub(super) fn name(self, name: &str) -> Self {
        self.text.push_str(name);
        self
    }

    /// A byte that stands for something.
    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.field();
        push(self.text, &[byte]);
        self
    }

    /// A number.
    pub(super) fn number(mut self, number: impl Into<i64>) -> Self {
        self.field();
        self.text.push_str(&number.into().to_string());
        self
    }

    /// An `Int16`. libpq writes all of them without a sign, so -1 is 65535.
    pub(super) fn short(self, number: i16) -> Self {
        self.number(number.cast_unsigned())
    }

    /// An object id or a process id, which differs from run to run. Signed, as libpq has it.
    pub(super) fn id(mut self, id: u32) -> Self {
        if self.comparable {
            self.field();
            self.text.push_str("NNNN");
            return self;
        }
        self.number(id.cast_signed())
    }

    /// A string.
    pub(super) fn string(mut self, string: &[u8]) -> Self {
        self.field();
        self.quoted('"', string);
        self
    }

    /// A string that depends on the server's source.
    pub(super) fn source_string(self, string: &[u8]) -> Self {
        if self.comparable {
            self.string(b"SSSS")
        } else {
            self.string(string)
        }
    }

    /// Bytes of a known length.
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.field();
        self.quoted('\'', bytes);
        self
    }

    /// Bytes that are secret, or could help to find out what is.
    pub(super) fn secret(self) -> Self {
        self.bytes(b"BBBB")
    }

    /// A length and that many bytes, or -1.
    pub(super) fn value(self, value: Option<&[u8]>) -> Self {
        match value {
            None => self.number(-1),
            Some(value) => self.length(value).bytes(value),
        }
    }

    /// The length of what follows.
    pub(super) fn length(self, bytes: &[u8]) -> Self {
        self.number(i64::try_from(bytes.len()).unwrap_or(i64::MAX))
    }

    /// A count.
    pub(super) fn count(self, count: usize) -> Self {
        self.number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Ends the line.
    pub(super) fn end(mut self) {
        self.text.push('\n');
        self.start = self.text.len();
    }

    /// Ends a line for a message that could not be decoded.
    pub(super) fn malformed(self, violation: Violation) {
        let violation = violation.to_string();
        self.name("Malformed").string(violation.as_bytes()).end();
    }

    /// A tab goes before the first field, a space before each.
    fn field(&mut self) {
        if !self.has_fields {
            self.text.push('\t');
            self.has_fields = true;
        }
        self.text.push(' ');
    }

    fn quoted(&mut self, quote: char, bytes: &[u8]) {
        self.text.push(quote);
        push(self.text, bytes);
        self.text.push(quote);
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.text.truncate(self.start);
    }
}

fn hexadecimal(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('?')
}

fn push(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if matches!(byte, b' '..=b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str("\\x");
            text.extend([byte >> 4, byte & 0xf].map(hexadecimal));
        }
    }
}
