//! Whose a message of a server is, and who else must hear of it.

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Verdict;
use tidegate_proto::frame::FrameHeader;

use crate::limits::COMMAND_TAG_BYTES;
use crate::limits::INJECTED_ROW_BYTES_MAX;
use crate::limits::PARAMETER_STATUS_BYTES_MAX;
use crate::pool::Server;
use crate::session::reads::ANSWER_BYTES;
use crate::session::relay::Observer;

/// How much of a server's message must be there before it can be decided on, in bytes of its body.
#[inline]
pub(super) fn server_bytes_needed(server: &Server, header: FrameHeader) -> usize {
    let body = header.body_bytes();
    let is_ours = || server.ledger.is_swallowing();
    match header.tag() {
        backend::READY_FOR_QUERY => body.min(1),
        backend::PARAMETER_STATUS => body.min(PARAMETER_STATUS_BYTES_MAX),
        backend::ERROR_RESPONSE => body.min(PARAMETER_STATUS_BYTES_MAX),
        backend::DATA_ROW if is_ours() => body.min(INJECTED_ROW_BYTES_MAX),
        backend::FUNCTION_CALL_RESPONSE if is_ours() => body.min(ANSWER_BYTES),
        backend::COMMAND_COMPLETE => body.min(COMMAND_TAG_BYTES),
        _ => 0,
    }
}

/// Whether a message is a row for the client of which nobody else wants to know: most of what servers
/// say. If it is, it is looked up.
#[inline]
pub(super) fn is_plain_row(server: &mut Server, header: FrameHeader) -> bool {
    header.tag() == backend::DATA_ROW
        && !server.incoming.is_on_trial
        && server.ledger.forwards_row()
}

/// What becomes of a message of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Forward,
    Swallow,
    /// The client is told first that its `Parse` is complete.
    ForwardBehindParse,
    /// The client is told other words in place of it, which is whole.
    Replace,
}

/// Looks up whose a message is, and tells of it. `words` are those for a message that is told in others.
#[inline]
pub(super) fn receive(
    server: &mut Server,
    header: FrameHeader,
    body: &[u8],
    words: &mut Vec<u8>,
    observer: &mut impl Observer,
) -> Result<Received, Violation> {
    let tag = header.tag();
    if tag == backend::READY_FOR_QUERY {
        let status = body.first().copied().and_then(TransactionStatus::from_byte);
        let status = status.ok_or_else(|| Violation::out_of_place(Sender::Backend, tag))?;
        let verdict = server.ledger.ready(status)?;
        match verdict {
            Verdict::Forward => observer.ready(server, status),
            Verdict::Swallow => server.card.own_rounds.end(),
        }
        return Ok(verdict.into());
    }
    // The sender of a marked message hears of its outcome.
    let may_be_heard = matches!(
        tag,
        backend::ERROR_RESPONSE | backend::BIND_COMPLETE | backend::NOTICE_RESPONSE
    );
    let is_heard = may_be_heard && server.ledger.is_marked();
    let verdict = server.ledger.received(tag)?;
    match (tag, verdict) {
        (backend::PARAMETER_STATUS, Verdict::Forward) => observer.parameter_status(body),
        (backend::NOTIFICATION_RESPONSE, Verdict::Forward) if !observer.notification() => {
            return Ok(Received::Swallow);
        },
        (backend::DATA_ROW, Verdict::Swallow) => observer.injected_row(body),
        (backend::FUNCTION_CALL_RESPONSE, Verdict::Swallow) => observer.position(server, body),
        (backend::ERROR_RESPONSE, Verdict::Swallow) if !is_heard => observer.injected_failed(body),
        (backend::ERROR_RESPONSE, Verdict::Forward) => {
            let is_whole = body.len() == header.body_bytes();
            let error = (body, is_whole);
            return Ok(receive_error(server, error, is_heard, words, observer));
        },
        (backend::NOTICE_RESPONSE, Verdict::Forward) => {
            observer.notice(body);
            if is_heard && observer.owes_parse_complete() {
                return Ok(Received::ForwardBehindParse);
            }
        },
        (backend::BIND_COMPLETE, Verdict::Forward)
            if is_heard && observer.owes_parse_complete() =>
        {
            return Ok(Received::ForwardBehindParse);
        },
        (backend::COMMAND_COMPLETE, Verdict::Forward) => observer.command_complete(server, body),
        (
            backend::PARAMETER_DESCRIPTION | backend::ROW_DESCRIPTION | backend::NO_DATA,
            Verdict::Swallow,
        ) => server.prepared.begin_shape(tag),
        _ => {},
    }
    Ok(verdict.into())
}

/// An error of which the client may hear.
#[cold]
fn receive_error(
    server: &mut Server,
    (body, is_whole): (&[u8], bool),
    is_heard: bool,
    words: &mut Vec<u8>,
    observer: &mut impl Observer,
) -> Received {
    if is_heard && observer.takes_back(server, body) {
        server.ledger.take_back();
        server.card.own_rounds.begin();
        return Received::Swallow;
    }
    let is_behind_parse = is_heard && observer.owes_parse_complete();
    match observer.error(server, body, is_heard) {
        _ if is_behind_parse => Received::ForwardBehindParse,
        Some(other) if is_whole => {
            *words = other;
            Received::Replace
        },
        Some(_) | None => Received::Forward,
    }
}

impl From<Verdict> for Received {
    #[inline]
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Forward => Self::Forward,
            Verdict::Swallow => Self::Swallow,
        }
    }
}
