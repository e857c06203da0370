//! The way back for a server whose client may have left something behind: `server_reset_query`
//! first, then the release.

use std::rc::Rc;
use std::time::Duration;

use tidegate_proto::backend::tag as backend;
use tokio::time::Instant;

use crate::limits::RESET_TIMEOUT;
use crate::pool::Lease;
use crate::pool::PoolError;
use crate::pool::ServerState;
use crate::pool::injected;
use crate::pool::release;

/// Resets a server in a task of its own, and gives it back if that worked. One that is not clean,
/// whose pool has no reset query or is for one client alone, is closed.
pub fn release_after_reset(mut lease: Lease, now: Instant) {
    let query = lease.pool.user().pool.server_reset_query.clone();
    if !lease.is_clean() || query.is_empty() || lease.pool.key.is_dedicated() {
        drop(lease);
        return;
    }
    lease.card.state.set(ServerState::Tested);
    lease.card.client.set(None);
    lease.card.used_at.set(now);
    tokio::task::spawn_local(async move {
        match within(
            RESET_TIMEOUT,
            injected::run(&mut lease, query.as_bytes(), |_, _| ()),
        )
        .await
        {
            Ok(()) => {
                lease.settings = Rc::default();
                lease.prepared.clear();
                release(lease, Instant::now());
            },
            Err(error) => {
                tracing::warn!(tenant = lease.pool.tenant.name(), error = %error.chain(), "a server could not be reset");
                drop(lease);
            },
        }
    });
}

/// Ends the transaction block that a server is in, in a task of its own, and gives it back if that
/// worked. Of its client nothing else may be there.
pub fn release_after_rollback(mut lease: Lease, now: Instant) {
    if !lease.is_between_rounds() || lease.ledger.is_busy() || lease.ledger.awaits_client() {
        drop(lease);
        return;
    }
    lease.card.client.set(None);
    lease.card.used_at.set(now);
    tokio::task::spawn_local(async move {
        let mut is_as_known = true;
        let ended = injected::run(&mut lease, b"ROLLBACK", |tag, _| {
            // A function had set something that its client took for its own.
            is_as_known &= tag != backend::PARAMETER_STATUS;
        });
        match within(RESET_TIMEOUT, ended).await {
            Ok(()) if is_as_known => release(lease, Instant::now()),
            // Nobody misses it.
            Ok(()) | Err(_) => drop(lease),
        }
    });
}

/// A limit in time on something of the pooler's own.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, PoolError>>,
) -> Result<T, PoolError> {
    if limit.is_zero() {
        return work.await;
    }
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(PoolError::Timeout { limit }))
}
