//! How far a standby had come when a server of it was opened: that server never shows less.
//!
//! What monitors have seen says nothing of a server that was opened after they looked: the standby may
//! have crashed between, and may be about to replay once more what it had replayed before.

use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::tag as frontend;

use crate::net::Socket;
use crate::pool::PoolError;
use crate::pool::injected;
use crate::routing::Lsn;

const QUESTION: &[u8] = b"SELECT pg_catalog.pg_last_wal_replay_lsn()";

/// Asks a server that has just said it is ready; zero if it is none of a standby.
///
/// # Errors
///
/// [`PoolError`]: what broke, or the server's own words.
pub(super) async fn replayed(socket: &mut Socket) -> Result<Lsn, PoolError> {
    let mut messages = Vec::new();
    Query { query: QUESTION }.encode(&mut messages)?;
    let mut ledger = Ledger::new();
    let sent = ledger.sent(frontend::QUERY, Owner::Pooler);
    sent.map_err(PoolError::ServerViolation)?;
    let mut replayed = None;
    let exchange = injected::exchange(socket, &mut ledger, &messages, |tag, body| {
        if tag == backend::DATA_ROW {
            replayed = read(body);
        }
    });
    let (_, answered) = exchange.await?;
    answered?;
    Ok(replayed.unwrap_or_default())
}

fn read(row: &[u8]) -> Option<Lsn> {
    let row = DataRow::decode(row).ok()?;
    let value = row.values.iter().next()??;
    std::str::from_utf8(value).ok()?.parse().ok()
}
