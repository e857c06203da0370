//! Queries of the pooler's own on a leased server: one round trip, every reply looked at here.
//!
//! Used where nothing of a client is under way. If it does not come to a clean end, the server is
//! broken, and the lease closes it.

use std::future::poll_fn;
use std::io;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frontend;

use crate::limits::INJECTED_REPLY_BYTES_MAX;
use crate::net::Socket;
use crate::pool::PoolError;
use crate::pool::Server;
use crate::pool::Unnamed;

/// Runs `query`, shows every reply to `observe` by tag and body, and waits for `ReadyForQuery`.
///
/// # Errors
///
/// The server's own [`PoolError::ServerRefused`] if it answered with an error; otherwise what
/// broke. The server is marked broken unless it is clean again.
pub(crate) async fn run(
    server: &mut Server,
    query: &[u8],
    observe: impl FnMut(u8, &[u8]),
) -> Result<(), PoolError> {
    let mut messages = Vec::new();
    frontend::Query { query }.encode(&mut messages)?;
    let sent = server.ledger.sent(frontend::tag::QUERY, Owner::Pooler);
    sent.map_err(PoolError::ServerViolation)?;
    converse(server, &messages, observe).await
}

/// Sends messages that are entered in the ledger already, and reads until nothing is owed.
///
/// # Errors
///
/// As [`run`].
pub(crate) async fn converse(
    server: &mut Server,
    messages: &[u8],
    observe: impl FnMut(u8, &[u8]),
) -> Result<(), PoolError> {
    server.is_broken = true;
    server.prepared.unnamed = Unnamed::Unknown;
    let (socket, ledger) = (&mut server.socket, &mut server.ledger);
    let (is_whole, answered) = exchange(socket, ledger, messages, observe).await?;
    server.is_broken = !is_whole;
    if answered.is_ok() {
        // They were all queries, and it has read them.
        server.prepared.unnamed = Unnamed::None;
    }
    answered
}

/// The conversation itself. Once nothing is owed: whether not a byte is left over, and what the
/// server said.
///
/// # Errors
///
/// What broke; the connection is of no further use then.
pub(super) async fn exchange(
    socket: &mut Socket,
    ledger: &mut Ledger,
    messages: &[u8],
    mut observe: impl FnMut(u8, &[u8]),
) -> Result<(bool, Result<(), PoolError>), PoolError> {
    let mut refused = None;
    let mut read = Vec::new();
    let mut unsent = messages;
    while ledger.is_busy() {
        let moved = poll_fn(|context| poll_some(socket, &mut unsent, &mut read, context));
        moved.await.map_err(PoolError::Broke)?;
        let mut at = 0;
        while let Some((header, body)) = complete(read.get(at..).unwrap_or_default())? {
            receive(ledger, header, body)?;
            if header.tag() == tag::ERROR_RESPONSE {
                refused = Some(PoolError::refused_by_server(body));
            }
            observe(header.tag(), body);
            at += FRAME_HEADER_BYTES + body.len();
        }
        read.drain(..at);
        if read.len() > INJECTED_REPLY_BYTES_MAX {
            return Err(PoolError::ReplyTooLarge);
        }
    }
    Ok((read.is_empty(), refused.map_or(Ok(()), Err)))
}

/// The name and the value of a `ParameterStatus`; `None` if it is cut off or no text.
pub(crate) fn parameter_status(body: &[u8]) -> Option<(&str, &str)> {
    let status = ParameterStatus::decode(body).ok()?;
    Some((
        std::str::from_utf8(status.name).ok()?,
        std::str::from_utf8(status.value).ok()?,
    ))
}

/// Sends some of what is unsent, and reads some of what has come: a server that says why it ends
/// may not read any more.
fn poll_some(
    socket: &mut Socket,
    unsent: &mut &[u8],
    read: &mut Vec<u8>,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !unsent.is_empty()
        && let Poll::Ready(count) = socket.poll_write(context, unsent, &[])?
    {
        *unsent = unsent.get(count..).unwrap_or_default();
    }
    // Whatever of it cannot be sent yet wakes this task when it can.
    let _is_flushed = socket.poll_flush(context)?.is_ready();
    let mut chunk = [0; 4096];
    let count = ready!(socket.poll_read(context, &mut chunk))?;
    if count == 0 {
        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
    }
    read.extend_from_slice(chunk.get(..count).unwrap_or_default());
    Poll::Ready(Ok(()))
}

/// The first message of `bytes`, if all of it is there.
fn complete(bytes: &[u8]) -> Result<Option<(FrameHeader, &[u8])>, PoolError> {
    let header = FrameHeader::parse(Sender::Backend, bytes).map_err(PoolError::ServerViolation)?;
    Ok(header.and_then(|header| {
        let end = FRAME_HEADER_BYTES + header.body_bytes();
        Some((header, bytes.get(FRAME_HEADER_BYTES..end)?))
    }))
}

fn receive(ledger: &mut Ledger, header: FrameHeader, body: &[u8]) -> Result<(), PoolError> {
    let result = if header.tag() == tag::READY_FOR_QUERY {
        let status = body.first().copied().and_then(TransactionStatus::from_byte);
        status
            .ok_or(Violation::out_of_place(Sender::Backend, header.tag()))
            .and_then(|status| ledger.ready(status))
    } else {
        ledger.received(header.tag())
    };
    result.map(drop).map_err(PoolError::ServerViolation)
}
