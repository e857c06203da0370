//! What a refused client is told, in the fields of an `ErrorResponse`.

use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::sqlstate::SqlState;

/// A refusal in words. Its severity is FATAL: the connection closes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The code.
    pub sqlstate: SqlState,
    /// One line: what happened.
    pub message: String,
    /// What Tidegate saw that led to it.
    pub detail: String,
    /// What an application developer can do.
    pub hint: String,
}

impl Report {
    /// The refusal as a message that can be written to the client.
    pub fn text(&self) -> ReportText<'_> {
        ReportText::new(Severity::Fatal, self.sqlstate, &self.message)
            .detail(&self.detail)
            .hint(&self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_proto::backend::ErrorResponse;

    #[test]
    fn a_refusal_is_a_fatal_error_with_all_its_fields() {
        let report = Report {
            sqlstate: SqlState::INVALID_PASSWORD,
            message: "message".to_owned(),
            detail: "Detail.".to_owned(),
            hint: "Hint.".to_owned(),
        };
        let mut bytes = Vec::new();
        report.text().encode_error(&mut bytes);
        let sent = ErrorResponse::decode(&bytes[5..]).unwrap().report;
        assert_eq!(sent.severity(), Some(&b"FATAL"[..]));
        assert_eq!(sent.sqlstate(), Some(SqlState::INVALID_PASSWORD));
        assert_eq!(sent.message(), Some(&b"message"[..]));
        assert_eq!(sent.detail(), Some(&b"Detail."[..]));
        assert_eq!(sent.hint(), Some(&b"Hint."[..]));
    }
}
