//! A client and its server, talking: bytes go across as they came, and only their headers are read.
//!
//! Each call is one synchronous step on the worker's scratch buffer; nothing is kept across polls
//! but what a socket could not take, or half a header.

use std::ops::Range;

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::error::ViolationKind;
use tidegate_proto::exchange::Outcome;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frontend::tag as frontend;

use crate::pool::Server;
use crate::session::kept::Kept;
use crate::session::kept::ToClient;
use crate::session::reads::Judged;
use crate::session::receiving::Received;
use crate::session::receiving::is_plain_row;
use crate::session::receiving::receive;
use crate::session::receiving::server_bytes_needed;
use crate::session::weighing::Weighed;
use crate::session::weighing::weigh;

/// What a client's bytes came to.
#[derive(Debug, Default)]
pub(super) struct FromClient {
    /// How many of them are done with: these go to the server, but for what was edited.
    pub(super) forwarded: usize,
    /// How many of them stand in the buffer of edits already.
    pub(super) copied: usize,
    /// The client said `Terminate`; nothing after it counts.
    pub(super) is_over: bool,
}

/// A message of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) tag: u8,
    /// Where its header begins.
    pub(super) at: usize,
    /// As much of its body as has arrived.
    pub(super) body: &'a [u8],
    /// How long the whole body is.
    pub(super) body_bytes: usize,
}

impl Message<'_> {
    pub(super) fn is_whole(&self) -> bool {
        self.body.len() == self.body_bytes
    }

    /// The string that the body begins with and its zero byte, in bytes; of what is there.
    pub(super) fn name_bytes(&self) -> usize {
        let end = memchr::memchr(0, self.body);
        end.map_or(self.body.len(), |end| end + 1)
    }
}

/// What is to be done with a message of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on as it is, or as it was edited.
    Forward,
    /// The same, and somebody waits for what the server makes of it.
    Mark,
    /// The same, and the server must be reset before another client may have it.
    ForwardAndReset,
    /// The same, behind a message that makes the server discard it.
    ForwardAfterFailure,
    /// The same, and what follows it must wait for the server.
    ForwardAndWait,
    /// The same, and it stands in the ledger already.
    Booked,
    /// Not before the server has answered.
    Wait,
    /// More of it must be there first.
    NeedMore,
}

/// What of a client's bytes goes to the server in other words. Until the first edit nothing is
/// copied.
#[derive(Debug)]
pub(super) struct Edits<'a> {
    bytes: &'a [u8],
    /// Bytes before this are in `out`, or were left out. `copied <= bytes.len()`.
    copied: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> Edits<'a> {
    /// The place in front of the byte at `at`, for something to be put there.
    pub(super) fn before(&mut self, at: usize) -> &mut Vec<u8> {
        let between = self.bytes.get(self.copied..at).unwrap_or_default();
        self.out.extend_from_slice(between);
        self.copied = self.copied.max(at);
        self.out
    }

    /// All that there is from the byte at `at` on.
    pub(super) fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Leaves out what stands before the byte at `at` and is not copied yet.
    pub(super) fn skip_to(&mut self, at: usize) {
        self.copied = self.copied.max(at);
    }
}

/// What a message may need the session to know, and what the session makes of it.
pub(super) trait Observer {
    /// A message of the client. Nothing of it has been sent on.
    ///
    /// # Errors
    ///
    /// [`Violation`], the client's fault.
    fn client_message<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation>;
    /// The next piece of a body that was not whole; `is_last` at its end. Whether what follows it
    /// must wait for the server.
    fn client_body(&mut self, piece: &[u8], is_last: bool) -> bool;
    /// The server has carried out a command of the client: the tag, or the beginning of it.
    fn command_complete(&mut self, server: &mut Server, tag: &[u8]);
    /// The server reported a parameter to the client: the body of a `ParameterStatus`.
    fn parameter_status(&mut self, body: &[u8]);
    /// The server tells of a notification; whether the client is to hear it.
    fn notification(&mut self) -> bool;
    /// What a server says while a round is on trial, from the beginning of a message that would go to
    /// the client.
    fn judge(&mut self, server: &mut Server, bytes: &[u8]) -> Judged;
    /// The server tells how far it has come: the body of a `FunctionCallResponse`.
    fn position(&mut self, server: &Server, body: &[u8]);
    /// Whether what a server says is no answer to its client any more, who shall not hear it: the client
    /// has all that it asked this replica for.
    fn is_past_answer(&self, server: &Server) -> bool;
    /// The server answered something that the pooler injected: the body of a `DataRow`, or the
    /// beginning of it.
    fn injected_row(&mut self, body: &[u8]);
    /// The server refused something that the pooler injected, and did not mark: the body of an `ErrorResponse`.
    fn injected_failed(&mut self, body: &[u8]);
    /// The server told the client of an error: the body, or the beginning of it, and whether it
    /// answers a marked message. What it returns is told in place of it, if it is all there.
    fn error(&mut self, server: &Server, body: &[u8], is_marked: bool) -> Option<Vec<u8>>;
    /// The server answered a marked message of the client: whether the client is told first that its
    /// `Parse` is complete, of which the server knows nothing.
    fn owes_parse_complete(&mut self) -> bool;
    /// The server answered a marked message of the client with an error: whether the client hears
    /// nothing of its round, which is sent once more.
    fn takes_back(&mut self, server: &mut Server, body: &[u8]) -> bool;
    /// The server raised something for the client: the body of a `NoticeResponse`, or as much of it as
    /// is there.
    fn notice(&mut self, body: &[u8]);
    /// The server is ready for the client's next query.
    fn ready(&mut self, server: &Server, status: TransactionStatus);
    /// The server is between two messages, and has settled a marked one.
    fn settled(&mut self, server: &mut Server, outcome: Outcome);
}

/// Reads the headers of what a client sent, and enters each message in the server's ledger. What
/// is left behind `forwarded` is the beginning of a message that is still too short to decide on, or
/// must wait for the server.
///
/// # Errors
///
/// [`Violation`], the client's fault: nothing of these bytes may be sent on.
pub(super) fn from_client(
    server: &mut Server,
    bytes: &[u8],
    out: &mut Vec<u8>,
    observer: &mut impl Observer,
) -> Result<FromClient, Violation> {
    let mut at = skip_body(&mut server.promised.body_bytes, 0, bytes.len());
    let mut waits = false;
    if at > 0 {
        let piece = bytes.get(..at).unwrap_or_default();
        waits = observer.client_body(piece, server.promised.body_bytes == 0);
    }
    let mut edits = Edits {
        bytes,
        copied: 0,
        out,
    };
    let mut is_over = false;
    while !waits && let Some(rest @ [_, ..]) = bytes.get(at..) {
        let Some(header) = FrameHeader::parse(Sender::Frontend, rest)? else {
            break;
        };
        check_length(header)?;
        let body = rest.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let message = Message {
            tag: header.tag(),
            at,
            body: body.get(..header.body_bytes()).unwrap_or(body),
            body_bytes: header.body_bytes(),
        };
        if message.tag == frontend::TERMINATE {
            is_over = true;
            break;
        }
        let step = observer.client_message(server, &message, &mut edits)?;
        match step {
            Step::Forward
            | Step::ForwardAndReset
            | Step::ForwardAfterFailure
            | Step::ForwardAndWait => {
                server.ledger.sent(message.tag, Owner::Client)?;
            },
            Step::Mark => server.ledger.sent_marked(message.tag, Owner::Client)?,
            Step::Booked => {},
            Step::Wait | Step::NeedMore => break,
        }
        server.promised.body_bytes = message.body_bytes;
        at = skip_body(
            &mut server.promised.body_bytes,
            at + FRAME_HEADER_BYTES,
            bytes.len(),
        );
        waits = step == Step::ForwardAndWait;
    }
    Ok(FromClient {
        forwarded: at,
        copied: edits.copied,
        is_over,
    })
}

/// Reads the headers of what a server sent, takes out what answers the pooler's own messages, and
/// returns what goes to the client. What is too short to decide on is kept in
/// the server.
///
/// # Errors
///
/// [`Violation`], the server's fault: it is out of step and must be closed.
pub(super) fn from_server(
    server: &mut Server,
    bytes: &mut [u8],
    observer: &mut impl Observer,
) -> Result<ToClient, Violation> {
    let mut kept = Kept::default();
    let mut at = skip_body(&mut server.incoming.body_bytes, 0, bytes.len());
    // What goes on from here to `at` is kept at once.
    let mut going = 0;
    if server.incoming.swallows {
        describe(server, bytes.get(..at).unwrap_or_default());
        going = at;
    }
    settle(server, observer);
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(header) = FrameHeader::parse(Sender::Backend, rest)? else {
            break;
        };
        if is_plain_row(server, header) {
            // Nothing is settled by a row.
            server.incoming.swallows = false;
            at = begin_body(server, header, at, bytes.len());
            continue;
        }
        let body = rest.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let body = body.get(..header.body_bytes()).unwrap_or(body);
        if body.len() < server_bytes_needed(server, header) {
            break;
        }
        match weigh(server, header, rest, observer) {
            Weighed::Told => {},
            Weighed::TooEarly => break,
            Weighed::Over => {
                kept.keep(bytes, going..at);
                at = bytes.len();
                going = at;
                break;
            },
        }
        let start = at;
        let received = receive(server, header, body, &mut kept.words, observer)?;
        at = begin_body(server, header, at, bytes.len());
        server.incoming.swallows = received == Received::Swallow;
        if received != Received::Forward {
            kept.keep(bytes, going..start);
            going = depart(server, &mut kept, bytes, start..at, received);
        }
        settle(server, observer);
        if server.ledger.is_lost() {
            // Whose the rest is, nobody can tell.
            break;
        }
    }
    kept.keep(bytes, going..at);
    if !server.ledger.is_lost()
        && let Some(rest @ [_, ..]) = bytes.get(at..)
    {
        server.incoming.held.extend_from_slice(rest);
    }
    Ok(kept.into())
}

/// Puts what there is of a message where it belongs. Returns from where on what follows goes on as it is.
fn depart(
    server: &mut Server,
    kept: &mut Kept,
    bytes: &mut [u8],
    message: Range<usize>,
    received: Received,
) -> usize {
    match received {
        Received::Forward => return message.start,
        Received::Swallow => {
            let body = message.start + FRAME_HEADER_BYTES..message.end;
            describe(server, bytes.get(body).unwrap_or_default());
        },
        Received::Replace => kept.replace(bytes, message.clone()),
        Received::ForwardBehindParse => {
            kept.insert(bytes, message.start, PARSE_COMPLETE);
            return message.start;
        },
    }
    message.end
}

/// A piece of a swallowed body: it may tell the shape of a statement.
fn describe(server: &mut Server, piece: &[u8]) {
    server.prepared.feed_shape(piece);
}

/// Tells what the server has settled. A message counts once the last byte of its answer is there.
#[inline]
fn settle(server: &mut Server, observer: &mut impl Observer) {
    if server.incoming.body_bytes == 0 {
        while let Some(outcome) = server.ledger.settled() {
            observer.settled(server, outcome);
        }
    }
}

/// The whole message.
const PARSE_COMPLETE: &[u8] = b"1\0\0\0\x04";

/// A message begins at `at`: how far that, and as much of its body as is there, reaches.
#[inline]
fn begin_body(server: &mut Server, header: FrameHeader, at: usize, end: usize) -> usize {
    server.incoming.body_bytes = header.body_bytes();
    skip_body(
        &mut server.incoming.body_bytes,
        at + FRAME_HEADER_BYTES,
        end,
    )
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
