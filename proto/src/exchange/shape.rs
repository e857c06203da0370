//! The shape of a prepared statement: what it takes and what it returns, as a fingerprint of the
//! server's answer to `Describe`, read in pieces cut anywhere.
//!
//! Two statements of one text have the same shape exactly if a server would not refuse to run the
//! plan of one for the other ("cached plan must not change result type", `equalTupleDescs` of
//! `PostgreSQL`): where the columns come from does not count, and neither does their format.

use std::hash::DefaultHasher;
use std::hash::Hasher;

/// Bytes behind a column's name: table (4), attribute (2), type (4), size (2), modifier (4),
/// format (2).
const COLUMN_BYTES: usize = 18;

/// The shape of a statement. Equal shapes are equal numbers; the reverse fails once in 2⁶⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape(u64);

/// Reads the answer to a `Describe` of a statement.
#[derive(Debug, Clone, Default)]
pub struct ShapeReader {
    hasher: DefaultHasher,
    part: Part,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, Default)]
enum Part {
    /// Something that counts whole: a tag, parameter types.
    #[default]
    Whole,
    /// The number of columns; so many of its bytes were read.
    Count(usize),
    /// A column's name.
    Name,
    /// What stands behind it; so many of its bytes were read.
    Column(usize),
}

impl ShapeReader {
    /// A `ParameterDescription`, `RowDescription` or `NoData` begins; its body follows.
    pub fn begin(&mut self, tag: u8) {
        self.hasher.write_u8(tag);
        self.part = if tag == crate::backend::tag::ROW_DESCRIPTION {
            Part::Count(0)
        } else {
            Part::Whole
        };
    }

    /// The next piece of its body.
    pub fn feed(&mut self, piece: &[u8]) {
        for byte in piece {
            let (counts, next) = match self.part {
                Part::Whole => (true, Part::Whole),
                Part::Count(0) => (true, Part::Count(1)),
                Part::Count(_) => (true, Part::Name),
                Part::Name if *byte == 0 => (true, Part::Column(0)),
                Part::Name => (true, Part::Name),
                Part::Column(read) => {
                    let next = if read + 1 == COLUMN_BYTES {
                        Part::Name
                    } else {
                        Part::Column(read + 1)
                    };
                    // Not the table and the attribute, and not the format.
                    ((6..16).contains(&read), next)
                },
            };
            if counts {
                self.hasher.write_u8(*byte);
            }
            self.part = next;
        }
    }

    /// What the whole answer came to. The reader is as new then.
    pub fn finish(&mut self) -> Shape {
        Shape(std::mem::take(self).hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tag;

    fn column(name: &str, table: u32, kind: u32, modifier: i32, format: u16) -> Vec<u8> {
        let mut body = [name.as_bytes(), b"\0"].concat();
        body.extend(table.to_be_bytes());
        body.extend(1_u16.to_be_bytes());
        body.extend(kind.to_be_bytes());
        body.extend(4_u16.to_be_bytes());
        body.extend(modifier.to_be_bytes());
        body.extend(format.to_be_bytes());
        body
    }

    fn row(columns: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(columns.len()).unwrap().to_be_bytes();
        [count.to_vec(), columns.concat()].concat()
    }

    fn shape(row: &[u8], piece_bytes: usize) -> Shape {
        let mut reader = ShapeReader::default();
        reader.begin(tag::PARAMETER_DESCRIPTION);
        reader.feed(&[0, 1, 0, 0, 0, 23]);
        reader.begin(tag::ROW_DESCRIPTION);
        row.chunks(piece_bytes).for_each(|piece| reader.feed(piece));
        reader.finish()
    }

    #[test]
    fn names_types_and_modifiers_of_all_columns_count() {
        let plain = row(&[column("a", 1, 23, -1, 0), column("b", 1, 25, -1, 0)]);
        let others = [
            row(&[column("a", 1, 23, -1, 0)]),
            row(&[column("b", 1, 23, -1, 0), column("a", 1, 25, -1, 0)]),
            row(&[column("a", 1, 20, -1, 0), column("b", 1, 25, -1, 0)]),
            row(&[column("a", 1, 23, -1, 0), column("b", 1, 25, 8, 0)]),
        ];
        for other in others {
            assert_ne!(shape(&plain, 9), shape(&other, 9));
        }
    }

    #[test]
    fn where_columns_come_from_and_their_format_do_not_count() {
        let plain = row(&[column("a", 1, 23, -1, 0), column("b", 1, 25, -1, 0)]);
        let same = row(&[column("a", 7, 23, -1, 1), column("b", 9, 25, -1, 1)]);
        assert_eq!(shape(&plain, 9), shape(&same, 9));
    }

    #[test]
    fn the_answer_may_be_cut_anywhere() {
        let plain = row(&[column("a", 1, 23, -1, 0), column("", 1, 25, -1, 0)]);
        for piece_bytes in 1..plain.len() {
            assert_eq!(shape(&plain, piece_bytes), shape(&plain, plain.len()));
        }
    }

    #[test]
    fn parameters_and_no_rows_count() {
        let mut reader = ShapeReader::default();
        reader.begin(tag::PARAMETER_DESCRIPTION);
        reader.feed(&[0, 0]);
        reader.begin(tag::NO_DATA);
        let none = reader.finish();
        reader.begin(tag::PARAMETER_DESCRIPTION);
        reader.feed(&[0, 1, 0, 0, 0, 23]);
        reader.begin(tag::NO_DATA);
        assert_ne!(reader.finish(), none);
    }
}
