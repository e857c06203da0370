//! One session of the model: messages in, replies out, one message at a time.
//!
//! See `PostgresMain`, `SocketBackend` and `exec_*` in `PostgreSQL`'s `tcop/postgres.c`.

mod extended;
mod failure;
mod holding;

mod task;

use std::collections::BTreeMap;
use std::collections::VecDeque;

use tidegate_proto::backend::Severity;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::tag as frontend;

use crate::program;
use crate::program::Statement;
use crate::reply::Reply;
use crate::settings::Settings;

pub use self::task::Copying;

use self::failure::CANCELED;
use self::failure::DOOMED;
use self::failure::Failure;
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
    /// How many savepoints there were when it was made.
    level: usize,
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
    /// Their names, in their order.
    savepoints: Vec<String>,
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
            savepoints: Vec::new(),
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

    /// Whether it is in a transaction block, failed or not.
    pub fn is_in_block(&self) -> bool {
        matches!(self.transaction, Transaction::Block | Transaction::Failed)
    }

    /// Whether a COPY waits for data.
    pub fn is_copying(&self) -> bool {
        self.is_busy() && !self.is_asleep()
    }

    /// Whether a COPY of the extended protocol waits for data.
    pub fn is_copying_extended(&self) -> bool {
        self.is_copying() && self.task.as_ref().is_some_and(|task| task.is_extended)
    }

    /// Whether it discards what it reads until the next `Sync`.
    pub fn is_skipping(&self) -> bool {
        self.ignores_till_sync
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
            self.fail(&task, CANCELED);
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
        let text = "terminating connection due to administrator command";
        self.end_with(cause, ("57P01", text));
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
                if let Err(failure) = self.extended(message) {
                    self.fail(&Task::extended(cause, None), failure);
                }
            },
            frontend::EXECUTE => self.execute(message),
            frontend::FLUSH | frontend::COPY_DATA | frontend::COPY_DONE | frontend::COPY_FAIL => {},
            _ => self.end_with(cause, ("08P01", "invalid frontend message type")),
        }
    }

    fn query(&mut self, message: &Message) {
        let cause = message.number;
        self.statements.remove(&b""[..]);
        let text = Query::decode(&message.body).map_or(&b"?"[..], |query| query.query);
        let Some(statements) = program::parse(&String::from_utf8_lossy(text)) else {
            let task = Task::simple(cause, VecDeque::new());
            return self.fail(&task, ("42601", "syntax error"));
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
            return self.fail(&task, ("42883", "no such function"));
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

    fn begin_implicit(&mut self) {
        if self.transaction == Transaction::Idle {
            self.transaction = Transaction::Implicit;
        }
    }

    fn commit_implicit(&mut self, cause: usize) {
        if self.transaction == Transaction::Implicit && !self.commit() {
            self.output
                .push_back(Reply::error(cause, Severity::Error, DOOMED));
        }
    }

    /// Ends the transaction; false if that failed, and it was rolled back.
    fn commit(&mut self) -> bool {
        if std::mem::take(&mut self.is_doomed) {
            self.roll_back();
            return false;
        }
        self.settings.commit();
        self.leave_transaction();
        true
    }

    fn roll_back(&mut self) {
        self.settings.roll_back();
        self.is_doomed = false;
        self.leave_transaction();
    }

    fn leave_transaction(&mut self) {
        self.transaction = Transaction::Idle;
        self.savepoints.clear();
        self.portals.clear();
    }

    fn fail(&mut self, task: &Task, failure: Failure) {
        let error = Reply::error(task.cause, Severity::Error, failure);
        self.output.push_back(error);
        let was_in_block = matches!(self.transaction, Transaction::Block | Transaction::Failed);
        if let Some(last) = self.savepoints.len().checked_sub(1) {
            self.settings.roll_back_to(last);
            self.portals.retain(|_, portal| portal.level <= last);
        } else {
            self.roll_back();
        }
        if was_in_block {
            self.transaction = Transaction::Failed;
        }
        if task.is_extended {
            self.ignores_till_sync = true;
        } else {
            self.ready(task.cause);
        }
    }

    fn end_with(&mut self, cause: usize, failure: Failure) {
        let error = Reply::error(cause, Severity::Fatal, failure);
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
