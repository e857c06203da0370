//! What the PostgreSQL that costs nothing says to each message.

use std::time::Duration;

use tidegate_proto::backend::tag;
use tidegate_proto::frontend;

/// The row that answers every query: one column, the text `0`.
const ROW: &[u8] = b"D\0\0\0\x0b\0\x01\0\0\0\x010";
/// One column `abalance`, an `int4` as text.
const COLUMNS: &[u8] =
    b"T\0\0\0\x21\0\x01abalance\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
const SELECTED: &[u8] = b"C\0\0\0\x0dSELECT 1\0";
const READY: &[u8] = b"Z\0\0\0\x05I";
/// One parameter, an `int4`.
const PARAMETERS: &[u8] = b"t\0\0\0\x0a\0\x01\0\0\0\x17";

/// How a query begins that wants nothing out of the ordinary; nobody searches it.
const USUAL: &[u8] = b"SELECT abalance";

/// What a server reports of itself when a client has logged in.
const REPORTED: [(&str, &str); 11] = [
    // Poolers count on it: every server since PostgreSQL 9.0 sends it.
    ("application_name", ""),
    ("server_version", "16.0"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
    ("is_superuser", "off"),
    ("session_authorization", "bench"),
];

/// What a message asks for beyond an answer of a few bytes.
#[derive(Debug, PartialEq)]
pub(super) enum Special {
    /// A row of so many bytes.
    Large(usize),
    /// An answer that comes later.
    Late(Duration),
    /// The client has left.
    End,
}

/// `AuthenticationOk` and all that follows it.
pub(super) fn welcome(output: &mut Vec<u8>) {
    output.extend_from_slice(b"R\0\0\0\x08\0\0\0\0");
    for (name, value) in REPORTED {
        let text = format!("{name}\0{value}\0");
        message(output, tag::PARAMETER_STATUS, text.as_bytes());
    }
    message(output, tag::BACKEND_KEY_DATA, &[0, 0, 0, 1, 0, 0, 0, 2]);
    output.extend_from_slice(READY);
}

/// Appends the answer to one message. What it cannot say in a few bytes it returns.
pub(super) fn answer(kind: u8, body: &[u8], output: &mut Vec<u8>) -> Option<Special> {
    match kind {
        frontend::tag::QUERY => return query(body, output),
        frontend::tag::PARSE => message(output, tag::PARSE_COMPLETE, &[]),
        frontend::tag::BIND => message(output, tag::BIND_COMPLETE, &[]),
        frontend::tag::CLOSE => message(output, tag::CLOSE_COMPLETE, &[]),
        frontend::tag::DESCRIBE => {
            if body.first() == Some(&b'S') {
                output.extend_from_slice(PARAMETERS);
            }
            output.extend_from_slice(COLUMNS);
        },
        frontend::tag::EXECUTE => {
            output.extend_from_slice(ROW);
            output.extend_from_slice(SELECTED);
        },
        frontend::tag::SYNC => output.extend_from_slice(READY),
        frontend::tag::TERMINATE => return Some(Special::End),
        _ => {},
    }
    None
}

fn query(text: &[u8], output: &mut Vec<u8>) -> Option<Special> {
    if text.starts_with(USUAL) {
        output.extend_from_slice(COLUMNS);
        output.extend_from_slice(ROW);
        end(output);
        return None;
    }
    if let Some(bytes) = number_behind(text, b"repeat('x', ") {
        output.extend_from_slice(COLUMNS);
        return Some(Special::Large(bytes));
    }
    output.extend_from_slice(COLUMNS);
    output.extend_from_slice(ROW);
    end(output);
    let thousandths = number_behind(text, b"pg_sleep(0.")?;
    let millis = u64::try_from(thousandths).unwrap_or(0);
    Some(Special::Late(Duration::from_millis(millis)))
}

/// The header of a `DataRow` with one value of so many bytes.
pub(super) fn row_header(bytes: usize) -> Option<[u8; 11]> {
    let value = u32::try_from(bytes).ok()?;
    let mut header = [tag::DATA_ROW, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let (length, rest) = header.split_at_mut(7);
    length
        .get_mut(1..5)?
        .copy_from_slice(&value.checked_add(10)?.to_be_bytes());
    rest.copy_from_slice(&value.to_be_bytes());
    Some(header)
}

/// What ends the answer to a query.
pub(super) fn end(output: &mut Vec<u8>) {
    output.extend_from_slice(SELECTED);
    output.extend_from_slice(READY);
}

fn number_behind(text: &[u8], word: &[u8]) -> Option<usize> {
    let at = text.windows(word.len()).position(|found| found == word)?;
    let digits = text.get(at + word.len()..)?;
    let digits = digits.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn message(output: &mut Vec<u8>, tag: u8, body: &[u8]) {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    output.push(tag);
    output.extend_from_slice(&length.to_be_bytes());
    output.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use tidegate_proto::error::Sender;
    use tidegate_proto::frame::Frame;

    use super::*;

    fn tags(mut bytes: &[u8]) -> String {
        let mut tags = String::new();
        while let Some((frame, rest)) = Frame::split(Sender::Backend, bytes).unwrap() {
            tags.push(char::from(frame.header.tag()));
            bytes = rest;
        }
        assert!(bytes.is_empty(), "a length is wrong behind {tags}");
        tags
    }

    #[test]
    fn every_answer_is_whole_messages() {
        let mut output = Vec::new();
        welcome(&mut output);
        assert_eq!(tags(&output), "RSSSSSSSSSSSKZ");
        output.clear();
        assert_eq!(answer(b'Q', b"SELECT 1\0", &mut output), None);
        assert_eq!(tags(&output), "TDCZ");
        output.clear();
        for (kind, body) in [
            (b'P', &b""[..]),
            (b'B', b""),
            (b'D', b"S"),
            (b'E', b""),
            (b'S', b""),
        ] {
            assert_eq!(answer(kind, body, &mut output), None);
        }
        assert_eq!(tags(&output), "12tTDCZ");
    }

    #[test]
    fn a_text_can_ask_for_much_or_for_time() {
        let mut output = Vec::new();
        let large = answer(b'Q', b"SELECT repeat('x', 10000)\0", &mut output);
        assert_eq!(large, Some(Special::Large(10_000)));
        let late = answer(b'Q', b"SELECT pg_sleep(0.050)\0", &mut output);
        assert_eq!(late, Some(Special::Late(Duration::from_millis(50))));
        assert_eq!(row_header(1).unwrap(), *b"D\0\0\0\x0b\0\x01\0\0\0\x01");
    }
}
