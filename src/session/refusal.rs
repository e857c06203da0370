//! The last words to a client: one `ErrorResponse`, severity FATAL.

use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;

use crate::net::Outgoing;
use crate::restrictions::Report;

/// Appends a report to what the client is still to be sent.
pub(super) fn queue(to_client: &mut Option<Box<Outgoing>>, report: &Report) {
    let mut message = Vec::new();
    encode(report, &mut message);
    Outgoing::append(to_client, &message);
}

/// Appends a report as a FATAL `ErrorResponse`.
pub(super) fn encode(report: &Report, out: &mut Vec<u8>) {
    let mut text = ReportText::new(Severity::Fatal, report.sqlstate, &report.message);
    if !report.detail.is_empty() {
        text = text.detail(&report.detail);
    }
    if !report.hint.is_empty() {
        text = text.hint(&report.hint);
    }
    text.encode_error(out);
}
