//! One client of a load: connects, and runs transactions until it is told to stop.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tidegate_proto::frontend::Terminate;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::copy;
use super::kind::Kind;
use super::kind::Request;
use super::login::Account;
use super::mark::Mark;
use super::options::LoadOptions;
use super::random::Random;
use super::replies::Replies;
use super::stage::Stage;
use super::stage::Stages;
use super::tally::Tally;
use crate::clock;
use crate::error::RigError;

/// What the clients of one thread share.
pub(super) struct Here {
    pub(super) options: LoadOptions,
    pub(super) request: Request,
    pub(super) account: Account,
    pub(super) tls: Option<TlsConnector>,
    pub(super) stages: Arc<Stages>,
    pub(super) scratch: RefCell<Vec<u8>>,
    pub(super) tally: RefCell<Tally>,
    /// So many may log in at the same time.
    pub(super) doors: Semaphore,
    pub(super) logins: Cell<u32>,
}

/// A client that says nothing: it is connected until the load stops.
///
/// # Errors
/// If it cannot log in.
pub(super) async fn idle(here: Rc<Here>, number: u32) -> Result<(), RigError> {
    let connection = connect(&here, number).await?;
    here.stages.count_connected();
    here.stages.until(Stage::Stopping).await;
    leave(connection).await
}

/// A client that works.
///
/// # Errors
/// The first thing that goes wrong ends it.
pub(super) async fn active(here: Rc<Here>, number: u32) -> Result<(), RigError> {
    let mut session = Session {
        random: Random::new(number),
        replies: Replies::default(),
        output: Vec::new(),
        mark: Mark::of(number),
    };
    if here.request.kind == Kind::Login {
        here.stages.count_connected();
        here.stages.until(Stage::Warming).await;
        while here.stages.current() < Stage::Stopping {
            login(&here, &mut session, number).await?;
        }
        return Ok(());
    }
    let mut connection = connect(&here, number).await?;
    here.request
        .preparation(&session.mark, &mut session.output)?;
    if !session.output.is_empty() {
        session.replies.expect(1);
        exchange(&here, &mut connection, &mut session).await?;
    }
    here.stages.count_connected();
    here.stages.until(Stage::Warming).await;
    let think = Duration::from_millis(here.options.think_ms);
    if !think.is_zero() {
        // Not all at once.
        let first = session.random.below(1_000);
        tokio::time::sleep(think * first / 1_000).await;
    }
    while here.stages.current() < Stage::Stopping {
        transaction(&here, &mut connection, &mut session).await?;
        if here.options.once {
            break;
        }
        if !think.is_zero() {
            tokio::time::sleep(think).await;
        }
    }
    here.stages.count_finished();
    leave(connection).await
}

struct Session {
    random: Random,
    replies: Replies,
    output: Vec<u8>,
    mark: Mark,
}

impl Session {
    /// Makes the bytes of the next transaction, and says whether it writes among others that read.
    fn compose(&mut self, request: &Request) -> Result<bool, RigError> {
        self.output.clear();
        let Self {
            random,
            replies,
            output,
            mark,
        } = self;
        request.compose(random, mark, replies, output)
    }
}

async fn transaction(
    here: &Here,
    connection: &mut Connection,
    session: &mut Session,
) -> Result<(), RigError> {
    let is_write = session.compose(&here.request)?;
    let (begin, bytes) = (clock::now(), session.replies.bytes);
    exchange(here, connection, session).await?;
    let rows = session.replies.rows;
    if here.options.rows.is_some_and(|expected| expected != rows) {
        return Err(RigError::WrongAnswer(format!("{rows} rows")));
    }
    let sent = here.options.copy_bytes;
    let bytes = session.replies.bytes - bytes + sent;
    record(here, rows, bytes, begin.elapsed(), is_write);
    Ok(())
}

/// Connects, asks one question, leaves, and waits until the other side has hung up.
async fn login(here: &Here, session: &mut Session, number: u32) -> Result<(), RigError> {
    session.compose(&here.request)?;
    let begin = clock::now();
    let mut connection = connect(here, number).await?;
    exchange(here, &mut connection, session).await?;
    record(here, session.replies.rows, 0, begin.elapsed(), false);
    leave(connection).await
}

fn record(here: &Here, rows: u64, bytes: u64, latency: Duration, is_write: bool) {
    if here.stages.current() == Stage::Measuring {
        here.stages.note_measured();
        let queries = here.request.kind.queries();
        let mut tally = here.tally.borrow_mut();
        tally.record(queries, rows, bytes);
        let latencies = if is_write {
            &mut tally.latencies_of_writes
        } else {
            &mut tally.latencies
        };
        latencies.record(latency);
    }
}

async fn exchange(
    here: &Here,
    connection: &mut Connection,
    session: &mut Session,
) -> Result<(), RigError> {
    connection.send(&session.output).await?;
    connection
        .receive(&mut session.replies, &here.scratch)
        .await?;
    if here.request.kind == Kind::CopyIn {
        copy::send(connection, here.options.copy_bytes).await?;
        session.replies.copied_in();
        connection
            .receive(&mut session.replies, &here.scratch)
            .await?;
    }
    session.replies.verdict()
}

async fn connect(here: &Here, number: u32) -> Result<Connection, RigError> {
    let closed = |_closed| RigError::Closed(None);
    let _door = here.doors.acquire().await.map_err(closed)?;
    let options = &here.options;
    let count = here.logins.get();
    here.logins.set(count.wrapping_add(1));
    let source = count % u32::from(options.sources.max(1));
    let source = u8::try_from(source + 1).unwrap_or(1);
    let mut connection = Connection::open(options.to, source, here.tls.as_ref()).await?;
    let tenant = number % options.tenants.max(1);
    here.account.login(&mut connection, tenant).await?;
    Ok(connection)
}

async fn leave(mut connection: Connection) -> Result<(), RigError> {
    let mut bytes = Vec::new();
    Terminate.encode(&mut bytes);
    connection.send(&bytes).await?;
    connection.close().await;
    Ok(())
}
