//! A counted list of format codes: 0 is text, 1 is binary, others are for the server to refuse.

use crate::cursor::Cursor;
use crate::error::Violation;
use crate::writer::Writer;

/// Format codes, of parameters or of columns.
///
/// ```text
/// count (Int16)  count × format (Int16)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Formats<'a> {
    /// `bytes.len()` is a multiple of 2, and at most `2 × 65,535`.
    bytes: &'a [u8],
}

impl<'a> Formats<'a> {
    /// Reads the count and the codes.
    ///
    /// # Errors
    ///
    /// [`crate::error::ViolationKind::CutOff`] if there are fewer than the count says.
    pub fn decode(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Self, Violation> {
        let count = usize::from(cursor.u16(field)?);
        let bytes = cursor.bytes(field, count * size_of::<i16>())?;
        Ok(Self { bytes })
    }

    /// Writes the count and the codes.
    pub fn encode<'b>(self, writer: Writer<'b>, field: &'static str) -> Writer<'b> {
        writer.count(field, self.count()).bytes(self.bytes)
    }

    /// How many codes there are.
    pub const fn count(self) -> usize {
        self.bytes.len() / size_of::<i16>()
    }

    /// The codes in order.
    pub fn iter(self) -> impl Iterator<Item = i16> + 'a {
        let (codes, _) = self.bytes.as_chunks();
        codes.iter().copied().map(i16::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Sender;
    use crate::error::ViolationKind;

    fn decode(bytes: &[u8]) -> Result<Formats<'_>, Violation> {
        Formats::decode(&mut Cursor::new(Sender::Frontend, "Bind", bytes), "formats")
    }

    #[test]
    fn codes_are_read_in_order() {
        let formats = decode(b"\0\x03\0\0\0\x01\xff\xff").unwrap();
        assert_eq!(formats.count(), 3);
        assert_eq!(formats.iter().collect::<Vec<_>>(), [0, 1, -1]);
    }

    #[test]
    fn a_count_above_what_follows_is_refused() {
        for bytes in [&b""[..], b"\0", b"\0\x01", b"\0\x01\0", b"\xff\xff\0\0"] {
            assert_eq!(decode(bytes).unwrap_err().kind, ViolationKind::CutOff);
        }
    }
}
