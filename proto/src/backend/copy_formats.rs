//! In which formats a COPY goes: the one body of `CopyInResponse`, `CopyOutResponse` and
//! `CopyBothResponse`.

use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Violation;
use crate::fields::Formats;
use crate::writer::Writer;

/// The formats of a whole copy and of its columns.
///
/// ```text
/// overall format (Int8): 0 is text, 1 is binary   count (Int16)  count × column format (Int16)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyFormats<'a> {
    /// 0: rows of text, separated by newlines. 1: binary.
    pub overall: u8,
    /// The format of each column; all 0 if `overall` is.
    pub columns: Formats<'a>,
}

impl<'a> CopyFormats<'a> {
    pub(super) fn decode(mut cursor: Cursor<'a>) -> Result<Self, Violation> {
        let overall = cursor.u8("overall format")?;
        let columns = Formats::decode(&mut cursor, "column formats")?;
        cursor.finish()?;
        Ok(Self { overall, columns })
    }

    pub(super) fn encode(self, writer: Writer<'_>) -> Result<(), EncodeError> {
        self.columns
            .encode(writer.u8(self.overall), "column formats")
            .finish()
    }
}
