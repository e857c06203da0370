//! Our trace beside libpq's own of one conversation, and lines that libpq cannot have.
//!
//! `recorded/` was made with libpq 18 against a server 18: the bytes of both directions, taken by a
//! relay in between, and what `PQtrace` wrote with `PQTRACE_SUPPRESS_TIMESTAMPS` and
//! `PQTRACE_REGRESS_MODE`, from the startup message to `Terminate`.

use proptest::prelude::*;

use super::*;
use crate::backend::Authentication;
use crate::backend::BackendKeyData;
use crate::backend::ReadyForQuery;
use crate::backend::TransactionStatus;
use crate::fields::CancelKey;
use crate::frontend::PasswordMessage;
use crate::frontend::Query;
use crate::startup::CancelRequest;
use crate::startup::GssencRequest;
use crate::startup::Request;
use crate::startup::SslRequest;

const FRONTEND: &[u8] = include_bytes!("recorded/frontend.bin");
const BACKEND: &[u8] = include_bytes!("recorded/backend.bin");
const PQTRACE: &str = include_str!("recorded/pqtrace.txt");

/// The lines of one sender in the recording. libpq hides the data of a COPY, and so must we to
/// compare; the lengths stay.
fn recorded(sender: char) -> Vec<String> {
    PQTRACE
        .lines()
        .filter(|line| line.starts_with(sender))
        .map(str::to_owned)
        .collect()
}

fn without_copy_data(trace: &str) -> Vec<String> {
    let hide = |line: &str| match line.split_once("\tCopyData\t") {
        Some((before, _)) => format!("{before}\tCopyData\t 'BBBB'"),
        None => line.to_owned(),
    };
    trace.lines().map(hide).collect()
}

#[test]
fn a_backend_is_traced_as_by_libpq() {
    let mut trace = Trace::comparable();
    assert_eq!(trace.stream(Sender::Backend, BACKEND), Ok(BACKEND.len()));
    let mut ours = without_copy_data(trace.as_str());
    // libpq writes no line for the AuthenticationOk after SASL.
    assert_eq!(ours.remove(3), "B\t8\tAuthenticationOk");
    assert_eq!(ours, recorded('B'));
}

#[test]
fn a_frontend_is_traced_as_by_libpq() {
    let mut trace = Trace::comparable();
    let opening = Request::classify(FRONTEND).unwrap().unwrap().bytes();
    trace.opening(&FRONTEND[..opening]);
    let mut rest = &FRONTEND[opening..];
    // The server asked for these, which tells the two messages with one tag apart.
    for awaited in [
        AuthenticationResponse::SaslInitial,
        AuthenticationResponse::Sasl,
    ] {
        trace.awaited = awaited;
        let (frame, after) = Frame::split(Sender::Frontend, rest).unwrap().unwrap();
        trace.message(Sender::Frontend, frame);
        rest = after;
    }
    assert_eq!(trace.stream(Sender::Frontend, rest), Ok(rest.len()));
    assert_eq!(without_copy_data(trace.as_str()), recorded('F'));
}

#[test]
fn a_conversation_is_lines_in_the_order_it_was_held() {
    let mut trace = Trace::new();
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    Query { query: b"select 1" }.encode(&mut asked).unwrap();
    ReadyForQuery {
        status: TransactionStatus::Idle,
    }
    .encode(&mut answered);
    trace.stream(Sender::Frontend, &asked).unwrap();
    trace.stream(Sender::Backend, &answered).unwrap();
    assert_eq!(
        trace.into_string(),
        "F\t13\tQuery\t \"select 1\"\nB\t5\tReadyForQuery\t I\n"
    );
}

#[test]
fn the_opening_of_a_connection_is_traced() {
    let mut trace = Trace::new();
    trace.opening(&SslRequest::BYTES);
    trace.ssl_response(SslRequest::ACCEPTED);
    trace.opening(&GssencRequest::BYTES);
    trace.gssenc_response(GssencRequest::REFUSED);
    let mut cancel = Vec::new();
    let key = CancelKey::new(b"keys").unwrap();
    CancelRequest { process_id: 7, key }
        .encode(&mut cancel)
        .unwrap();
    trace.opening(&cancel);
    trace.opening(b"\0\0\0\x08\0\x02\0\0");
    trace.opening(b"\x16\x03\x01");
    let expected = "F\t8\tSSLRequest\t 1234 5679\nB\t1\tSSLResponse\t S\n\
        F\t8\tGSSENCRequest\t 1234 5680\nB\t1\tGSSENCResponse\t N\n\
        F\t16\tCancelRequest\t 1234 5678 7 'BBBB'\nF\t8\tUnknown\t 2 0\nF\t3\tTLS\n";
    assert_eq!(trace.as_str(), expected);
}

#[test]
fn secrets_are_in_no_trace() {
    for mut trace in [Trace::new(), Trace::comparable()] {
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        Authentication::CleartextPassword
            .encode(&mut answered)
            .unwrap();
        let key = CancelKey::new(b"canary").unwrap();
        BackendKeyData { process_id: 7, key }
            .encode(&mut answered)
            .unwrap();
        PasswordMessage {
            password: b"canary",
        }
        .encode(&mut asked)
        .unwrap();
        trace.stream(Sender::Backend, &answered).unwrap();
        trace.stream(Sender::Frontend, &asked).unwrap();
        // Nobody asked for this one, so it may be anything.
        trace.stream(Sender::Frontend, &asked).unwrap();
        assert!(!trace.as_str().contains("canary"));
        assert!(trace.as_str().contains("PasswordMessage\t \"SSSS\"\n"));
        assert!(trace.as_str().ends_with("UnknownAuthenticationResponse\n"));
    }
}

#[test]
fn a_message_that_cannot_be_decoded_is_one_line() {
    let mut trace = Trace::new();
    let bytes = b"Z\0\0\0\x05?!\0\0\0\x04Z\0\0\0\x05I";
    assert_eq!(trace.stream(Sender::Backend, bytes), Ok(bytes.len()));
    let lines: Vec<_> = trace.as_str().lines().collect();
    assert_eq!(lines.len(), 3);
    let violation = "ReadyForQuery of the backend: transaction status has the illegal value 63";
    assert_eq!(lines[0], format!("B\t5\tMalformed\t \"{violation}\""));
    assert_eq!(lines[2], "B\t5\tReadyForQuery\t I");
    let mut trace = Trace::new();
    trace
        .stream(Sender::Frontend, b"B\0\0\0\x08a\0b\0")
        .unwrap();
    let violation = "Bind of the frontend: parameter formats is cut off by the end of the message";
    assert_eq!(
        trace.as_str(),
        format!("F\t8\tMalformed\t \"{violation}\"\n")
    );
    trace.opening(b"\0\0\0\x05");
    trace.opening(b"\0\0");
    assert_eq!(trace.as_str().lines().last(), Some("F\t2\tIncomplete"));
}

#[test]
fn what_is_not_whole_is_left_for_later() {
    let mut trace = Trace::new();
    assert_eq!(
        trace.stream(Sender::Backend, b"Z\0\0\0\x05IZ\0\0\0\x05"),
        Ok(6)
    );
    trace.stream(Sender::Backend, b"Z\0\0\0\x03").unwrap_err();
    assert_eq!(trace.as_str(), "B\t5\tReadyForQuery\t I\n");
}

proptest! {
    #[test]
    fn every_message_is_one_line_of_printable_characters(
        tag: u8,
        body in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let length = u32::try_from(body.len()).unwrap() + 4;
        let bytes = [&[tag][..], &length.to_be_bytes(), &body].concat();
        for sender in [Sender::Frontend, Sender::Backend] {
            let mut trace = Trace::new();
            trace.stream(sender, &bytes).unwrap();
            let text = trace.as_str();
            prop_assert!(text.ends_with('\n') && text.lines().count() == 1);
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n')));
        }
    }
}
