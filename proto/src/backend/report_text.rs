//! An error or a notice that Tidegate itself gives to a client. Writing one never fails: when
//! something already went wrong, the text that says so must not be the next thing to go wrong.

use super::Severity;
use super::tag;
use crate::limits::ERROR_TEXT_BYTES_MAX;
use crate::sqlstate::SqlState;

/// What Tidegate reports.
///
/// Texts may quote what a client sent: zero bytes are left out, since they would end a field, and
/// a text longer than [`ERROR_TEXT_BYTES_MAX`] is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportText<'a> {
    /// How bad it is; `Fatal` means that the connection closes.
    pub severity: Severity,
    /// What kind of thing it is, for programs.
    pub sqlstate: SqlState,
    /// What happened, in one sentence without a full stop.
    pub message: &'a str,
    /// More facts, in whole sentences.
    pub detail: Option<&'a str>,
    /// What to do about it, in whole sentences.
    pub hint: Option<&'a str>,
}

impl<'a> ReportText<'a> {
    /// A report of these, without detail and hint.
    pub const fn new(severity: Severity, sqlstate: SqlState, message: &'a str) -> Self {
        Self {
            severity,
            sqlstate,
            message,
            detail: None,
            hint: None,
        }
    }

    /// With more facts.
    #[must_use]
    pub const fn detail(self, detail: &'a str) -> Self {
        Self {
            detail: Some(detail),
            ..self
        }
    }

    /// With advice.
    #[must_use]
    pub const fn hint(self, hint: &'a str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    /// Appends an `ErrorResponse`.
    pub fn encode_error(self, buffer: &mut Vec<u8>) {
        self.encode(tag::ERROR_RESPONSE, buffer);
    }

    /// Appends a `NoticeResponse`.
    pub fn encode_notice(self, buffer: &mut Vec<u8>) {
        self.encode(tag::NOTICE_RESPONSE, buffer);
    }

    /// The fields in the order in which a server writes them: S V C M D H.
    fn encode(self, tag: u8, buffer: &mut Vec<u8>) {
        let fields = [
            (b'S', Some(self.severity.as_str())),
            (b'V', Some(self.severity.as_str())),
            (b'C', Some(self.sqlstate.as_str())),
            (b'M', Some(self.message)),
            (b'D', self.detail),
            (b'H', self.hint),
        ];
        let start = buffer.len() + 1;
        buffer.extend_from_slice(&[tag, 0, 0, 0, 0]);
        for (code, text) in fields {
            if let Some(text) = text {
                buffer.push(code);
                buffer.extend(cut(text).bytes().filter(|&byte| byte != 0));
                buffer.push(0);
            }
        }
        buffer.push(0);
        // At most 6 fields of ERROR_TEXT_BYTES_MAX: far from saturating.
        let length = u32::try_from(buffer.len().saturating_sub(start)).unwrap_or(u32::MAX);
        if let Some(word) = buffer.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *word = length.to_be_bytes();
        }
    }
}

/// As much of `text` as fits, cut between characters.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(ERROR_TEXT_BYTES_MAX))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ErrorResponse;
    use crate::backend::NoticeResponse;
    use crate::error::Sender;
    use crate::round_trip;

    const REPORT: ReportText<'_> = ReportText::new(
        Severity::Fatal,
        SqlState::TOO_MANY_CONNECTIONS,
        "too many clients",
    )
    .detail("The limit is 10.")
    .hint("Close some.");

    #[test]
    fn an_error_has_its_fields_in_the_order_of_a_server() {
        let mut buffer = Vec::new();
        REPORT.encode_error(&mut buffer);
        let body = round_trip::body(Sender::Backend, tag::ERROR_RESPONSE, &buffer);
        let fields: Vec<_> = ErrorResponse::decode(body)
            .unwrap()
            .report
            .fields()
            .collect();
        let expected: [(u8, &[u8]); 6] = [
            (b'S', b"FATAL"),
            (b'V', b"FATAL"),
            (b'C', b"53300"),
            (b'M', b"too many clients"),
            (b'D', b"The limit is 10."),
            (b'H', b"Close some."),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_notice_without_detail_has_four_fields() {
        let mut buffer = b"before".to_vec();
        let (severity, sqlstate) = (Severity::Notice, SqlState::INTERNAL_ERROR);
        ReportText::new(severity, sqlstate, "m").encode_notice(&mut buffer);
        let body = round_trip::body(Sender::Backend, tag::NOTICE_RESPONSE, &buffer[6..]);
        let report = NoticeResponse::decode(body).unwrap().report;
        assert_eq!(report.fields().count(), 4);
        assert_eq!((report.detail(), report.hint()), (None, None));
    }

    #[test]
    fn a_text_that_quotes_a_client_can_break_nothing() {
        let hostile = "a\0Mforged\0".repeat(ERROR_TEXT_BYTES_MAX) + "\u{fc}";
        let mut buffer = Vec::new();
        ReportText {
            message: &hostile,
            ..REPORT
        }
        .encode_error(&mut buffer);
        let body = round_trip::body(Sender::Backend, tag::ERROR_RESPONSE, &buffer);
        let report = ErrorResponse::decode(body).unwrap().report;
        assert_eq!(report.fields().count(), 6);
        assert!(report.message().unwrap().len() <= ERROR_TEXT_BYTES_MAX);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let long = "\u{fc}".repeat(ERROR_TEXT_BYTES_MAX);
        let long = format!("a{long}");
        assert_eq!(cut(&long).len(), ERROR_TEXT_BYTES_MAX - 1);
        assert_eq!(cut("short"), "short");
    }
}
