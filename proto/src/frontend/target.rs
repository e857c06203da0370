//! What a `Describe` or a `Close` is about. The two messages have one body.

use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::writer::Writer;

/// A statement or a portal, by name; an empty name is the unnamed one.
///
/// ```text
/// 'S' or 'P'  name (String)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A prepared statement.
    Statement(&'a [u8]),
    /// A portal.
    Portal(&'a [u8]),
}

impl<'a> Target<'a> {
    const STATEMENT: u8 = b'S';
    const PORTAL: u8 = b'P';

    /// The byte that says which of the two it is.
    pub const fn kind(self) -> u8 {
        match self {
            Self::Statement(_) => Self::STATEMENT,
            Self::Portal(_) => Self::PORTAL,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'a [u8] {
        match self {
            Self::Statement(name) | Self::Portal(name) => name,
        }
    }

    pub(super) fn decode(mut cursor: Cursor<'a>) -> Result<Self, Violation> {
        let kind = cursor.u8("kind")?;
        let name = cursor.cstr("name")?;
        let target = match kind {
            Self::STATEMENT => Self::Statement(name),
            Self::PORTAL => Self::Portal(name),
            _ => {
                let value = i64::from(kind);
                return Err(cursor.violation("kind", ViolationKind::IllegalValue { value }));
            },
        };
        cursor.finish()?;
        Ok(target)
    }

    pub(super) fn encode(self, writer: Writer<'_>) -> Result<(), EncodeError> {
        writer.u8(self.kind()).cstr("name", self.name()).finish()
    }
}
