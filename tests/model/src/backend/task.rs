//! The statements of one `Query` or `Execute`, run one after the other; a COPY FROM STDIN or a
//! sleep stops in the middle.

use std::collections::VecDeque;

use tidegate_proto::backend::Severity;
use tidegate_proto::backend::tag as backend;
use tidegate_proto::frontend::tag as frontend;

use super::Backend;
use super::Message;
use super::Transaction;
use super::failure::DOOMED;
use super::failure::Failure;
use super::failure::IN_FAILED_BLOCK;
use super::failure::REFUSED;
use crate::program::Statement;
use crate::reply::Reply;

/// Where a COPY FROM STDIN stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copying {
    /// How many more messages it reads before it fails, if it does.
    pub fails_after: Option<usize>,
    /// How many messages with data it has read.
    pub lines: usize,
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Waits {
    Nothing,
    Data(Copying),
    Waking(String),
}

/// A `Query` or an `Execute` that is being worked on.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) cause: usize,
    pub(super) is_extended: bool,
    /// It is the only statement of its message.
    is_alone: bool,
    rest: VecDeque<Statement>,
    waits: Waits,
}

/// What a statement came to.
pub(super) enum Done {
    /// It is done; the command tag.
    Complete(String),
    /// It waits.
    Waits(Waits),
    Failed(Failure),
    /// The session is over.
    Ended,
}

impl Task {
    pub(super) fn simple(cause: usize, rest: VecDeque<Statement>) -> Self {
        Self {
            cause,
            is_extended: false,
            is_alone: rest.len() == 1,
            rest,
            waits: Waits::Nothing,
        }
    }

    pub(super) fn extended(cause: usize, statement: Option<Statement>) -> Self {
        Self {
            cause,
            is_extended: true,
            is_alone: true,
            rest: statement.into_iter().collect(),
            waits: Waits::Nothing,
        }
    }

    pub(super) fn is_asleep(&self) -> bool {
        matches!(self.waits, Waits::Waking(_))
    }

    /// The sleep is over: it gives its row now.
    pub(super) fn wake(&mut self) {
        if let Waits::Waking(value) = std::mem::replace(&mut self.waits, Waits::Nothing) {
            self.rest.push_front(Statement::Rows { value, count: 1 });
        }
    }
}

impl Backend {
    /// Runs what is left of a task, until it ends or waits.
    pub(super) fn run(&mut self, mut task: Task) {
        while let Some(statement) = task.rest.pop_front() {
            if self.transaction == Transaction::Failed && !statement.ends_block() {
                return self.fail(&task, IN_FAILED_BLOCK);
            }
            self.begin_implicit();
            match self.statement(&task, statement) {
                Done::Complete(command) => {
                    self.output.push_back(Reply::complete(task.cause, &command));
                },
                Done::Waits(waits) => {
                    task.waits = waits;
                    self.task = Some(task);
                    return;
                },
                Done::Failed(failure) => return self.fail(&task, failure),
                Done::Ended => return,
            }
        }
        if !task.is_extended {
            self.commit_implicit(task.cause);
            self.ready(task.cause);
        }
    }

    pub(super) fn statement(&mut self, task: &Task, statement: Statement) -> Done {
        let cause = task.cause;
        let complete = |command: &str| Done::Complete(command.to_owned());
        if !task.is_extended && statement.has_rows() && !matches!(statement, Statement::Sleep(_)) {
            self.describe_rows(cause, true);
        }
        match statement {
            Statement::Rows { value, count } => {
                for _ in 0..count {
                    self.output.push_back(Reply::row(cause, &value));
                }
                Done::Complete(format!("SELECT {count}"))
            },
            Statement::Begin => {
                self.transaction = Transaction::Block;
                complete("BEGIN")
            },
            Statement::Commit => self.commit_statement(),
            Statement::Rollback => {
                self.roll_back();
                complete("ROLLBACK")
            },
            Statement::Set {
                values,
                is_local,
                is_function,
            } => self.set(cause, &values, is_local, is_function),
            Statement::Reset(name) => {
                self.settings.reset(&name);
                complete("RESET")
            },
            Statement::ResetAll => {
                self.settings.reset_all();
                complete("RESET")
            },
            Statement::DiscardAll => self.discard_all(task),
            Statement::Show(name) => {
                let value = self.settings.value(&name).unwrap_or_default().to_owned();
                self.output.push_back(Reply::row(cause, &value));
                complete("SHOW")
            },
            Statement::CopyIn { fails_after } => self.copy_in(cause, fails_after),
            Statement::CopyOut { count } => self.copy_out(cause, count),
            Statement::Ask(asked) => {
                let answer = self.settings.answer(&asked);
                self.output.push_back(Reply::values(cause, &answer));
                complete("SELECT 1")
            },
            Statement::Notice(text) => {
                self.output.push_back(Reply::notice(cause, &text));
                complete("NOTICE")
            },
            Statement::Echo { .. } => Done::Failed(("42P02", "there is no parameter")),
            Statement::Execute(name) => self.execute_prepared(task, &name),
            Statement::Holding(statement) => self.holding(cause, statement),
            Statement::Fail => Done::Failed(("XX000", "failed")),
            Statement::Doom => {
                self.is_doomed = true;
                complete("DOOM")
            },
            Statement::Sleep(value) => Done::Waits(Waits::Waking(value)),
            Statement::Die => {
                self.end_with(cause, ("57P01", "the server shuts down"));
                Done::Ended
            },
            Statement::Vanish => {
                self.is_ended = true;
                Done::Ended
            },
        }
    }

    fn commit_statement(&mut self) -> Done {
        if self.transaction == Transaction::Failed {
            self.roll_back();
            return Done::Complete("ROLLBACK".to_owned());
        }
        if !self.commit() {
            // The block is over, and was rolled back.
            return Done::Failed(DOOMED);
        }
        Done::Complete("COMMIT".to_owned())
    }

    fn set(
        &mut self,
        cause: usize,
        values: &[(String, String)],
        is_local: bool,
        is_function: bool,
    ) -> Done {
        for (name, value) in values {
            if !self.settings.set(name, value, is_local) {
                return Done::Failed(REFUSED);
            }
        }
        if !is_function {
            return Done::Complete("SET".to_owned());
        }
        self.output.push_back(Reply::row(cause, "set"));
        Done::Complete("SELECT 1".to_owned())
    }

    /// Not in a block, nor beside other statements.
    fn discard_all(&mut self, task: &Task) -> Done {
        if self.transaction != Transaction::Implicit || !task.is_alone {
            return Done::Failed(("25001", "DISCARD ALL cannot run inside a transaction block"));
        }
        self.settings.reset_all();
        self.settings.drop_tables();
        self.settings.commit();
        self.statements.retain(|name, _| name.is_empty());
        self.portals.clear();
        Done::Complete("DISCARD ALL".to_owned())
    }

    fn copy_out(&mut self, cause: usize, count: usize) -> Done {
        self.send(cause, backend::COPY_OUT_RESPONSE, &[0, 0, 0]);
        for _ in 0..count {
            self.send(cause, backend::COPY_DATA, b"line\n");
        }
        self.send(cause, backend::COPY_DONE, &[]);
        Done::Complete(format!("COPY {count}"))
    }

    fn copy_in(&mut self, cause: usize, fails_after: Option<usize>) -> Done {
        self.send(cause, backend::COPY_IN_RESPONSE, &[0, 0, 0]);
        match fails_after {
            Some(0) => Done::Failed(("XX000", "a trigger failed")),
            fails_after => Done::Waits(Waits::Data(Copying {
                fails_after,
                lines: 0,
            })),
        }
    }

    /// A message in the middle of COPY FROM STDIN.
    pub(super) fn copy(&mut self, message: &Message) {
        let Some(mut task) = self.task.take() else {
            return;
        };
        let Waits::Data(copying) = &mut task.waits else {
            self.task = Some(task);
            return;
        };
        match message.tag {
            frontend::COPY_DONE => {
                let command = format!("COPY {}", copying.lines);
                task.waits = Waits::Nothing;
                self.output.push_back(Reply::complete(task.cause, &command));
                return self.run(task);
            },
            frontend::COPY_FAIL => {
                return self.fail(&task, ("57014", "COPY from stdin failed"));
            },
            frontend::COPY_DATA => copying.lines += 1,
            frontend::FLUSH | frontend::SYNC => {},
            _ => {
                self.fail_or_end(&task);
                return;
            },
        }
        if let Some(left) = &mut copying.fails_after {
            *left -= 1;
            if *left == 0 {
                return self.fail(&task, ("22P02", "invalid input"));
            }
        }
        self.task = Some(task);
    }

    fn fail_or_end(&mut self, task: &Task) {
        let failure = ("08P01", "unexpected message type during COPY from stdin");
        if self.survives_intruders {
            return self.fail(task, failure);
        }
        let error = Reply::error(task.cause, Severity::Error, failure);
        self.output.push_back(error);
        let text = "terminating connection because protocol synchronization was lost";
        self.end_with(task.cause, ("08P01", text));
    }
}
