//! The question which functions a database has, on a connection of its own to the tenant's primary.
//!
//! It logs in as the user of the pool that asks, counts against no limit, and ends with the answer.
//! The text finds only the system's own functions and operators, whatever the user's settings are.

use std::rc::Rc;
use std::task::Context;
use std::task::Waker;

use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::Terminate;
use tidegate_proto::frontend::tag as frontend;
use tokio::time::Instant;

use super::catalog::Loading;
use super::catalog::News;
use crate::limits::FUNCTIONS_COUNT_MAX;
use crate::limits::FUNCTIONS_TIMEOUT;
use crate::net::Socket;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Reported;
use crate::pool::connect;
use crate::pool::injected;
use crate::pool::reset::within;
use crate::sql::reads::CatalogFunctions;
use crate::sql::reads::Declarations;

const SETTINGS: [(&str, &str); 4] = [
    ("search_path", "pg_catalog"),
    ("default_transaction_read_only", "on"),
    ("application_name", "tidegate catalog"),
    ("client_encoding", "UTF8"),
];

/// One row per schema and name: those first that PostgreSQL has functions of, then by name. What
/// `initdb` has made has a number below 16384. The functions that an aggregate consists of say more
/// of it than it does itself. Temporary functions are found by no `search_path`.
const QUESTION: &str = "\
    SELECT n.nspname, p.proname, \
    bool_and(p.provolatile <> 'v' AND NOT EXISTS (\
        SELECT FROM pg_aggregate a, unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, \
            a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) part \
        JOIN pg_proc f ON f.oid = part WHERE a.aggfnoid = p.oid AND f.provolatile = 'v')), \
    EXISTS (SELECT FROM pg_proc b WHERE b.proname = p.proname \
        AND b.pronamespace = 'pg_catalog'::regnamespace AND b.oid < 16384) \
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
    WHERE (p.oid >= 16384 OR n.nspname NOT IN ('pg_catalog', 'information_schema')) \
    AND n.nspname !~ '^pg_temp_' \
    GROUP BY n.nspname, p.proname ORDER BY 4 DESC, p.proname, n.nspname LIMIT ";

/// Asks, in a task of its own.
pub(super) fn begin(pool: &Rc<Pool>, loading: Loading) {
    let pool = Rc::clone(pool);
    tokio::task::spawn_local(async move {
        let asked = within(FUNCTIONS_TIMEOUT, ask(&pool)).await;
        let (tenant, database) = (pool.tenant.name(), pool.key.database());
        match asked {
            Ok(functions) => {
                let count = functions.names_count();
                let News { is_back, is_cut } = loading.answered(functions, Instant::now());
                if is_back {
                    tracing::info!(tenant, database, "a database says its functions again");
                }
                if is_cut {
                    tracing::warn!(
                        tenant,
                        database,
                        count,
                        "a database has more functions than are kept: calls of the others go to the primary"
                    );
                }
            },
            Err(error) => {
                if loading.failed(Instant::now()) {
                    let error = error.chain();
                    tracing::warn!(
                        tenant,
                        database,
                        error,
                        "a database does not say its functions: calls go to the primary"
                    );
                }
            },
        }
    });
}

async fn ask(pool: &Pool) -> Result<CatalogFunctions, PoolError> {
    let endpoint = pool.endpoint().ok_or_else(|| pool.no_endpoint())?;
    let (mut socket, logged_in, _) = connect::log_in(pool, &endpoint, None, &SETTINGS).await?;
    let declarations = read(&mut socket).await?;
    leave(&mut socket);
    Ok(declarations.finish(major(&logged_in.parameters)))
}

async fn read(socket: &mut Socket) -> Result<Declarations, PoolError> {
    let (mut ledger, mut messages) = (Ledger::new(), Vec::new());
    // One more tells that there are more.
    let query = format!("{QUESTION}{}", FUNCTIONS_COUNT_MAX + 1);
    let query = query.as_bytes();
    Query { query }.encode(&mut messages)?;
    let sent = ledger.sent(frontend::QUERY, Owner::Pooler);
    sent.map_err(PoolError::ServerViolation)?;
    let mut declarations = Declarations::default();
    let mut is_malformed = false;
    let exchange = injected::exchange(socket, &mut ledger, &messages, |tag, body| {
        if tag == backend::DATA_ROW {
            is_malformed |= declare(body, &mut declarations).is_none();
        }
    });
    let (_, answered) = exchange.await?;
    answered?;
    if is_malformed {
        return Err(PoolError::BadCatalogAnswer);
    }
    Ok(declarations)
}

/// One row of the answer.
fn declare(row: &[u8], declarations: &mut Declarations) -> Option<()> {
    let row = DataRow::decode(row).ok()?;
    let mut values = row.values.iter();
    let mut next = || values.next().flatten();
    let (schema, name) = (next()?, next()?);
    let (reads, is_builtin) = (next()? == b"t", next()? == b"t");
    declarations.add(schema, name, reads, is_builtin);
    Some(())
}

/// The major version of a server, as it says at login; 0 if it does not.
fn major(parameters: &Reported) -> u32 {
    let mut parameters = parameters.iter();
    let version = parameters.find(|(name, _)| &**name == "server_version");
    let version = version.map_or("", |(_, version)| version);
    let digits = version.split(|character: char| !character.is_ascii_digit());
    let mut digits = digits.map(str::parse);
    digits.next().and_then(Result::ok).unwrap_or(0)
}

/// Ends the connection politely.
fn leave(socket: &mut Socket) {
    let mut goodbye = Vec::new();
    Terminate.encode(&mut goodbye);
    let mut context = Context::from_waker(Waker::noop());
    drop(socket.poll_write(&mut context, &goodbye, &[]));
    drop(socket.poll_flush(&mut context));
}
