//! A counted list of values, each with its length: the parameters of a `Bind`, the columns of a
//! `DataRow`. A count or a length that promises more than there is, is refused when the message is
//! decoded, and never when a value is asked for.

use crate::cursor::Cursor;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::writer::Writer;

/// Values in order; a null has no bytes.
///
/// ```text
/// count (Int16)  count × ( length (Int32), -1 for null   length bytes )
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Values<'a> {
    count: u16,
    /// Exactly `count` lengths and values: `decode` has walked them.
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    /// Reads the count and the values, which are left where they are.
    ///
    /// # Errors
    ///
    /// [`ViolationKind::CutOff`] if there are fewer than the count says or a value is shorter than
    /// its length says; [`ViolationKind::IllegalValue`] for a length below -1.
    pub fn decode(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Self, Violation> {
        let count = cursor.u16(field)?;
        let start = cursor.clone();
        for _ in 0..count {
            value(cursor, field)?;
        }
        let length = start
            .remaining_bytes()
            .saturating_sub(cursor.remaining_bytes());
        let bytes = start.clone().bytes(field, length)?;
        Ok(Self { count, bytes })
    }

    /// Writes the count and the values.
    pub fn encode<'b>(self, writer: Writer<'b>, field: &'static str) -> Writer<'b> {
        writer.count(field, self.count()).bytes(self.bytes)
    }

    /// How many values there are, nulls included.
    pub const fn count(self) -> usize {
        self.count as usize
    }

    /// The values in order; `None` is a null.
    pub fn iter(self) -> impl Iterator<Item = Option<&'a [u8]>> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                rest = after;
                return Some(None);
            };
            let (value, after) = after.split_at_checked(length)?;
            rest = after;
            Some(Some(value))
        })
    }
}

/// Reads one value with its length; `None` is a null.
///
/// # Errors
///
/// As [`Values::decode`].
pub(crate) fn value<'a>(
    cursor: &mut Cursor<'a>,
    field: &'static str,
) -> Result<Option<&'a [u8]>, Violation> {
    let length = cursor.i32(field)?;
    match usize::try_from(length) {
        Ok(length) => cursor.bytes(field, length).map(Some),
        Err(_negative) if length == -1 => Ok(None),
        Err(_negative) => {
            let value = i64::from(length);
            Err(cursor.violation(field, ViolationKind::IllegalValue { value }))
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Sender;

    fn decode(bytes: &[u8]) -> Result<Values<'_>, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, "DataRow", bytes);
        let values = Values::decode(&mut cursor, "values")?;
        cursor.finish()?;
        Ok(values)
    }

    #[test]
    fn a_null_is_not_an_empty_value() {
        let values = decode(b"\0\x03\xff\xff\xff\xff\0\0\0\0\0\0\0\x02ab").unwrap();
        assert_eq!(values.count(), 3);
        assert_eq!(
            values.iter().collect::<Vec<_>>(),
            [None, Some(&b""[..]), Some(b"ab")]
        );
    }

    #[test]
    fn a_length_below_minus_one_is_refused() {
        let violation = decode(b"\0\x01\xff\xff\xff\xfe").unwrap_err();
        assert_eq!(violation.kind, ViolationKind::IllegalValue { value: -2 });
    }

    #[test]
    fn a_length_above_what_follows_is_refused() {
        for length in [3u32, (1 << 31) - 1] {
            let bytes = [b"\0\x01", &length.to_be_bytes()[..], b"ab"].concat();
            assert_eq!(decode(&bytes).unwrap_err().kind, ViolationKind::CutOff);
        }
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_were_written(
            values in proptest::collection::vec(
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..8)), 0..8),
        ) {
            let mut bytes = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
            for value in &values {
                let length = value.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap());
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(value.as_deref().unwrap_or_default());
            }
            let decoded = decode(&bytes).unwrap();
            prop_assert_eq!(decoded.count(), values.len());
            let expected: Vec<_> = values.iter().map(Option::as_deref).collect();
            prop_assert_eq!(decoded.iter().collect::<Vec<_>>(), expected);
            for cut in 0..bytes.len() {
                prop_assert!(decode(&bytes[..cut]).is_err());
            }
        }
    }
}
