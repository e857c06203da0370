//! The data of a `COPY … FROM STDIN`.

use tidegate_proto::backend::tag;
use tidegate_proto::frontend::CopyDone;

use super::connection::Connection;
use crate::error::RigError;

const LINE_BYTES: usize = 1_000;
const LINES: usize = 64;

/// Sends at least so many bytes of lines, then `CopyDone`.
///
/// # Errors
/// If the connection is gone.
pub(super) async fn send(connection: &mut Connection, bytes: u64) -> Result<(), RigError> {
    let message = message();
    let mut left = bytes;
    while left > 0 {
        connection.send(&message).await?;
        left = left.saturating_sub(message.len() as u64);
    }
    let mut done = Vec::new();
    CopyDone.encode(&mut done);
    connection.send(&done).await
}

/// One `CopyData` with many lines.
fn message() -> Vec<u8> {
    let body = LINE_BYTES * LINES;
    let length = u32::try_from(body + 4).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(body + 5);
    message.push(tag::COPY_DATA);
    message.extend_from_slice(&length.to_be_bytes());
    for _ in 0..LINES {
        message.extend_from_slice(&[b'x'; LINE_BYTES - 1]);
        message.push(b'\n');
    }
    message
}
