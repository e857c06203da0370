//! `RowDescription`: the names and types of the columns that follow.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "RowDescription";

/// Comes before the rows of a query, or answers `Describe`.
///
/// ```text
/// 'T'  length  count (Int16)
///      count × ( name (String)  table (Int32)  attribute (Int16)  type id (Int32)
///                type size (Int16)  type modifier (Int32)  format (Int16) )
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowDescription<'a> {
    count: u16,
    /// Exactly `count` columns: `decode` has walked them.
    columns: &'a [u8],
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The object id of the table it comes from, or 0.
    pub table: u32,
    /// Its number in that table, or 0.
    pub attribute: i16,
    /// The object id of its type.
    pub type_id: u32,
    /// The size of its type in bytes; below 0 if it varies.
    pub type_size: i16,
    /// The modifier of its type, or -1.
    pub type_modifier: i32,
    /// 0 is text, 1 is binary.
    pub format: i16,
}

impl<'a> RowDescription<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a field is cut off or bytes follow the last one: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let count = cursor.u16("columns")?;
        let columns = cursor.clone().rest();
        for _ in 0..count {
            Column::decode(&mut cursor)?;
        }
        cursor.finish()?;
        Ok(Self { count, columns })
    }

    /// How many columns there are.
    pub const fn count(self) -> usize {
        self.count as usize
    }

    /// The columns in order.
    pub fn columns(self) -> impl Iterator<Item = Column<'a>> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, self.columns);
        (0..self.count).map_while(move |_| Column::decode(&mut cursor).ok())
    }

    /// Appends a message with these columns.
    ///
    /// # Errors
    ///
    /// If a name contains a zero byte, or there are more than 65,535; `buffer` is then unchanged.
    pub fn encode(columns: &[Column<'_>], buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut writer = Writer::tagged(buffer, Sender::Backend, NAME, tag::ROW_DESCRIPTION)
            .count("columns", columns.len());
        for column in columns {
            writer = writer
                .cstr("name", column.name)
                .u32(column.table)
                .i16(column.attribute)
                .u32(column.type_id)
                .i16(column.type_size)
                .i32(column.type_modifier)
                .i16(column.format);
        }
        writer.finish()
    }
}

impl<'a> Column<'a> {
    fn decode(cursor: &mut Cursor<'a>) -> Result<Self, Violation> {
        Ok(Self {
            name: cursor.cstr("name")?,
            table: cursor.u32("table")?,
            attribute: cursor.i16("attribute")?,
            type_id: cursor.u32("type id")?,
            type_size: cursor.i16("type size")?,
            type_modifier: cursor.i32("type modifier")?,
            format: cursor.i16("format")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::round_trip;

    fn column() -> impl Strategy<Value = (Vec<u8>, u32, i16, u32, i16, i32, i16)> {
        (
            round_trip::string(),
            any::<u32>(),
            any::<i16>(),
            any::<u32>(),
            any::<i16>(),
            any::<i32>(),
            any::<i16>(),
        )
    }

    proptest! {
        #[test]
        fn columns_come_back_as_they_were_written(
            columns in proptest::collection::vec(column(), 0..4),
        ) {
            let columns: Vec<_> = columns
                .iter()
                .map(|(name, table, attribute, type_id, type_size, type_modifier, format)| Column {
                    name,
                    table: *table,
                    attribute: *attribute,
                    type_id: *type_id,
                    type_size: *type_size,
                    type_modifier: *type_modifier,
                    format: *format,
                })
                .collect();
            let mut buffer = Vec::new();
            RowDescription::encode(&columns, &mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::ROW_DESCRIPTION, &buffer);
            let message = RowDescription::decode(body).unwrap();
            prop_assert_eq!(message.count(), columns.len());
            prop_assert_eq!(message.columns().collect::<Vec<_>>(), columns);
            round_trip::only_the_whole_is_accepted(body, |body| {
                RowDescription::decode(body).is_ok()
            });
        }
    }

    #[test]
    fn a_count_above_what_follows_is_refused() {
        RowDescription::decode(b"\xff\xffname\0").unwrap_err();
    }
}
