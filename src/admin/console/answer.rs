//! What a command came to, before it is written.

use std::iter::Peekable;

use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::sqlstate::SqlState;

use super::table::Row;

/// The rows of an answer. They are made as they are sent: there may be as many as clients.
pub(super) type Rows = Peekable<Box<dyn Iterator<Item = Row>>>;

/// What a command came to.
pub(super) struct Answer {
    /// What is said before.
    pub(super) notices: Vec<Notice>,
    /// The rows; none if the command has no columns.
    pub(super) rows: Option<Rows>,
    /// What `CommandComplete` says.
    pub(super) tag: &'static str,
}

/// Something that the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    severity: Severity,
    message: String,
    detail: Option<String>,
}

impl Answer {
    /// An answer without rows.
    pub(super) const fn done(tag: &'static str) -> Self {
        Self {
            notices: Vec::new(),
            rows: None,
            tag,
        }
    }

    /// An answer with these rows.
    pub(super) fn rows(rows: impl Iterator<Item = Row> + 'static) -> Self {
        let rows: Box<dyn Iterator<Item = Row>> = Box::new(rows);
        Self {
            notices: Vec::new(),
            rows: Some(rows.peekable()),
            tag: "SHOW",
        }
    }

    /// With something said before.
    #[must_use]
    pub(super) fn with(mut self, notice: Notice) -> Self {
        self.notices.push(notice);
        self
    }
}

impl Notice {
    /// Something worth knowing.
    pub(super) fn information(message: &str) -> Self {
        Self {
            severity: Severity::Notice,
            message: message.to_owned(),
            detail: None,
        }
    }

    /// Something that is not as it should be.
    pub(super) fn warning(message: String) -> Self {
        Self {
            severity: Severity::Warning,
            message,
            detail: None,
        }
    }

    /// With more.
    #[must_use]
    pub(super) fn detail(self, detail: String) -> Self {
        let detail = Some(detail);
        Self { detail, ..self }
    }

    /// Appends it as a `NoticeResponse`.
    pub(super) fn encode(&self, buffer: &mut Vec<u8>) {
        let code = match self.severity {
            Severity::Warning => b"01000",
            Severity::Error | Severity::Fatal | Severity::Notice | Severity::Info => b"00000",
        };
        let sqlstate = SqlState::from_bytes(code).unwrap_or(SqlState::INTERNAL_ERROR);
        let report = ReportText {
            detail: self.detail.as_deref(),
            ..ReportText::new(self.severity, sqlstate, &self.message)
        };
        report.encode_notice(buffer);
    }
}
