//! What becomes of a client's messages before they go to its server: the ones with text are read, the
//! ones with names are translated, and some must wait.

use std::rc::Rc;

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::error::Violation;
use tidegate_proto::frontend::tag as frontend;

use crate::config::PoolMode;
use crate::limits::SPARE_BUFFER_BYTES_MAX;
use crate::limits::STATEMENT_BYTES_MAX;
use crate::pool::Server;
use crate::session::relay::Edits;
use crate::session::relay::Message;
use crate::session::relay::Step;
use crate::session::statement_text::Statement;
use crate::session::statement_text::StatementText;
use crate::session::statements::Round;
use crate::session::statements::Translation;
use crate::session::view::View;
use crate::sql;
use crate::sql::Leaves;
use crate::sql::PlaceNumber;
use crate::telemetry::Count;

impl View<'_> {
    /// Reads a body from its beginning; `None` if it is not whole.
    fn begin_reading(
        &mut self,
        begin: fn() -> StatementText,
        message: &Message<'_>,
    ) -> Option<Statement> {
        let mut text = begin();
        text.feed(message.body, self.client);
        if message.is_whole() {
            return Some(text.finish(self.client));
        }
        self.conversation.keep_reading(Box::new(text));
        None
    }

    /// The same of a `Query` that is not known to leave nothing behind.
    fn read_query(
        &mut self,
        message: &Message<'_>,
        place: Option<PlaceNumber>,
    ) -> Option<Statement> {
        let Some(place) = place else {
            return self.begin_reading(StatementText::query, message);
        };
        let mut familiar = self.client.pool.familiar.borrow_mut();
        Some(Statement {
            is_named: false,
            leaves: familiar.read(message.body, place, self.client),
        })
    }

    /// Reads the next piece of a body; `None` if it is not the last.
    pub(super) fn go_on_reading(
        &mut self,
        mut text: Box<StatementText>,
        piece: &[u8],
        is_last: bool,
    ) -> Option<Statement> {
        text.feed(piece, self.client);
        if is_last {
            return Some(text.finish(self.client));
        }
        self.conversation.keep_reading(text);
        None
    }

    /// A text that the server keeps for itself, or runs at once.
    pub(super) fn statement(&mut self, statement: Option<Statement>) {
        let Some(statement) = statement else {
            return;
        };
        self.conversation
            .leaves_behind(self.client, &statement.leaves);
        if statement.is_named {
            self.conversation.pin();
            // Only its server can tell whether the name is given.
            self.conversation.has_names_of_sql = true;
        }
    }

    /// A text that names statements by SQL: the server learns the client's names of them.
    pub(super) fn expose<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
        leaves: &Leaves,
    ) -> Result<(), Violation> {
        if self.client.mode() == PoolMode::Session || leaves.mentions.is_empty() {
            return Ok(());
        }
        let is_failed = server.ledger.status() == TransactionStatus::Failed;
        let ends_block = is_failed && self.executes_behind_block(server, message, leaves);
        let mut translation = self.translation(server, message, edits);
        if ends_block {
            translation.expose_behind_block(&leaves.mentions)?;
        }
        if translation.expose(&leaves.mentions)? {
            self.conversation.pin();
        }
        Ok(())
    }

    /// Whether a `Query` ends a block, and executes behind that what its server does not know by its
    /// name.
    fn executes_behind_block(
        &self,
        server: &Server,
        message: &Message<'_>,
        leaves: &Leaves,
    ) -> bool {
        let statements = self.statements.as_ref();
        let text = message.body.strip_suffix(b"\0").unwrap_or(message.body);
        message.tag == frontend::QUERY
            && !server.ledger.is_open()
            && statements.is_some_and(|known| known.is_missing_one(&leaves.mentions))
            && sql::begins_with_block_end(text, self.client)
    }

    pub(super) fn query<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        let has_names = self
            .statements
            .as_ref()
            .is_some_and(|known| known.len() > 0);
        if has_names && message.body_bytes <= STATEMENT_BYTES_MAX {
            // It may call a statement by its name; nothing can be put in front of it later.
            if !message.is_whole() {
                return Ok(Step::NeedMore);
            }
            let name = message
                .body
                .strip_suffix(b"\0")
                .and_then(sql::deallocated_name);
            if let (Some(name), Some(statements)) = (name, &self.statements)
                && statements.is_uncertain(&name)
            {
                return self.wait_for_names(server, message, edits);
            }
            let mut translation = self.translation(server, message, edits);
            let translated = translation.deallocate()?;
            if let Some(step) = translated {
                // It is a `Query` all the same.
                translation.statements.drop_unnamed();
                translation.server.prepared.reads_query();
                return Ok(step);
            }
        }
        let familiar = &self.client.pool.familiar;
        let found = message
            .is_whole()
            .then(|| familiar.borrow().find(message.body));
        if found.is_some_and(|found| found.is_ok()) {
            self.conversation.leaves_nothing_behind(self.client);
        } else {
            let place = found.and_then(Result::err);
            if !self.reads_query(server, message, edits, place)? {
                return self.wait_for_names(server, message, edits);
            }
        }
        if let Some(statements) = self.statements {
            statements.drop_unnamed();
        }
        server.prepared.reads_query();
        Ok(Step::Forward)
    }

    /// Reads the text of a `Query`; false if it must wait for what others do to names in it.
    fn reads_query<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
        place: Option<PlaceNumber>,
    ) -> Result<bool, Violation> {
        let statement = self.read_query(message, place);
        if let Some(statement) = &statement {
            // Behind what is under way nobody can tell how the block stands.
            let leaves = &statement.leaves;
            let is_block_uncertain =
                server.ledger.is_busy() && self.executes_behind_block(server, message, leaves);
            if is_block_uncertain || self.mentions_uncertain(leaves) {
                return Ok(false);
            }
            self.expose(server, message, edits, &statement.leaves)?;
        }
        self.statement(statement);
        Ok(true)
    }

    pub(super) fn parse<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        let Some(first) = message.body.first() else {
            return Ok(Step::NeedMore);
        };
        let is_pooled = self.client.mode() != PoolMode::Session;
        let is_unnamed = *first == 0;
        let is_translated = is_pooled
            && message.body_bytes <= STATEMENT_BYTES_MAX
            && (is_unnamed || self.client.pool.statements_max() > 0);
        if is_translated && !message.is_whole() {
            return Ok(Step::NeedMore);
        }
        if is_translated && self.conversation.is_asking() {
            // What it means depends on the answer.
            self.conversation.wait_for_answer();
            return Ok(Step::Wait);
        }
        if is_translated && is_unnamed && self.tries_round(server, message, edits)? {
            return Ok(Step::Wait);
        }
        let mut step = Step::Forward;
        if is_pooled && !is_unnamed && !is_translated {
            step = self.translation(server, message, edits).parse_as_it_is()?;
            if step == Step::NeedMore {
                return Ok(step);
            }
        }
        self.client.pool.counters.add(Count::ClientParses, 1);
        if is_translated {
            let client = self.client;
            let leaves = || {
                let mut text = StatementText::parse();
                text.feed(message.body, client);
                Rc::new(text.finish(client).leaves)
            };
            let has_names_of_sql = self.conversation.has_names_of_sql;
            let translated = self
                .translation(server, message, edits)
                .parse(has_names_of_sql, leaves)?;
            if let Some(step) = translated {
                return Ok(step);
            }
        }
        if is_unnamed && is_pooled {
            let statements = self.statements.get_or_insert_default();
            statements.leave_unnamed(server);
            step = Step::Mark;
        }
        let statement = self.begin_reading(StatementText::parse, message);
        if let Some(statement) = &statement {
            self.expose(server, message, edits, &statement.leaves)?;
        }
        self.statement(statement);
        Ok(step)
    }

    /// A `Parse` of the unnamed statement, and all of its round behind it: whether that is sent as
    /// one of a statement that clients share. The client's bytes are held until it is settled.
    fn tries_round<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<bool, Violation> {
        // A round that may have to be sent to the primary is held for that already.
        let is_free = self.reading.as_ref();
        let is_free = is_free.is_none_or(|it| !it.gathers() && !it.holds_wish);
        let is_all = self.client.pool.shares_unnamed_statements()
            && is_free
            && server.ledger.is_clean_for_client()
            && !self.conversation.keeps_server()
            && !self.conversation.has_touched();
        // A worker keeps no larger buffer for what is held.
        let bytes = edits.rest(message.at);
        let bytes = Some(bytes).filter(|bytes| is_all && bytes.len() <= SPARE_BUFFER_BYTES_MAX);
        let Some(round) = bytes.and_then(Round::read) else {
            return Ok(false);
        };
        let is_tried = self.translation(server, message, edits).try_round(&round)?;
        if is_tried {
            self.conversation.waits = true;
            self.client.pool.counters.add(Count::ClientParses, 1);
            self.client.pool.counters.add(Count::Binds, 1);
        }
        Ok(is_tried)
    }

    pub(super) fn mentions_uncertain(&self, leaves: &Leaves) -> bool {
        let statements = self.statements.as_ref();
        statements.is_some_and(|statements| statements.are_uncertain(&leaves.mentions))
    }

    pub(super) fn bind<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        let is_stale = std::mem::take(&mut self.conversation.is_stale);
        let used = self.translation(server, message, edits).bind(is_stale)?;
        match used {
            Some(used) => {
                if matches!(used.step, Step::Forward | Step::Mark) {
                    self.client.pool.counters.add(Count::Binds, 1);
                }
                if let Some(statement) = &used.statement {
                    let leaves = &statement.leaves;
                    self.conversation.leaves_behind(self.client, leaves);
                }
                if used.is_exposed {
                    self.conversation.pin();
                }
                Ok(self.using(used.step))
            },
            // No two names are longer than any message that is only names.
            None if message.is_whole() || message.body.len() > NAMES_BYTES_MAX => Ok(Step::Forward),
            None => Ok(Step::NeedMore),
        }
    }

    /// Whether the statement that a message names may turn out to be another one, or none.
    pub(super) fn is_uncertain(&self, message: &Message<'_>) -> bool {
        let Some(statements) = &*self.statements else {
            return false;
        };
        if statements.is_settled() {
            return false;
        }
        let mut strings = message.body.split(|byte| *byte == 0);
        let name = match message.tag {
            // Whatever the unnamed statement was, it is replaced.
            frontend::PARSE => strings.next().filter(|name| !name.is_empty()),
            frontend::BIND => strings.nth(1),
            frontend::DESCRIBE => strings.next().and_then(|name| name.strip_prefix(b"S")),
            frontend::CLOSE => strings
                .next()
                .and_then(|name| name.strip_prefix(b"S"))
                .filter(|name| !name.is_empty()),
            _ => None,
        };
        name.is_some_and(|name| statements.is_uncertain(name))
    }

    /// Whether something of the pooler's may have to be put before a message, and the server is one
    /// whose replies could not be told apart then. It goes once it has answered what it owes.
    pub(super) fn wants_another(&self, server: &Server, message: &Message<'_>) -> bool {
        if !server.ledger.is_doubtful() || server.ledger.is_open() {
            return false;
        }
        let is_kept = self.conversation.keeps_server()
            || self.conversation.has_touched()
            || self.conversation.is_asking()
            || self
                .statements
                .as_ref()
                .is_some_and(|known| known.keeps_server());
        !is_kept
            && matches!(
                message.tag,
                frontend::QUERY | frontend::PARSE | frontend::BIND | frontend::DESCRIBE
            )
    }

    pub(super) fn wait_for_names<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        self.conversation.waits = true;
        self.translation(server, message, edits).wait()
    }

    pub(super) fn using(&mut self, step: Step) -> Step {
        self.conversation.waits |= step == Step::Wait;
        self.conversation.hides_error |= step == Step::ForwardAfterFailure;
        step
    }

    pub(super) fn translation<'b, 'c>(
        &'b mut self,
        server: &'b mut Server,
        message: &'b Message<'c>,
        edits: &'b mut Edits<'c>,
    ) -> Translation<'b, 'c> {
        Translation {
            client: self.client,
            statements: self.statements.get_or_insert_default(),
            server,
            message,
            edits,
            are_settings_open: self.conversation.has_touched(),
        }
    }
}

/// Both names of a `Bind` are looked for in so many bytes.
const NAMES_BYTES_MAX: usize = tidegate_proto::limits::SMALL_MESSAGE_BYTES_MAX as usize;
