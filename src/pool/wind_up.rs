//! The end of a server that may be running something: it is told that nobody is there, and canceled
//! until it has gone.
//!
//! A server notices the end of its connection only when it reads or writes, and forgets a cancel request
//! that comes before it has read what it is to do. So one request is not enough: whatever came after it
//! would run to its end, with all its locks. Only the end that the server makes says that it is over.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use tokio::time::timeout;

use crate::limits::WIND_UP_BYTES_MAX;
use crate::limits::WIND_UP_PAUSES;
use crate::net::Socket;
use crate::pool::Pool;
use crate::pool::Server;
use crate::pool::cancel;

/// Ends a server that its pool has forgotten, in a task of its own. It counts nowhere any more.
pub(super) fn begin(pool: &Rc<Pool>, server: Server) {
    let Server {
        card, mut socket, ..
    } = server;
    let pool = Rc::clone(pool);
    tokio::task::spawn_local(async move {
        let mut left = WIND_UP_BYTES_MAX;
        for pause in WIND_UP_PAUSES {
            let is_told = cancel::request(&pool, &card).await;
            let ended = timeout(pause, until_ended(&mut socket, &mut left)).await;
            if ended.is_ok() || !is_told {
                return;
            }
        }
        tracing::info!(
            tenant = pool.tenant.name(),
            process_id = card.key.process_id,
            "a server that nobody has any more runs on, though it was canceled"
        );
    });
}

/// Sends the end of the stream, and reads what the server still says until it ends the connection too,
/// until that is broken, or until too much was said.
async fn until_ended(socket: &mut Socket, left: &mut u64) -> io::Result<()> {
    poll_fn(|context| socket.poll_shutdown(context)).await?;
    let mut chunk = [0; 4096];
    loop {
        let count = poll_fn(|context| socket.poll_read(context, &mut chunk)).await?;
        *left = left.saturating_sub(count as u64);
        if count == 0 || *left == 0 {
            return Ok(());
        }
    }
}
