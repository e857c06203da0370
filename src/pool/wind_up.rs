//! The end of a server that may be running something: it is told that nobody is there, and canceled
//! until it has gone.
//!
//! A server notices the end of its connection only when it reads or writes, and forgets a cancel request
//! that comes before it has read what it is to do. So one request is not enough: whatever came after it
//! would run to its end, with all its locks. Only the end that the server makes says that it is over.
//!
//! What stands behind a canceled round is not to be carried out: a server that owes several finds the
//! connection closed as soon as it has said something.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use tokio::time::sleep;

use crate::limits::CANCEL_AFTER_OWN_ROUND;
use crate::limits::WIND_UP_BYTES_MAX;
use crate::limits::WIND_UP_PAUSES_MILLIS;
use crate::limits::WIND_UP_ROUNDS_COUNT_MAX;
use crate::limits::WIND_UPS_PER_POOL_COUNT_MAX;
use crate::net::Socket;
use crate::pool::Pool;
use crate::pool::Server;
use crate::pool::ServerCard;
use crate::pool::cancel;

/// Ends a server that its pool has forgotten, in a task of its own.
pub(super) fn begin(pool: &Rc<Pool>, server: Server) {
    let rounds = server.ledger.rounds_owed();
    let Server {
        card, mut socket, ..
    } = server;
    // What is not sent at once is when the socket is read.
    let mut context = Context::from_waker(Waker::noop());
    drop(socket.poll_shutdown(&mut context));
    let Some(counted) = Counted::of(pool) else {
        return cancel::send(pool, &card, ());
    };
    tokio::task::spawn_local(async move {
        wind_up(&counted.0, &card, socket, rounds).await;
    });
}

async fn wind_up(pool: &Pool, card: &ServerCard, mut socket: Socket, rounds: usize) {
    let said_max = if rounds > 1 { 0 } else { WIND_UP_BYTES_MAX };
    let mut said = 0;
    for pause in pauses() {
        // Whatever becomes of the connection, which may be broken between us only, what has begun arrives.
        // One that does not is repeated like one that comes too early.
        let mut request = pin!(cancel::request(pool, card));
        let ended = until_ended(&mut socket, &mut said, said_max, request.as_mut()).await;
        let is_sent = ended.is_ok();
        if !is_sent {
            request.await;
        }
        if is_sent
            && until_ended(&mut socket, &mut said, said_max, sleep(pause))
                .await
                .is_ok()
        {
            continue;
        }
        drop(socket);
        if said > said_max {
            cancel_what_follows(pool, card, rounds.saturating_sub(1)).await;
        }
        return;
    }
    tracing::info!(
        tenant = pool.tenant.name(),
        process_id = card.key.process_id,
        "a server that nobody has any more runs on, though it was canceled"
    );
}

fn pauses() -> impl Iterator<Item = Duration> {
    WIND_UP_PAUSES_MILLIS.into_iter().map(Duration::from_millis)
}

/// A server turns to what it owes next, unless it has noticed that the connection is closed.
async fn cancel_what_follows(pool: &Pool, card: &ServerCard, rounds: usize) {
    let pauses = [CANCEL_AFTER_OWN_ROUND].into_iter().chain(pauses());
    for pause in pauses.take(rounds.min(WIND_UP_ROUNDS_COUNT_MAX)) {
        sleep(pause).await;
        cancel::request(pool, card).await;
    }
}

/// A connection is over: the server has made an end, it is broken, or too much was said.
#[derive(Debug)]
struct Ended;

/// Waits for `other`, or until a connection is over if that comes before. Counts in `said` what the server
/// says meanwhile, which may be `said_max` bytes.
async fn until_ended<T>(
    socket: &mut Socket,
    said: &mut usize,
    said_max: usize,
    other: impl Future<Output = T>,
) -> Result<T, Ended> {
    let mut other = pin!(other);
    let mut chunk = [0; 4096];
    poll_fn(|context| {
        // Under TLS there may be no room for it before the server has been heard.
        drop(socket.poll_shutdown(context));
        while let Poll::Ready(read) = socket.poll_read(context, &mut chunk) {
            let count = read.unwrap_or(0);
            *said += count;
            if count == 0 || *said > said_max {
                return Poll::Ready(Err(Ended));
            }
        }
        other.as_mut().poll(context).map(Ok)
    })
    .await
}

/// One more server of a pool is wound up, until this is dropped.
struct Counted(Rc<Pool>);

impl Counted {
    /// `None` if there are too many already.
    fn of(pool: &Rc<Pool>) -> Option<Self> {
        let count = pool.winding_up.get();
        (count < WIND_UPS_PER_POOL_COUNT_MAX).then(|| {
            pool.winding_up.set(count + 1);
            Self(Rc::clone(pool))
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let count = self.0.winding_up.get();
        self.0.winding_up.set(count.saturating_sub(1));
    }
}
