//! The messages of an operator and what they are answered with, by the simple and by the extended
//! protocol.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html>.

use tidegate_proto::backend::BindComplete;
use tidegate_proto::backend::CloseComplete;
use tidegate_proto::backend::CommandComplete;
use tidegate_proto::backend::EmptyQueryResponse;
use tidegate_proto::backend::NoData;
use tidegate_proto::backend::ParameterDescription;
use tidegate_proto::backend::ParseComplete;
use tidegate_proto::backend::PortalSuspended;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::error::EncodeError;
use tidegate_proto::fields::ObjectIds;
use tidegate_proto::frontend::FrontendMessage;

use super::answer::Answer;
use super::answer::Rows;
use super::asked::Asked;
use super::asked::Extended;
use super::command::Command;
use super::error::ConsoleError;
use super::execute;
use super::execute::Asker;
use super::line::Line;
use super::line::LineError;
use super::statements::Progress;
use super::statements::Statements;
use super::table;
use super::table::Format;
use crate::admin::Desk;

/// A conversation with one operator.
pub(super) struct Conversation<'a> {
    line: &'a mut Line,
    desk: &'a Desk,
    asker: Asker<'a>,
    statements: Statements,
    /// After an error of the extended protocol everything up to `Sync` is skipped.
    is_skipping: bool,
}

/// Whether a message was the last one.
type IsOver = bool;

impl<'a> Conversation<'a> {
    /// With an operator that was welcomed.
    pub(super) fn new(line: &'a mut Line, desk: &'a Desk, asker: Asker<'a>) -> Self {
        Self {
            line,
            desk,
            asker,
            statements: Statements::default(),
            is_skipping: false,
        }
    }

    /// Answers until the operator has enough.
    ///
    /// # Errors
    /// [`LineError`]: the connection is to be closed.
    pub(super) async fn run(mut self) -> Result<(), LineError> {
        while let Some(frame) = self.line.message().await? {
            let asked = Asked::of(FrontendMessage::decode(frame)?)?;
            if self.answer(asked).await? {
                break;
            }
            self.line.flush_if_full().await?;
        }
        Ok(())
    }

    async fn answer(&mut self, asked: Asked) -> Result<IsOver, LineError> {
        match asked {
            Asked::Terminate => return Ok(true),
            Asked::Sync => {
                self.is_skipping = false;
                self.statements.end_transaction();
                self.ready().await?;
            },
            _ if self.is_skipping => {},
            Asked::Query(query) => {
                self.statements.begin_query();
                let answered = self.query(&query).await;
                self.say_if_refused(answered)?;
                self.ready().await?;
            },
            Asked::FunctionCall => {
                ConsoleError::FunctionCall.encode(self.line.outgoing());
                self.ready().await?;
            },
            Asked::Flush => self.line.flush().await?,
            Asked::Ignored => {},
            Asked::Extended(extended) => {
                let answered = self.extended(extended).await;
                self.is_skipping = self.say_if_refused(answered)?;
            },
        }
        Ok(false)
    }

    /// Tells the operator if its command was refused, and says whether it was.
    fn say_if_refused(&mut self, answered: Result<(), Stop>) -> Result<bool, LineError> {
        match answered {
            Ok(()) => Ok(false),
            Err(Stop::Refused(error)) => {
                error.encode(self.line.outgoing());
                Ok(true)
            },
            Err(Stop::Broken(error)) => Err(error),
        }
    }

    async fn ready(&mut self) -> Result<(), LineError> {
        let status = TransactionStatus::Idle;
        ReadyForQuery { status }.encode(self.line.outgoing());
        self.line.flush().await
    }

    async fn query(&mut self, query: &[u8]) -> Result<(), Stop> {
        let command = Command::parse(query)?;
        let answer = execute::run(&command, self.asker, self.desk).await?;
        if let Some(columns) = execute::columns(&command) {
            table::describe(columns, &[], self.line.outgoing())?;
        }
        let tag = answer.tag;
        if let Some(mut rows) = self.notices(answer) {
            self.rows(&command, &[], &mut rows, usize::MAX).await?;
        }
        self.complete(&command, tag)
    }

    async fn extended(&mut self, asked: Extended) -> Result<(), Stop> {
        match asked {
            Extended::Parse { statement, query } => {
                self.statements.parse(&statement, Command::parse(&query)?)?;
                ParseComplete.encode(self.line.outgoing());
            },
            Extended::Bind {
                portal,
                statement,
                formats,
                parameters,
            } => {
                if parameters > 0 {
                    return Err(ConsoleError::HasParameters(parameters).into());
                }
                self.statements.bind(&portal, &statement, &formats)?;
                BindComplete.encode(self.line.outgoing());
            },
            Extended::DescribeStatement(name) => {
                let command = self.statements.statement(&name)?;
                let parameter_types = ObjectIds::default();
                ParameterDescription { parameter_types }.encode(self.line.outgoing())?;
                describe(command, &[], self.line.outgoing())?;
            },
            Extended::DescribePortal(name) => {
                let portal = self.statements.portal(&name)?;
                describe(&portal.command, &portal.formats, self.line.outgoing())?;
            },
            Extended::Execute { portal, row_limit } => self.execute(&portal, row_limit).await?,
            Extended::CloseStatement(name) => {
                self.statements.close_statement(&name);
                CloseComplete.encode(self.line.outgoing());
            },
            Extended::ClosePortal(name) => {
                self.statements.close_portal(&name);
                CloseComplete.encode(self.line.outgoing());
            },
        }
        Ok(())
    }

    async fn execute(&mut self, name: &[u8], row_limit: i32) -> Result<(), Stop> {
        let portal = self.statements.portal(name)?;
        let (command, formats) = (portal.command.clone(), portal.formats.clone());
        let (rows, tag) = match std::mem::take(&mut portal.progress) {
            Progress::Bound => {
                let answer = execute::run(&command, self.asker, self.desk).await?;
                let tag = answer.tag;
                (self.notices(answer), tag)
            },
            Progress::Suspended(rows, tag) => (Some(rows), tag),
            Progress::Done(tag) if execute::columns(&command).is_some() => (None, tag),
            Progress::Done(_) => {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(ConsoleError::PortalDone(name).into());
            },
        };
        let mut progress = Progress::Done(tag);
        if let Some(mut rows) = rows {
            // Zero and less are no limit.
            let limit = usize::try_from(row_limit).ok().filter(|limit| *limit > 0);
            let limit = limit.unwrap_or(usize::MAX);
            self.rows(&command, &formats, &mut rows, limit).await?;
            if rows.peek().is_some() {
                progress = Progress::Suspended(rows, tag);
            }
        }
        if matches!(progress, Progress::Suspended(..)) {
            PortalSuspended.encode(self.line.outgoing());
        } else {
            self.complete(&command, tag)?;
        }
        self.statements.portal(name)?.progress = progress;
        Ok(())
    }

    /// Writes what is said before the rows, and gives these.
    fn notices(&mut self, answer: Answer) -> Option<Rows> {
        for notice in &answer.notices {
            notice.encode(self.line.outgoing());
        }
        answer.rows
    }

    async fn rows(
        &mut self,
        command: &Command,
        formats: &[Format],
        rows: &mut Rows,
        limit: usize,
    ) -> Result<(), LineError> {
        let columns = execute::columns(command).unwrap_or_default();
        for row in rows.by_ref().take(limit) {
            table::write(columns, formats, &row, self.line.outgoing())?;
            self.line.flush_if_full().await?;
        }
        Ok(())
    }

    fn complete(&mut self, command: &Command, tag: &str) -> Result<(), Stop> {
        let outgoing = self.line.outgoing();
        if *command == Command::Nothing {
            EmptyQueryResponse.encode(outgoing);
            return Ok(());
        }
        let command = tag.as_bytes();
        Ok(CommandComplete { command }.encode(outgoing)?)
    }
}

fn describe(
    command: &Command,
    formats: &[Format],
    buffer: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if let Some(columns) = execute::columns(command) {
        return table::describe(columns, formats, buffer);
    }
    NoData.encode(buffer);
    Ok(())
}

/// Why a message is not answered as it should be.
enum Stop {
    /// The operator is told, and goes on.
    Refused(ConsoleError),
    /// The conversation is over.
    Broken(LineError),
}

impl From<ConsoleError> for Stop {
    fn from(error: ConsoleError) -> Self {
        Self::Refused(error)
    }
}

impl From<LineError> for Stop {
    fn from(error: LineError) -> Self {
        Self::Broken(error)
    }
}

impl From<EncodeError> for Stop {
    fn from(error: EncodeError) -> Self {
        Self::Broken(error.into())
    }
}
