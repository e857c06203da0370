//! The fields of an `ErrorResponse` or a `NoticeResponse`. No field can be counted on: a server,
//! or what sits in its place, may send an error without a SQLSTATE.
//!
//! See <https://www.postgresql.org/docs/current/protocol-error-fields.html>.

use crate::cursor::Cursor;
use crate::error::Violation;
use crate::sqlstate::SqlState;
use crate::writer::Writer;

/// What a server reports, as received.
///
/// ```text
/// any number of ( code (Byte1), not 0   value (String) )   0
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report<'a> {
    /// Codes and terminated strings, without the 0 that ends the list; `decode` has walked them.
    bytes: &'a [u8],
}

impl<'a> Report<'a> {
    pub(super) fn decode(mut cursor: Cursor<'a>) -> Result<Self, Violation> {
        let mut start = cursor.clone();
        let mut length = 0;
        while cursor.u8("field code")? != 0 {
            length += 1 + cursor.cstr("field value")?.len() + 1;
        }
        cursor.finish()?;
        Ok(Self {
            bytes: start.bytes("fields", length)?,
        })
    }

    pub(super) fn encode(self, writer: Writer<'_>) -> Writer<'_> {
        writer.bytes(self.bytes).u8(0)
    }

    /// Every field in the order received: its code and its value. Unknown codes are to be ignored.
    pub fn fields(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        self.bytes
            .split_inclusive(|&byte| byte == 0)
            .filter_map(|field| field.strip_suffix(b"\0")?.split_first())
            .map(|(&code, value)| (code, value))
    }

    /// The first field with this code.
    pub fn field(self, code: u8) -> Option<&'a [u8]> {
        self.fields()
            .find_map(|(found, value)| (found == code).then_some(value))
    }

    /// `V`, or `S` of servers older than 9.6: how bad it is, such as `FATAL`. `V` is never
    /// translated.
    pub fn severity(self) -> Option<&'a [u8]> {
        self.field(b'V').or_else(|| self.field(b'S'))
    }

    /// `C`: the SQLSTATE; `None` also if there is one that is malformed.
    pub fn sqlstate(self) -> Option<SqlState> {
        self.field(b'C').and_then(SqlState::from_bytes)
    }

    /// `M`: the message.
    pub fn message(self) -> Option<&'a [u8]> {
        self.field(b'M')
    }

    /// `D`: the detail.
    pub fn detail(self) -> Option<&'a [u8]> {
        self.field(b'D')
    }

    /// `H`: the hint.
    pub fn hint(self) -> Option<&'a [u8]> {
        self.field(b'H')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Sender;
    use crate::error::ViolationKind;

    fn decode(body: &[u8]) -> Result<Report<'_>, Violation> {
        Report::decode(Cursor::new(Sender::Backend, "ErrorResponse", body))
    }

    #[test]
    fn fields_are_found_by_their_code() {
        let report = decode(b"SFEHLER\0VERROR\0C42601\0Mm\0Dd\0Hh\0Zfuture\0\0").unwrap();
        assert_eq!(report.severity(), Some(&b"ERROR"[..]));
        assert_eq!(report.sqlstate(), Some(SqlState::SYNTAX_ERROR));
        assert_eq!(report.message(), Some(&b"m"[..]));
        assert_eq!(report.detail(), Some(&b"d"[..]));
        assert_eq!(report.hint(), Some(&b"h"[..]));
        assert_eq!(report.fields().last(), Some((b'Z', &b"future"[..])));
    }

    #[test]
    fn error_without_sqlstate_cve_2026_6666() {
        for body in [
            &b"\0"[..],
            b"SERROR\0\0",
            b"C\0\0",
            b"C4260\0\0",
            b"C42-01\0\0",
        ] {
            let report = decode(body).unwrap();
            assert_eq!(report.sqlstate(), None);
            assert_eq!(report.message(), None);
        }
    }

    #[test]
    fn the_severity_of_an_old_server_is_the_translated_one() {
        let report = decode(b"SERROR\0\0").unwrap();
        assert_eq!(report.severity(), Some(&b"ERROR"[..]));
    }

    #[test]
    fn the_first_of_two_fields_with_one_code_counts() {
        let report = decode(b"Mone\0Mtwo\0\0").unwrap();
        assert_eq!(report.message(), Some(&b"one"[..]));
        assert_eq!(report.fields().count(), 2);
    }

    #[test]
    fn a_list_without_an_end_is_refused() {
        assert_eq!(decode(b"").unwrap_err().kind, ViolationKind::CutOff);
        assert_eq!(decode(b"Mm\0").unwrap_err().kind, ViolationKind::CutOff);
        assert_eq!(decode(b"Mm").unwrap_err().kind, ViolationKind::Unterminated);
        let trailing = ViolationKind::TrailingBytes { count: 3 };
        assert_eq!(decode(b"\0Mm\0").unwrap_err().kind, trailing);
    }
}
