//! Columns and values, and how they are written.
//!
//! PgBouncer writes text only. Drivers that prepare what they ask want binary results, and believe
//! the type of the column; so both are written.

use tidegate_proto::backend::Column as WireColumn;
use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::RowDescription;
use tidegate_proto::error::EncodeError;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::admin) enum Kind {
    /// `text`.
    Text,
    /// `int4`.
    Int4,
    /// `int8`.
    Int8,
    /// `numeric`.
    Numeric,
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) struct Column {
    /// Its name: tools look columns up by it.
    pub(in crate::admin) name: &'static str,
    /// Its type.
    pub(in crate::admin) kind: Kind,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) enum Value {
    /// None.
    Null,
    /// A text.
    Text(String),
    /// A number, of a numeric column.
    Number(u64),
}

/// The values of one row, in the order of the columns.
pub(in crate::admin) type Row = Vec<Value>;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// As the server would send it.
    Binary,
}

impl Column {
    pub(in crate::admin) const fn text(name: &'static str) -> Self {
        let kind = Kind::Text;
        Self { name, kind }
    }

    pub(in crate::admin) const fn int4(name: &'static str) -> Self {
        let kind = Kind::Int4;
        Self { name, kind }
    }

    pub(in crate::admin) const fn int8(name: &'static str) -> Self {
        let kind = Kind::Int8;
        Self { name, kind }
    }

    pub(in crate::admin) const fn numeric(name: &'static str) -> Self {
        let kind = Kind::Numeric;
        Self { name, kind }
    }
}

impl Kind {
    /// The object id of the type, in `pg_type`.
    const fn type_id(self) -> u32 {
        match self {
            Self::Text => 25,
            Self::Int4 => 23,
            Self::Int8 => 20,
            Self::Numeric => 1700,
        }
    }

    /// Its size in bytes; -1 if it varies.
    const fn type_size(self) -> i16 {
        match self {
            Self::Text | Self::Numeric => -1,
            Self::Int4 => 4,
            Self::Int8 => 8,
        }
    }
}

impl Format {
    const fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

/// Appends a `RowDescription`. `formats` has one for each column, or none for text.
///
/// # Errors
/// None for the columns of this program.
pub(super) fn describe(
    columns: &[Column],
    formats: &[Format],
    buffer: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let formats = formats
        .iter()
        .copied()
        .chain(std::iter::repeat(Format::Text));
    let column = |(column, format): (&Column, Format)| WireColumn {
        name: column.name.as_bytes(),
        table: 0,
        attribute: 0,
        type_id: column.kind.type_id(),
        type_size: column.kind.type_size(),
        type_modifier: -1,
        format: format.code(),
    };
    let columns: Vec<_> = columns.iter().zip(formats).map(column).collect();
    RowDescription::encode(&columns, buffer)
}

/// Appends a `DataRow`.
///
/// # Errors
/// A row that is too long for a message.
pub(super) fn write(
    columns: &[Column],
    formats: &[Format],
    row: &[Value],
    buffer: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    debug_assert_eq!(columns.len(), row.len(), "a value for each column");
    let formats = formats
        .iter()
        .copied()
        .chain(std::iter::repeat(Format::Text));
    let cell =
        |((value, column), format): ((&Value, &Column), Format)| encode(value, column.kind, format);
    let cells: Vec<_> = row.iter().zip(columns).zip(formats).map(cell).collect();
    let cells: Vec<_> = cells.iter().map(Option::as_deref).collect();
    DataRow::encode(&cells, buffer)
}

fn encode(value: &Value, kind: Kind, format: Format) -> Option<Vec<u8>> {
    debug_assert!(
        matches!(
            (value, kind),
            (Value::Null, _) | (Value::Text(_), Kind::Text)
        ) || matches!(
            (value, kind),
            (Value::Number(_), Kind::Int4 | Kind::Int8 | Kind::Numeric)
        ),
        "{value:?} is no {kind:?}"
    );
    Some(match (value, format) {
        (Value::Null, _) => return None,
        // Zero bytes cannot be in a text of PostgreSQL.
        (Value::Text(text), _) => text.bytes().filter(|byte| *byte != 0).collect(),
        (Value::Number(number), Format::Text) => number.to_string().into_bytes(),
        (Value::Number(number), Format::Binary) => match kind {
            Kind::Text => number.to_string().into_bytes(),
            // In binary there is no larger one.
            Kind::Int4 => i32::try_from(*number)
                .unwrap_or(i32::MAX)
                .to_be_bytes()
                .to_vec(),
            Kind::Int8 => i64::try_from(*number)
                .unwrap_or(i64::MAX)
                .to_be_bytes()
                .to_vec(),
            Kind::Numeric => numeric(*number),
        },
    })
}

/// A whole number as `numeric_send` writes it: digits of base 10,000, the most significant first,
/// after their count, the weight of the first, the sign and the scale.
fn numeric(mut number: u64) -> Vec<u8> {
    const BASE: u64 = 10_000;
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(u16::try_from(number % BASE).unwrap_or(0));
        number /= BASE;
    }
    // At most five digits.
    let count = u16::try_from(digits.len()).unwrap_or(0);
    let header = [count, count.saturating_sub(1), 0, 0];
    let words = header.iter().chain(digits.iter().rev());
    words.flat_map(|word| word.to_be_bytes()).collect()
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(u64::from(number))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(u64::from(number))
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_the_binary_form_of_their_type() {
        let binary = |number: u64, kind| encode(&number.into(), kind, Format::Binary).unwrap();
        assert_eq!(binary(7, Kind::Int4), [0, 0, 0, 7]);
        assert_eq!(binary(u64::MAX, Kind::Int4), i32::MAX.to_be_bytes());
        assert_eq!(binary(7, Kind::Int8), [0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(binary(0, Kind::Numeric), [0; 8]);
        assert_eq!(binary(7, Kind::Numeric), [0, 1, 0, 0, 0, 0, 0, 0, 0, 7]);
        // 1,2345,6789
        let expected = [3, 2, 0, 0, 1, 2345, 6789_u16]
            .map(u16::to_be_bytes)
            .concat();
        assert_eq!(binary(123_456_789, Kind::Numeric), expected);
        // 10000 is one digit of weight 1, and PostgreSQL also takes the zeros after it.
        assert_eq!(
            binary(10_000, Kind::Numeric),
            [0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]
        );
    }

    #[test]
    fn nulls_have_no_bytes_and_texts_no_zeros() {
        assert_eq!(encode(&Value::Null, Kind::Int4, Format::Binary), None);
        assert_eq!(
            encode(&"a\0b".into(), Kind::Text, Format::Text),
            Some(b"ab".to_vec())
        );
    }
}
