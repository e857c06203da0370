//! A counted list of object ids, which name the types of parameters.

use crate::cursor::Cursor;
use crate::error::Violation;
use crate::writer::Writer;

/// Object ids; 0 leaves a type to the server.
///
/// ```text
/// count (Int16)  count × object id (Int32)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ObjectIds<'a> {
    /// `bytes.len()` is a multiple of 4, and at most `4 × 65,535`.
    bytes: &'a [u8],
}

impl<'a> ObjectIds<'a> {
    /// Reads the count and the ids.
    ///
    /// # Errors
    ///
    /// [`crate::error::ViolationKind::CutOff`] if there are fewer than the count says.
    pub fn decode(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Self, Violation> {
        let count = usize::from(cursor.u16(field)?);
        let bytes = cursor.bytes(field, count * size_of::<u32>())?;
        Ok(Self { bytes })
    }

    /// Writes the count and the ids.
    pub fn encode<'b>(self, writer: Writer<'b>, field: &'static str) -> Writer<'b> {
        writer.count(field, self.count()).bytes(self.bytes)
    }

    /// How many ids there are.
    pub const fn count(self) -> usize {
        self.bytes.len() / size_of::<u32>()
    }

    /// The ids in order.
    pub fn iter(self) -> impl Iterator<Item = u32> + 'a {
        let (ids, _) = self.bytes.as_chunks();
        ids.iter().copied().map(u32::from_be_bytes)
    }

    /// The ids as they are on the wire, without the count: equal ids have equal bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Sender;
    use crate::error::ViolationKind;

    fn decode(bytes: &[u8]) -> Result<ObjectIds<'_>, Violation> {
        ObjectIds::decode(&mut Cursor::new(Sender::Frontend, "Parse", bytes), "types")
    }

    #[test]
    fn ids_are_read_in_order() {
        let ids = decode(b"\0\x02\0\0\0\x17\xff\xff\xff\xff").unwrap();
        assert_eq!(ids.count(), 2);
        assert_eq!(ids.iter().collect::<Vec<_>>(), [23, u32::MAX]);
        assert_eq!(ids.as_bytes(), b"\0\0\0\x17\xff\xff\xff\xff");
    }

    #[test]
    fn a_count_above_what_follows_is_refused() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\x01",
            b"\0\x01\0\0\0",
            b"\xff\xff\0\0\0\0",
        ] {
            assert_eq!(decode(bytes).unwrap_err().kind, ViolationKind::CutOff);
        }
    }
}
