//! Whether what a replica says is a reply to the client, or a reason to ask the primary.
//!
//! Until the first row, the end of a command or the like is there, nothing has been said that could
//! not be said again. Of a round of several statements the last may be the one that is refused:
//! as long as it is not too long, nothing of its reply is told before it is there whole. See "Hot Standby",
//! <https://www.postgresql.org/docs/current/hot-standby.html>.

use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;

use crate::limits::WITHHELD_BYTES_MAX;
use crate::pool::Healed;

/// What a replica's words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Judged {
    /// A reply: the client hears it.
    Reply,
    /// More must be there to tell.
    TooEarly,
    /// The primary is to be asked, for this reason.
    Refusal(Healed),
    /// It is of the beginning of a block, which the client may hear. What is behind that is still to be
    /// judged.
    Begins,
}

/// Judges what a replica has said from the beginning of a message on, to a round of one statement or
/// several.
pub(super) fn judge(bytes: &[u8], is_single: bool) -> Judged {
    let mut at = 0;
    loop {
        let Some(rest) = bytes.get(at..).filter(|_| at < WITHHELD_BYTES_MAX) else {
            return Judged::Reply;
        };
        let header = match FrameHeader::parse(Sender::Backend, rest) {
            Ok(Some(header)) => header,
            Ok(None) => return Judged::TooEarly,
            // What breaks the protocol is told as that.
            Err(_) => return Judged::Reply,
        };
        let body = rest.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        match header.tag() {
            backend::ERROR_RESPONSE => return judge_error(body, header.body_bytes()),
            tag if says_nothing_yet(tag) || !is_single && is_of_a_statement(tag) => {},
            _ => return Judged::Reply,
        }
        at += FRAME_HEADER_BYTES + header.body_bytes();
        if at > bytes.len() && at < WITHHELD_BYTES_MAX {
            return Judged::TooEarly;
        }
    }
}

/// Whether a replica has said from here on that a block has begun, before anything else.
pub(super) fn has_begun(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Ok(Some(header)) = FrameHeader::parse(Sender::Backend, rest) {
        let Some(body) = rest.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + header.body_bytes())
        else {
            return false;
        };
        if header.tag() == backend::COMMAND_COMPLETE {
            return matches!(body, b"BEGIN\0" | b"START TRANSACTION\0");
        }
        if !says_nothing_yet(header.tag()) {
            return false;
        }
        rest = rest
            .get(FRAME_HEADER_BYTES + body.len()..)
            .unwrap_or_default();
    }
    false
}

/// Whether an error may still follow instead of a reply.
fn says_nothing_yet(tag: u8) -> bool {
    matches!(
        tag,
        backend::PARSE_COMPLETE
            | backend::BIND_COMPLETE
            | backend::CLOSE_COMPLETE
            | backend::PARAMETER_DESCRIPTION
            | backend::ROW_DESCRIPTION
            | backend::NO_DATA
            | backend::NOTICE_RESPONSE
            | backend::PARAMETER_STATUS
            | backend::NOTIFICATION_RESPONSE
    )
}

/// Whether it is of the reply to one statement, and another one may follow.
fn is_of_a_statement(tag: u8) -> bool {
    matches!(
        tag,
        backend::DATA_ROW
            | backend::COMMAND_COMPLETE
            | backend::EMPTY_QUERY_RESPONSE
            | backend::PORTAL_SUSPENDED
    )
}

fn judge_error(body: &[u8], body_bytes: usize) -> Judged {
    let Some(body) = body.get(..body_bytes) else {
        // An error that is longer than any is told as it is.
        let is_long = body_bytes >= WITHHELD_BYTES_MAX;
        return if is_long {
            Judged::Reply
        } else {
            Judged::TooEarly
        };
    };
    let report = ErrorResponse::decode(body).ok().map(|error| error.report);
    let code = report.and_then(|report| report.field(b'C'));
    let routine = report.and_then(|report| report.field(b'R'));
    Judged::Refusal(match code.unwrap_or_default() {
        // What is not in the state that it must be in may be the server: it is in recovery.
        b"55000" => Healed::WrongState,
        b"0A000" if routine == Some(b"RevalidateCachedQuery") => Healed::StalePlan,
        // read_only_sql_transaction; what a standby cannot do: unlogged tables, SERIALIZABLE.
        b"25006" => Healed::ReadOnly,
        b"0A000" => Healed::Unsupported,
        // A conflict with what is replayed, which cancels or ends; the replica shuts down, starts or
        // has crashed; it has no room. The primary has no such conflict, and says itself what else
        // is wrong.
        b"40001" | b"40P01" => Healed::Conflict,
        b"57P01" | b"57P02" | b"57P03" | b"57P04" => Healed::Shutdown,
        b"53300" => Healed::Full,
        b"58030" | b"XX001" | b"XX002" => Healed::Damaged,
        _ => return Judged::Reply,
    })
}

/// Whether an error says that a text writes: the body of an `ErrorResponse`.
pub(super) fn is_of_a_write(body: &[u8]) -> bool {
    matches!(judge_error(body, body.len()), Judged::Refusal(why) if why.is_of_the_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str) -> Vec<u8> {
        let body = format!("SERROR\0VERROR\0C{code}\0Mno\0\0");
        message(b'E', body.as_bytes())
    }

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[tag][..], &length, body].concat()
    }

    #[test]
    fn what_a_standby_refuses_the_primary_is_asked_for_and_nothing_else() {
        let refused = |code| judge(&error(code), true);
        assert_eq!(refused("25006"), Judged::Refusal(Healed::ReadOnly));
        assert_eq!(refused("0A000"), Judged::Refusal(Healed::Unsupported));
        assert_eq!(refused("40001"), Judged::Refusal(Healed::Conflict));
        assert_eq!(refused("57P01"), Judged::Refusal(Healed::Shutdown));
        let stale = message(b'E', b"SERROR\0C0A000\0RRevalidateCachedQuery\0\0");
        assert_eq!(judge(&stale, true), Judged::Refusal(Healed::StalePlan));
        for code in ["42P01", "57014", "22012", "42601", "08P01"] {
            assert_eq!(refused(code), Judged::Reply, "{code}");
        }
    }

    #[test]
    fn nothing_is_told_before_a_row_or_an_end_or_an_error_is_there_whole() {
        let described = [message(b'2', b""), message(b'T', b"\0\0")].concat();
        let row = [described.clone(), message(b'D', b"\0\0")].concat();
        let refused = [described.clone(), error("25006")].concat();
        assert_eq!(judge(b"", true), Judged::TooEarly);
        for end in 1..=described.len() {
            assert_eq!(judge(&described[..end], true), Judged::TooEarly, "{end}");
        }
        for end in described.len() + 1..refused.len() {
            assert_eq!(judge(&refused[..end], true), Judged::TooEarly, "{end}");
        }
        assert_eq!(judge(&refused, true), Judged::Refusal(Healed::ReadOnly));
        assert_eq!(judge(&row, true), Judged::Reply);
        assert_eq!(judge(&message(b'C', b"SELECT 0\0"), true), Judged::Reply);
        // Behind a row an error is the client's.
        let late = [row, error("40001")].concat();
        assert_eq!(judge(&late, true), Judged::Reply);
    }

    #[test]
    fn of_several_statements_the_last_may_be_the_one_that_is_refused() {
        let first = [
            message(b'T', b"\0\0"),
            message(b'D', b"\0\0"),
            message(b'C', b"SELECT 1\0"),
        ]
        .concat();
        assert_eq!(judge(&first, false), Judged::TooEarly);
        let refused = [first.clone(), error("25006")].concat();
        assert_eq!(judge(&refused, false), Judged::Refusal(Healed::ReadOnly));
        let whole = [first.clone(), first.clone(), message(b'Z', b"I")].concat();
        assert_eq!(judge(&whole, false), Judged::Reply);
        let long = first.repeat(WITHHELD_BYTES_MAX / first.len() + 1);
        assert_eq!(judge(&long, false), Judged::Reply);
    }

    #[test]
    fn the_beginning_of_a_block_is_known_when_all_of_its_answer_is_there() {
        let parsed = [message(b'1', b""), message(b'2', b""), message(b'n', b"")].concat();
        for command in [&b"BEGIN\0"[..], b"START TRANSACTION\0"] {
            let begun = [parsed.clone(), message(b'C', command)].concat();
            assert!(has_begun(&begun));
            assert!(has_begun(&[begun.clone(), error("25006")].concat()));
            for end in 0..begun.len() {
                assert!(!has_begun(&begun[..end]), "{end}");
            }
        }
        for other in [
            message(b'C', b"SELECT 1\0"),
            message(b'D', b"\0\0"),
            error("25006"),
        ] {
            let begun = message(b'C', b"BEGIN\0");
            assert!(!has_begun(&[parsed.clone(), other, begun].concat()));
        }
    }

    #[test]
    fn a_description_that_is_too_long_to_be_held_back_is_a_reply() {
        let long = message(b'T', &vec![0; WITHHELD_BYTES_MAX]);
        assert_eq!(judge(&long[..100], true), Judged::Reply);
        let notices: Vec<u8> = (0..2000)
            .flat_map(|_| message(b'N', b"SNOTICE\0\0"))
            .collect();
        assert_eq!(judge(&notices, true), Judged::Reply);
    }
}
