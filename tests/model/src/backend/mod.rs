//! One session of the model: messages in, replies out, one message at a time.
//!
//! See `PostgresMain`, `SocketBackend` and `exec_*` in `PostgreSQL`'s `tcop/postgres.c`.

mod task;

use std::collections::BTreeMap;
use std::collections::VecDeque;

use tidegate_proto::backend::Severity;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::Close;
use tidegate_proto::frontend::Describe;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Parse;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::Target;
use tidegate_proto::frontend::tag as frontend;
use tidegate_proto::sqlstate::SqlState;

use crate::program;
use crate::program::Statement;
use crate::reply::Reply;
use crate::settings::Settings;

pub use self::task::Copying;

use self::task::Task;

/// A message that was not read yet.
#[derive(Debug, Clone)]
struct Message {
    number: usize,
    tag: u8,
    body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    Idle,
    /// Begun by an extended message, not ended by a `Sync` yet, or within a `Query`.
    Implicit,
    Block,
    Failed,
}

/// A named or unnamed portal: its statement, and the rows that it has not given yet.
#[derive(Debug, Clone)]
struct Portal {
    statement: Option<Statement>,
    rows_left: Option<usize>,
}

/// One session.
#[derive(Debug, Clone)]
pub struct Backend {
    input: VecDeque<Message>,
    output: VecDeque<Reply>,
    settings: Settings,
    transaction: Transaction,
    is_doomed: bool,
    ignores_till_sync: bool,
    task: Option<Task>,
    statements: BTreeMap<Vec<u8>, Option<Statement>>,
    portals: BTreeMap<Vec<u8>, Portal>,
    is_ended: bool,
    /// As servers before 14: a message that does not belong into a COPY makes it fail, and the
    /// session goes on. Later ones end the session.
    survives_intruders: bool,
}

impl Backend {
    /// A session that is ready for its first query.
    pub fn new(settings: Settings, survives_intruders: bool) -> Self {
        Self {
            input: VecDeque::new(),
            output: VecDeque::new(),
            settings,
            transaction: Transaction::Idle,
            is_doomed: false,
            ignores_till_sync: false,
            task: None,
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            is_ended: false,
            survives_intruders,
        }
    }

    /// Puts a message behind those that were not read yet.
    pub fn enqueue(&mut self, number: usize, tag: u8, body: &[u8]) {
        self.input.push_back(Message {
            number,
            tag,
            body: body.to_vec(),
        });
    }

    /// The next reply.
    pub fn reply(&mut self) -> Option<Reply> {
        self.output.pop_front()
    }

    /// Whether replies wait to be taken.
    pub fn has_replies(&self) -> bool {
        !self.output.is_empty()
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the session is over.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether it works on something, or waits within it: a cancel would hit that.
    pub fn is_busy(&self) -> bool {
        self.task.is_some()
    }

    /// Whether it sleeps in the middle of a statement.
    pub fn is_asleep(&self) -> bool {
        self.task.as_ref().is_some_and(Task::is_asleep)
    }

    /// Whether it is outside everything: nothing begun, nothing unanswered, nothing to be skipped.
    pub fn is_idle(&self) -> bool {
        self.transaction == Transaction::Idle
            && !self.ignores_till_sync
            && self.task.is_none()
            && !self.is_ended
    }

    /// The tags of the messages that were not read yet.
    pub fn unread(&self) -> impl Iterator<Item = u8> {
        self.input.iter().map(|message| message.tag)
    }

    /// Reads one message, if there is one that it is ready to read; whether it did.
    pub fn work(&mut self) -> bool {
        if self.is_ended || self.is_asleep() {
            return false;
        }
        let Some(message) = self.input.pop_front() else {
            return false;
        };
        if self.task.is_some() {
            self.copy(&message);
        } else {
            self.read(&message);
        }
        true
    }

    /// A cancel request: what runs fails; if nothing does, nothing happens.
    pub fn cancel(&mut self) {
        if let Some(task) = self.task.take() {
            let text = "canceling statement due to user request";
            self.fail(&task, SqlState::QUERY_CANCELED, text);
        }
    }

    /// Lets what sleeps go on.
    pub fn wake(&mut self) {
        if self.is_asleep()
            && let Some(mut task) = self.task.take()
        {
            task.wake();
            self.run(task);
        }
    }

    /// Ends the session as an administrator does.
    pub fn terminate(&mut self) {
        let cause = self.task.as_ref().map_or(0, |task| task.cause);
        self.end_with(
            cause,
            SqlState::ADMIN_SHUTDOWN,
            "terminating connection due to administrator command",
        );
    }

    /// Says something unasked.
    pub fn notice(&mut self, cause: usize) {
        self.output.push_back(Reply::notice(cause, "something"));
    }

    fn read(&mut self, message: &Message) {
        let cause = message.number;
        let is_sync = message.tag == frontend::SYNC;
        if message.tag == frontend::TERMINATE {
            self.is_ended = true;
            return;
        }
        if self.ignores_till_sync && !is_sync {
            return;
        }
        self.ignores_till_sync = false;
        match message.tag {
            frontend::QUERY => self.query(message),
            frontend::FUNCTION_CALL => self.function_call(message),
            frontend::SYNC => {
                self.commit_implicit(cause);
                self.ready(cause);
            },
            frontend::PARSE | frontend::BIND | frontend::DESCRIBE | frontend::CLOSE => {
                if let Err((sqlstate, text)) = self.extended(message) {
                    self.fail(&Task::extended(cause, None), sqlstate, text);
                }
            },
            frontend::EXECUTE => self.execute(message),
            frontend::FLUSH | frontend::COPY_DATA | frontend::COPY_DONE | frontend::COPY_FAIL => {},
            _ => self.end_with(
                cause,
                SqlState::PROTOCOL_VIOLATION,
                "invalid frontend message type",
            ),
        }
    }

    fn query(&mut self, message: &Message) {
        let cause = message.number;
        self.statements.remove(&b""[..]);
        let text = Query::decode(&message.body).map_or(&b"?"[..], |query| query.query);
        let Some(statements) = program::parse(&String::from_utf8_lossy(text)) else {
            let task = Task::simple(cause, VecDeque::new());
            return self.fail(&task, SqlState::SYNTAX_ERROR, "syntax error");
        };
        if statements.is_empty() {
            self.send(cause, backend::EMPTY_QUERY_RESPONSE, &[]);
        }
        self.run(Task::simple(cause, statements.into()));
    }

    fn function_call(&mut self, message: &Message) {
        let cause = message.number;
        let is_refused = self.transaction == Transaction::Failed || message.body.len() % 2 == 1;
        if is_refused {
            let task = Task::simple(cause, VecDeque::new());
            return self.fail(&task, SqlState::INVALID_PARAMETER_VALUE, "no such function");
        }
        self.begin_implicit();
        self.send(
            cause,
            backend::FUNCTION_CALL_RESPONSE,
            &[0xff, 0xff, 0xff, 0xff],
        );
        self.commit_implicit(cause);
        self.ready(cause);
    }

    fn extended(&mut self, message: &Message) -> Result<(), (SqlState, &'static str)> {
        let broken = (SqlState::PROTOCOL_VIOLATION, "broken message");
        self.begin_implicit();
        match message.tag {
            frontend::PARSE => {
                let parse = Parse::decode(&message.body).or(Err(broken))?;
                self.parse(message.number, parse)
            },
            frontend::BIND => {
                let bind = Bind::decode(&message.body).or(Err(broken))?;
                self.bind(message.number, bind)
            },
            frontend::DESCRIBE => {
                let describe = Describe::decode(&message.body).or(Err(broken))?;
                self.describe(message.number, describe)
            },
            _ => {
                let close = Close::decode(&message.body).or(Err(broken))?;
                match close.target {
                    Target::Statement(name) => drop(self.statements.remove(name)),
                    Target::Portal(name) => drop(self.portals.remove(name)),
                }
                self.send(message.number, backend::CLOSE_COMPLETE, &[]);
                Ok(())
            },
        }
    }

    fn parse(&mut self, cause: usize, parse: Parse<'_>) -> Result<(), (SqlState, &'static str)> {
        if parse.statement.is_empty() {
            self.statements.remove(parse.statement);
        }
        let statements = program::parse(&String::from_utf8_lossy(parse.query));
        let Some([] | [_]) = statements.as_deref() else {
            return Err((SqlState::SYNTAX_ERROR, "syntax error"));
        };
        let statement = statements.and_then(|mut statements| statements.pop());
        if self.statements.contains_key(parse.statement) {
            return Err((
                SqlState::INVALID_PARAMETER_VALUE,
                "prepared statement exists",
            ));
        }
        self.refuse_in_failed(statement.as_ref())?;
        self.statements.insert(parse.statement.to_vec(), statement);
        self.send(cause, backend::PARSE_COMPLETE, &[]);
        Ok(())
    }

    fn bind(&mut self, cause: usize, bind: Bind<'_>) -> Result<(), (SqlState, &'static str)> {
        let Some(statement) = self.statements.get(bind.statement).cloned() else {
            return Err((
                SqlState::INVALID_SQL_STATEMENT_NAME,
                "prepared statement does not exist",
            ));
        };
        self.refuse_in_failed(statement.as_ref())?;
        let portal = Portal {
            statement,
            rows_left: None,
        };
        self.portals.insert(bind.portal.to_vec(), portal);
        self.send(cause, backend::BIND_COMPLETE, &[]);
        Ok(())
    }

    fn describe(
        &mut self,
        cause: usize,
        describe: Describe<'_>,
    ) -> Result<(), (SqlState, &'static str)> {
        let missing = (
            SqlState::INVALID_SQL_STATEMENT_NAME,
            "nothing to be described",
        );
        let statement = match describe.target {
            Target::Statement(name) => self.statements.get(name).cloned().ok_or(missing)?,
            Target::Portal(name) => {
                let portal = self.portals.get(name).ok_or(missing)?;
                portal.statement.clone()
            },
        };
        let has_rows = statement.as_ref().is_some_and(Statement::has_rows);
        if has_rows {
            self.refuse_in_failed(statement.as_ref())?;
        }
        if let Target::Statement(_) = describe.target {
            self.send(cause, backend::PARAMETER_DESCRIPTION, &[0, 0]);
        }
        self.describe_rows(cause, has_rows);
        Ok(())
    }

    fn execute(&mut self, message: &Message) {
        let cause = message.number;
        self.begin_implicit();
        let found = Execute::decode(&message.body).ok().and_then(|execute| {
            let portal = self.portals.get(execute.portal)?;
            Some((execute, portal.clone()))
        });
        let Some((execute, portal)) = found else {
            let task = Task::extended(cause, None);
            return self.fail(
                &task,
                SqlState::INVALID_SQL_STATEMENT_NAME,
                "portal does not exist",
            );
        };
        let limit = usize::try_from(execute.row_limit)
            .ok()
            .filter(|limit| *limit > 0);
        match (&portal.statement, limit) {
            (None, _) => self.send(cause, backend::EMPTY_QUERY_RESPONSE, &[]),
            (Some(Statement::Rows { value, count }), Some(limit))
                if self.transaction != Transaction::Failed =>
            {
                let left = portal.rows_left.unwrap_or(*count);
                let now = left.min(limit);
                for _ in 0..now {
                    self.output.push_back(Reply::row(cause, value));
                }
                if now == limit {
                    self.send(cause, backend::PORTAL_SUSPENDED, &[]);
                } else {
                    let command = format!("SELECT {now}");
                    self.output.push_back(Reply::complete(cause, &command));
                }
                let portal = Portal {
                    rows_left: Some(left - now),
                    ..portal.clone()
                };
                self.portals.insert(execute.portal.to_vec(), portal);
            },
            (Some(statement), _) => self.run(Task::extended(cause, Some(statement.clone()))),
        }
    }

    fn refuse_in_failed(
        &self,
        statement: Option<&Statement>,
    ) -> Result<(), (SqlState, &'static str)> {
        let is_allowed = statement.is_none_or(Statement::ends_block);
        if self.transaction == Transaction::Failed && !is_allowed {
            return Err(task::IN_FAILED_BLOCK);
        }
        Ok(())
    }

    fn describe_rows(&mut self, cause: usize, has_rows: bool) {
        if has_rows {
            let column = b"\0\x01value\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
            self.send(cause, backend::ROW_DESCRIPTION, column);
        } else {
            self.send(cause, backend::NO_DATA, &[]);
        }
    }

    fn begin_implicit(&mut self) {
        if self.transaction == Transaction::Idle {
            self.transaction = Transaction::Implicit;
        }
    }

    fn commit_implicit(&mut self, cause: usize) {
        if self.transaction == Transaction::Implicit && !self.commit() {
            let (sqlstate, text) = task::DOOMED;
            let error = Reply::error(cause, Severity::Error, sqlstate, text);
            self.output.push_back(error);
        }
    }

    /// Ends the transaction; false if that failed, and it was rolled back.
    fn commit(&mut self) -> bool {
        let is_doomed = std::mem::take(&mut self.is_doomed);
        if is_doomed {
            self.settings.roll_back();
        } else {
            self.settings.commit();
        }
        self.transaction = Transaction::Idle;
        self.portals.clear();
        !is_doomed
    }

    fn roll_back(&mut self) {
        self.settings.roll_back();
        self.is_doomed = false;
        self.transaction = Transaction::Idle;
        self.portals.clear();
    }

    fn fail(&mut self, task: &Task, sqlstate: SqlState, text: &str) {
        let error = Reply::error(task.cause, Severity::Error, sqlstate, text);
        self.output.push_back(error);
        let was_in_block = matches!(self.transaction, Transaction::Block | Transaction::Failed);
        self.roll_back();
        if was_in_block {
            self.transaction = Transaction::Failed;
        }
        if task.is_extended {
            self.ignores_till_sync = true;
        } else {
            self.ready(task.cause);
        }
    }

    fn end_with(&mut self, cause: usize, sqlstate: SqlState, text: &str) {
        let error = Reply::error(cause, Severity::Fatal, sqlstate, text);
        self.output.push_back(error);
        self.is_ended = true;
    }

    fn ready(&mut self, cause: usize) {
        for (name, value) in self.settings.report() {
            let report = Reply::parameter(cause, name, &value);
            self.output.push_back(report);
        }
        let status = match self.transaction {
            Transaction::Idle | Transaction::Implicit => TransactionStatus::Idle,
            Transaction::Block => TransactionStatus::InTransaction,
            Transaction::Failed => TransactionStatus::Failed,
        };
        self.output.push_back(Reply::ready(cause, status));
    }

    fn send(&mut self, cause: usize, tag: u8, body: &[u8]) {
        self.output.push_back(Reply::plain(cause, tag, body));
    }
}
