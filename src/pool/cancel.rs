//! Cancel requests to servers. Each names the lease that it is meant for, and a server that one is
//! on its way to is lent to nobody.
//!
//! A cancel request has no answer: the server closes the connection once it has sent the signal.
//! See <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>.

use std::rc::Rc;

use tidegate_proto::fields::CancelKey;
use tidegate_proto::startup::CancelRequest;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::limits::CANCEL_TIMEOUT;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::ServerCard;
use crate::pool::connect;
use crate::pool::reset::within;
use crate::telemetry::Count;

/// Cancels what a server is running, in a task of its own; `requester` is dropped at its end.
pub fn send(pool: &Rc<Pool>, card: &Rc<ServerCard>, requester: impl Sized + 'static) {
    card.cancels.set(card.cancels.get() + 1);
    let (pool, card) = (Rc::clone(pool), Rc::clone(card));
    tokio::task::spawn_local(async move {
        let is_sent = request(&pool, &card).await;
        card.cancels.set(card.cancels.get().saturating_sub(1));
        if !is_sent {
            // Whether it arrived is not known, and it may still arrive: nobody else may have
            // this server.
            card.close_needed.set(true);
        }
        pool.cancel_ended(card.id, Instant::now());
        drop(requester);
    });
}

/// Cancels what a server is running; whether the server has been told.
pub(super) async fn request(pool: &Pool, card: &ServerCard) -> bool {
    let sent = within(CANCEL_TIMEOUT, deliver(pool, card)).await;
    match &sent {
        Ok(()) => pool.counters.add(Count::Cancels, 1),
        Err(error) => {
            tracing::info!(tenant = pool.tenant.name(), error = %error.chain(), "a cancel request failed");
        },
    }
    sent.is_ok()
}

async fn deliver(pool: &Pool, card: &ServerCard) -> Result<(), PoolError> {
    let way = connect::Way {
        dial: &*pool.home.dial,
        tls: &pool.home.server_tls,
        asker: pool.key.tenant(),
    };
    let (mut socket, _) = connect::open_socket(way, &card.endpoint, card.remote).await?;
    let mut request = Vec::new();
    let Some(key) = CancelKey::new(&card.key.secret) else {
        return Ok(());
    };
    CancelRequest {
        process_id: card.key.process_id,
        key,
    }
    .encode(&mut request)?;
    card.own_rounds.over().await;
    socket.write_all(&request).await.map_err(PoolError::Broke)?;
    socket.flush().await.map_err(PoolError::Broke)?;
    // The end of the connection is the only sign that the signal was sent. A server may reset it.
    let mut end = [0; 1];
    drop(socket.read(&mut end).await);
    Ok(())
}
