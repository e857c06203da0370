//! `DataRow`: one row of a result.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::fields::Values;
use crate::writer::Writer;

const NAME: &str = "DataRow";

/// Comes for every row, after the `RowDescription` if there is one.
///
/// ```text
/// 'D'  length  count (Int16)  count × ( length (Int32), -1 for null   value )
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataRow<'a> {
    /// The values of the columns. Their number is what the server sent, whatever its
    /// `RowDescription` promised.
    pub values: Values<'a>,
}

impl<'a> DataRow<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a value is cut off or bytes follow the last one: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let values = Values::decode(&mut cursor, "values")?;
        cursor.finish()?;
        Ok(Self { values })
    }

    /// Appends a message with these values; `None` is a null.
    ///
    /// # Errors
    ///
    /// If there are more than 65,535 values or the whole is too long; `buffer` is then unchanged.
    pub fn encode(values: &[Option<&[u8]>], buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut writer = Writer::tagged(buffer, Sender::Backend, NAME, tag::DATA_ROW)
            .count("values", values.len());
        for value in values {
            writer = writer.value("value", *value);
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ViolationKind;
    use crate::round_trip;

    proptest! {
        #[test]
        fn a_row_comes_back_as_it_was_written(
            values in proptest::collection::vec(proptest::option::of(round_trip::data()), 0..4),
        ) {
            let values: Vec<_> = values.iter().map(Option::as_deref).collect();
            let mut buffer = Vec::new();
            DataRow::encode(&values, &mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::DATA_ROW, &buffer);
            let message = DataRow::decode(body).unwrap();
            prop_assert_eq!(message.values.iter().collect::<Vec<_>>(), values);
            round_trip::only_the_whole_is_accepted(body, |body| DataRow::decode(body).is_ok());
        }
    }

    #[test]
    fn datarow_few_fields_rustsec_2026_0178() {
        for body in [&b"\0\x02\0\0\0\x01a"[..], b"\0\x01", b"\xff\xff\0\0\0\0"] {
            assert_eq!(
                DataRow::decode(body).unwrap_err().kind,
                ViolationKind::CutOff
            );
        }
        let row = DataRow::decode(b"\0\x01\0\0\0\x01a").unwrap();
        let mut values = row.values.iter();
        assert_eq!(values.next(), Some(Some(&b"a"[..])));
        assert_eq!(
            values.next(),
            None,
            "asking for a second value is not a panic"
        );
    }
}
