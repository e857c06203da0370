//! The extended protocol: statements with and without names, portals, and what is said of them.
//!
//! See `exec_parse_message` and its neighbours in `PostgreSQL`'s `tcop/postgres.c`.

use tidegate_proto::backend::tag as backend;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::Close;
use tidegate_proto::frontend::Describe;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Parse;
use tidegate_proto::frontend::Target;
use tidegate_proto::frontend::tag as frontend;

use super::Backend;
use super::Message;
use super::Portal;
use super::Transaction;
use super::failure::Failure;
use super::failure::IN_FAILED_BLOCK;
use super::failure::NO_PORTAL;
use super::failure::NO_STATEMENT;
use super::failure::STATEMENT_EXISTS;
use super::task::Task;
use crate::program;
use crate::program::Statement;
use crate::reply::Reply;

/// The object identifier of the type `text`, big-endian.
const TEXT: [u8; 4] = [0, 0, 0, 25];

impl Backend {
    pub(super) fn extended(&mut self, message: &Message) -> Result<(), Failure> {
        let broken: Failure = ("08P01", "broken message");
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

    fn parse(&mut self, cause: usize, parse: Parse<'_>) -> Result<(), Failure> {
        if parse.statement.is_empty() {
            self.statements.remove(parse.statement);
        }
        let statements = program::parse(&String::from_utf8_lossy(parse.query));
        let Some([] | [_]) = statements.as_deref() else {
            return Err(("42601", "syntax error"));
        };
        let statement = statements.and_then(|mut statements| statements.pop());
        if self.statements.contains_key(parse.statement) {
            return Err(STATEMENT_EXISTS);
        }
        self.refuse_in_failed(statement.as_ref())?;
        self.statements.insert(parse.statement.to_vec(), statement);
        self.send(cause, backend::PARSE_COMPLETE, &[]);
        Ok(())
    }

    fn bind(&mut self, cause: usize, bind: Bind<'_>) -> Result<(), Failure> {
        let Some(statement) = self.statements.get(bind.statement).cloned() else {
            return Err(NO_STATEMENT);
        };
        self.refuse_in_failed(statement.as_ref())?;
        let values = bind.arguments().or(Err(("08P01", "broken message")))?;
        let values: Vec<String> = values
            .parameters
            .iter()
            .map(|value| String::from_utf8_lossy(value.unwrap_or_default()).into_owned())
            .collect();
        if values.len() != statement.as_ref().map_or(0, Statement::parameters) {
            return Err(("08P01", "another number of parameters is required"));
        }
        let portal = Portal {
            statement: statement.map(|statement| statement.bound(&values)),
            rows_left: None,
            level: self.savepoints.len(),
        };
        self.portals.insert(bind.portal.to_vec(), portal);
        self.send(cause, backend::BIND_COMPLETE, &[]);
        Ok(())
    }

    fn describe(&mut self, cause: usize, describe: Describe<'_>) -> Result<(), Failure> {
        let statement = match describe.target {
            Target::Statement(name) => self.statements.get(name).cloned().ok_or(NO_STATEMENT)?,
            Target::Portal(name) => {
                let portal = self.portals.get(name).ok_or(NO_PORTAL)?;
                portal.statement.clone()
            },
        };
        let has_rows = statement.as_ref().is_some_and(Statement::has_rows);
        if has_rows {
            self.refuse_in_failed(statement.as_ref())?;
        }
        if let Target::Statement(_) = describe.target {
            let count = statement.as_ref().map_or(0, Statement::parameters);
            let mut description = u16::try_from(count).unwrap_or(0).to_be_bytes().to_vec();
            description.extend(TEXT.repeat(count));
            self.send(cause, backend::PARAMETER_DESCRIPTION, &description);
        }
        self.describe_rows(cause, has_rows);
        Ok(())
    }

    pub(super) fn execute(&mut self, message: &Message) {
        let cause = message.number;
        self.begin_implicit();
        let found = Execute::decode(&message.body).ok().and_then(|execute| {
            let portal = self.portals.get(execute.portal)?;
            Some((execute, portal.clone()))
        });
        let Some((execute, portal)) = found else {
            let task = Task::extended(cause, None);
            return self.fail(&task, NO_PORTAL);
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

    pub(super) fn refuse_in_failed(&self, statement: Option<&Statement>) -> Result<(), Failure> {
        let is_allowed = statement.is_none_or(Statement::ends_block);
        if self.transaction == Transaction::Failed && !is_allowed {
            return Err(IN_FAILED_BLOCK);
        }
        Ok(())
    }

    pub(super) fn describe_rows(&mut self, cause: usize, has_rows: bool) {
        if has_rows {
            let column = b"\0\x01value\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
            self.send(cause, backend::ROW_DESCRIPTION, column);
        } else {
            self.send(cause, backend::NO_DATA, &[]);
        }
    }
}
