//! A client and its server, talking: bytes go across as they came, and only their headers are read.
//!
//! Each call is one synchronous step on the worker's scratch buffer; nothing is kept across polls
//! but what a socket could not take, or half a header.

use std::ops::Range;

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::error::ViolationKind;
use tidegate_proto::exchange::Owner;
use tidegate_proto::exchange::Verdict;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frontend::tag as frontend;

use crate::limits::BIND_NAMES_BYTES;
use crate::limits::PARAMETER_STATUS_BYTES_MAX;
use crate::pool::Server;

/// The tag of a `CommandComplete` after which nothing is left of a session.
const DISCARD_ALL: &[u8] = b"DISCARD ALL\0";

/// What a client's bytes came to.
#[derive(Debug, Default)]
pub(super) struct FromClient {
    /// How many of them go to the server.
    pub(super) forwarded: usize,
    /// The client said `Terminate`; nothing after it counts.
    pub(super) is_over: bool,
}

/// What a client's message may need the session to know.
pub(super) trait Observer {
    /// A message of the client, with as much of its body as has arrived; `is_whole` if that is all.
    fn client_message(&mut self, tag: u8, body: &[u8], is_whole: bool);
    /// The next piece of a body that was not whole; `is_last` at its end.
    fn client_body(&mut self, piece: &[u8], is_last: bool);
    /// The server has discarded all state of the session.
    fn discarded(&mut self);
    /// The server reported a parameter to the client: the body of a `ParameterStatus`.
    fn parameter_status(&mut self, body: &[u8]);
    /// The server refused something that the pooler injected: the body of an `ErrorResponse`.
    fn injected_failed(&mut self, body: &[u8]);
    /// The server told the client of an error.
    fn error(&mut self);
    /// The server is ready for the client's next query.
    fn ready(&mut self, status: TransactionStatus);
}

/// Reads the headers of what a client sent, and enters each message in the server's ledger. What
/// is left behind `forwarded` is the beginning of a message that is still too short to decide on.
///
/// # Errors
///
/// [`Violation`], the client's fault: nothing of these bytes may be sent on.
pub(super) fn from_client(
    server: &mut Server,
    bytes: &[u8],
    observer: &mut impl Observer,
) -> Result<FromClient, Violation> {
    let mut at = skip_body(&mut server.promised.body_bytes, 0, bytes.len());
    if at > 0 {
        let piece = bytes.get(..at).unwrap_or_default();
        observer.client_body(piece, server.promised.body_bytes == 0);
    }
    while let Some(rest @ [_, ..]) = bytes.get(at..) {
        let Some(header) = FrameHeader::parse(Sender::Frontend, rest)? else {
            break;
        };
        check_length(header)?;
        let body = rest.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let body = body.get(..header.body_bytes()).unwrap_or(body);
        if body.len() < client_bytes_needed(header) {
            break;
        }
        if header.tag() == frontend::TERMINATE {
            return Ok(FromClient {
                forwarded: at,
                is_over: true,
            });
        }
        observer.client_message(header.tag(), body, body.len() == header.body_bytes());
        server.ledger.sent(header.tag(), Owner::Client)?;
        server.promised.body_bytes = header.body_bytes();
        at = skip_body(
            &mut server.promised.body_bytes,
            at + FRAME_HEADER_BYTES,
            bytes.len(),
        );
    }
    Ok(FromClient {
        forwarded: at,
        is_over: false,
    })
}

/// Reads the headers of what a server sent, takes out what answers the pooler's own messages, and
/// returns the part of `bytes` that goes to the client. What is too short to decide on is kept in
/// the server.
///
/// # Errors
///
/// [`Violation`], the server's fault: it is out of step and must be closed.
pub(super) fn from_server(
    server: &mut Server,
    bytes: &mut [u8],
    observer: &mut impl Observer,
) -> Result<Range<usize>, Violation> {
    let mut kept = Kept { end: 0 };
    let mut at = skip_body(&mut server.incoming.body_bytes, 0, bytes.len());
    if !server.incoming.swallows {
        kept.keep(bytes, 0..at);
    }
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(header) = FrameHeader::parse(Sender::Backend, rest)? else {
            break;
        };
        let body = rest.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let body = body.get(..header.body_bytes()).unwrap_or(body);
        if body.len() < server_bytes_needed(header) {
            break;
        }
        let verdict = receive(server, header, body, observer)?;
        let start = at;
        server.incoming.body_bytes = header.body_bytes();
        at = skip_body(
            &mut server.incoming.body_bytes,
            at + FRAME_HEADER_BYTES,
            bytes.len(),
        );
        server.incoming.swallows = verdict == Verdict::Swallow;
        if verdict == Verdict::Forward {
            kept.keep(bytes, start..at);
        }
        if server.ledger.is_lost() {
            // Whose the rest is, nobody can tell.
            return Ok(0..kept.end);
        }
    }
    server
        .incoming
        .held
        .extend_from_slice(bytes.get(at..).unwrap_or_default());
    Ok(0..kept.end)
}

fn receive(
    server: &mut Server,
    header: FrameHeader,
    body: &[u8],
    observer: &mut impl Observer,
) -> Result<Verdict, Violation> {
    let tag = header.tag();
    if tag == backend::READY_FOR_QUERY {
        let status = body.first().copied().and_then(TransactionStatus::from_byte);
        let status = status.ok_or(Violation::out_of_place(Sender::Backend, tag))?;
        let verdict = server.ledger.ready(status)?;
        if verdict == Verdict::Forward {
            observer.ready(status);
        }
        return Ok(verdict);
    }
    let verdict = server.ledger.received(tag)?;
    match (tag, verdict) {
        (backend::PARAMETER_STATUS, Verdict::Forward) => observer.parameter_status(body),
        (backend::ERROR_RESPONSE, Verdict::Swallow) => observer.injected_failed(body),
        (backend::ERROR_RESPONSE, Verdict::Forward) => observer.error(),
        (backend::COMMAND_COMPLETE, Verdict::Forward) if body.starts_with(DISCARD_ALL) => {
            observer.discarded();
        },
        _ => {},
    }
    Ok(verdict)
}

/// How much of a client's message must be there before it can be decided on, in bytes of its body.
fn client_bytes_needed(header: FrameHeader) -> usize {
    let wanted = match header.tag() {
        frontend::BIND => BIND_NAMES_BYTES,
        // The first byte tells whether the statement has a name.
        frontend::PARSE => 1,
        _ => 0,
    };
    wanted.min(header.body_bytes())
}

/// The same for a server's message.
fn server_bytes_needed(header: FrameHeader) -> usize {
    let body = header.body_bytes();
    match header.tag() {
        backend::READY_FOR_QUERY => body.min(1),
        backend::PARAMETER_STATUS => body.min(PARAMETER_STATUS_BYTES_MAX),
        backend::ERROR_RESPONSE => body.min(PARAMETER_STATUS_BYTES_MAX),
        backend::COMMAND_COMPLETE => body.min(DISCARD_ALL.len()),
        _ => 0,
    }
}

fn check_length(header: FrameHeader) -> Result<(), Violation> {
    match frontend::message_bytes_max(header.tag()) {
        Some(length_max) if header.length() <= length_max => Ok(()),
        Some(length_max) => Err(Violation {
            sender: Sender::Frontend,
            message: frontend::name(header.tag()).unwrap_or("message"),
            field: "length",
            kind: ViolationKind::TooLong {
                length: header.length(),
                length_max,
            },
        }),
        None => Err(Violation::out_of_place(Sender::Frontend, header.tag())),
    }
}

/// Moves past as much of a body as has arrived.
#[inline]
fn skip_body(body_bytes: &mut usize, at: usize, end: usize) -> usize {
    let arrived = end.saturating_sub(at).min(*body_bytes);
    *body_bytes -= arrived;
    at + arrived
}

/// The bytes that go on, moved together at the front of the buffer. As long as nothing was taken
/// out, nothing moves.
struct Kept {
    end: usize,
}

impl Kept {
    fn keep(&mut self, bytes: &mut [u8], range: Range<usize>) {
        let length = range.len();
        if range.start != self.end {
            bytes.copy_within(range, self.end);
        }
        self.end += length;
    }
}
