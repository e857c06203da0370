//! What a session holds: tables, prepared statements, savepoints.

use super::Backend;
use super::Transaction;
use super::failure::Failure;
use super::failure::NO_BLOCK;
use super::failure::NO_SAVEPOINT;
use super::failure::NO_STATEMENT;
use super::failure::NO_TABLE;
use super::failure::STATEMENT_EXISTS;
use super::failure::TABLE_EXISTS;
use super::task::Done;
use super::task::Task;
use crate::program::Holding;
use crate::program::Statement;
use crate::reply::Reply;

impl Backend {
    /// Makes, uses or drops some of it.
    pub(super) fn holding(&mut self, cause: usize, statement: Holding) -> Done {
        let done = match statement {
            Holding::RowOf { table, value } => self.row_of(cause, &table, &value),
            Holding::CreateTable(name) if self.settings.create_table(&name) => Ok("CREATE TABLE"),
            Holding::CreateTable(_) => Err(TABLE_EXISTS),
            Holding::DropTable(name) if self.settings.drop_table(&name) => Ok("DROP TABLE"),
            Holding::DropTable(_) => Err(NO_TABLE),
            Holding::Prepare(name, statement) => self.prepare(name, *statement),
            Holding::Deallocate(None) => {
                self.statements.retain(|name, _| name.is_empty());
                Ok("DEALLOCATE ALL")
            },
            Holding::Deallocate(Some(name)) => {
                let removed = self.statements.remove(name.as_bytes());
                removed.map(|_| "DEALLOCATE").ok_or(NO_STATEMENT)
            },
            Holding::Savepoint(name) => self.save(name),
            Holding::RollbackTo(name) => self.roll_back_to(&name),
            Holding::Release(name) => self.release(&name),
        };
        match done {
            Ok(command) => Done::Complete(command.to_owned()),
            Err(failure) => Done::Failed(failure),
        }
    }

    /// `EXECUTE` of SQL.
    pub(super) fn execute_prepared(&mut self, task: &Task, name: &str) -> Done {
        match self.statements.get(name.as_bytes()).cloned() {
            Some(Some(Statement::Execute(_) | Statement::Holding(Holding::Prepare(..)))) => {
                Done::Failed(("0A000", "this cannot be executed"))
            },
            Some(Some(statement)) => self.statement(task, statement),
            Some(None) => Done::Complete("NOTHING".to_owned()),
            None => Done::Failed(NO_STATEMENT),
        }
    }

    fn row_of(&mut self, cause: usize, table: &str, value: &str) -> Result<&'static str, Failure> {
        if !self.settings.has_table(table) {
            return Err(NO_TABLE);
        }
        self.output.push_back(Reply::row(cause, value));
        Ok("SELECT 1")
    }

    fn prepare(&mut self, name: String, statement: Statement) -> Result<&'static str, Failure> {
        if matches!(
            statement,
            Statement::Execute(_) | Statement::Holding(Holding::Prepare(..))
        ) {
            return Err(("42601", "syntax error"));
        }
        if self.statements.contains_key(name.as_bytes()) {
            return Err(STATEMENT_EXISTS);
        }
        self.statements.insert(name.into_bytes(), Some(statement));
        Ok("PREPARE")
    }

    fn save(&mut self, name: String) -> Result<&'static str, Failure> {
        if self.transaction != Transaction::Block {
            return Err(NO_BLOCK);
        }
        self.settings.save();
        self.savepoints.push(name);
        Ok("SAVEPOINT")
    }

    fn roll_back_to(&mut self, name: &str) -> Result<&'static str, Failure> {
        let at = self.savepoint(name)?;
        self.settings.roll_back_to(at);
        self.savepoints.truncate(at + 1);
        self.portals.retain(|_, portal| portal.level <= at);
        self.transaction = Transaction::Block;
        Ok("ROLLBACK")
    }

    fn release(&mut self, name: &str) -> Result<&'static str, Failure> {
        let at = self.savepoint(name)?;
        self.settings.release(at);
        self.savepoints.truncate(at);
        for portal in self.portals.values_mut() {
            portal.level = portal.level.min(at);
        }
        Ok("RELEASE")
    }

    /// The last savepoint of a name.
    fn savepoint(&self, name: &str) -> Result<usize, Failure> {
        if !matches!(self.transaction, Transaction::Block | Transaction::Failed) {
            return Err(NO_BLOCK);
        }
        let at = self.savepoints.iter().rposition(|known| known == name);
        at.ok_or(NO_SAVEPOINT)
    }
}
