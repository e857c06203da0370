//! What the extended protocol keeps between messages: statements and portals, by name.

use std::collections::HashMap;

use super::answer::Rows;
use super::command::Command;
use super::error::ConsoleError;
use super::execute;
use super::table::Format;
use crate::limits::CONSOLE_STATEMENTS_MAX;

/// The statements and portals of one operator. At most [`CONSOLE_STATEMENTS_MAX`] of each.
#[derive(Default)]
pub(super) struct Statements {
    statements: HashMap<Box<[u8]>, Command>,
    portals: HashMap<Box<[u8]>, Portal>,
}

/// A command that is to be run, or is being run.
pub(super) struct Portal {
    pub(super) command: Command,
    /// One for each column, or none for text.
    pub(super) formats: Vec<Format>,
    pub(super) progress: Progress,
}

/// How far a portal has been run.
pub(super) enum Progress {
    /// Not at all.
    Bound,
    /// These rows are left; then this tag.
    Suspended(Rows, &'static str),
    /// To the end, or to where it was refused.
    Done(&'static str),
}

impl Default for Progress {
    /// While it is run: whatever comes of that, it is not run a second time.
    fn default() -> Self {
        Self::Done("")
    }
}

impl Statements {
    /// Keeps a statement. The unnamed one is replaced.
    ///
    /// # Errors
    /// [`ConsoleError::StatementExists`] or [`ConsoleError::TooMany`].
    pub(super) fn parse(&mut self, name: &[u8], command: Command) -> Result<(), ConsoleError> {
        if !name.is_empty() && self.statements.contains_key(name) {
            return Err(ConsoleError::StatementExists(text(name)));
        }
        make_room(&self.statements, name)?;
        self.statements.insert(name.into(), command);
        Ok(())
    }

    /// Makes a portal of a statement, with the format codes of its columns. The unnamed one is
    /// replaced.
    ///
    /// # Errors
    /// [`ConsoleError`]: there is no such statement, it has not so many columns, or the name is
    /// taken.
    pub(super) fn bind(
        &mut self,
        portal: &[u8],
        statement: &[u8],
        codes: &[i16],
    ) -> Result<(), ConsoleError> {
        let command = self.statement(statement)?.clone();
        if !portal.is_empty() && self.portals.contains_key(portal) {
            return Err(ConsoleError::PortalExists(text(portal)));
        }
        make_room(&self.portals, portal)?;
        let columns = execute::columns(&command).map_or(0, <[_]>::len);
        let bound = Portal {
            formats: formats(codes, columns)?,
            command,
            progress: Progress::Bound,
        };
        self.portals.insert(portal.into(), bound);
        Ok(())
    }

    /// A statement by name.
    ///
    /// # Errors
    /// [`ConsoleError::NoStatement`].
    pub(super) fn statement(&self, name: &[u8]) -> Result<&Command, ConsoleError> {
        let found = self.statements.get(name);
        found.ok_or_else(|| ConsoleError::NoStatement(text(name)))
    }

    /// A portal by name.
    ///
    /// # Errors
    /// [`ConsoleError::NoPortal`].
    pub(super) fn portal(&mut self, name: &[u8]) -> Result<&mut Portal, ConsoleError> {
        let found = self.portals.get_mut(name);
        found.ok_or_else(|| ConsoleError::NoPortal(text(name)))
    }

    /// Forgets a statement, if there is one.
    pub(super) fn close_statement(&mut self, name: &[u8]) {
        self.statements.remove(name);
    }

    /// Forgets a portal, if there is one.
    pub(super) fn close_portal(&mut self, name: &[u8]) {
        self.portals.remove(name);
    }

    /// The end of a pipeline: portals live no longer than the transaction, which is over.
    pub(super) fn end_transaction(&mut self) {
        self.portals.clear();
    }

    /// A simple query takes the place of the unnamed statement and of every portal.
    pub(super) fn begin_query(&mut self) {
        self.statements.remove(&b""[..]);
        self.portals.clear();
    }
}

/// One format for each column, from the codes of a `Bind`.
fn formats(codes: &[i16], columns: usize) -> Result<Vec<Format>, ConsoleError> {
    let given = codes.len();
    let codes = codes.iter().map(|code| match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        code => Err(ConsoleError::Format(*code)),
    });
    let formats: Vec<_> = codes.collect::<Result<_, _>>()?;
    match formats.as_slice() {
        [all] => Ok(vec![*all; columns]),
        [] => Ok(formats),
        _ if given == columns => Ok(formats),
        _ => Err(ConsoleError::FormatCount { given, columns }),
    }
}

fn make_room<T>(map: &HashMap<Box<[u8]>, T>, name: &[u8]) -> Result<(), ConsoleError> {
    if map.len() < CONSOLE_STATEMENTS_MAX || map.contains_key(name) {
        return Ok(());
    }
    Err(ConsoleError::TooMany)
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
