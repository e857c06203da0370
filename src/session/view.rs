//! What a session notices of the messages that pass: what its client leaves behind in the server,
//! which settings changed, where errors and transactions end.

use std::rc::Rc;

use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::backend::Report;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Outcome;
use tidegate_proto::frontend::tag as frontend;
use tokio::time::Instant;

use crate::config::PoolMode;
use crate::limits::STATEMENT_BYTES_MAX;
use crate::pool;
use crate::pool::PoolError;
use crate::pool::Server;
use crate::pool::Settings;
use crate::pool::injected;
use crate::session::Client;
use crate::session::conversation::Conversation;
use crate::session::relay::Edits;
use crate::session::relay::Message;
use crate::session::relay::Observer;
use crate::session::relay::Step;
use crate::session::statement_text::Statement;
use crate::session::statement_text::StatementText;
use crate::session::statements::Settled;
use crate::session::statements::Statements;
use crate::session::statements::Translation;
use crate::sql;
use crate::sql::Leaves;
use crate::telemetry::Count;

/// The conversation and its client, while bytes pass.
pub(super) struct View<'a> {
    pub(super) client: &'a Client,
    pub(super) conversation: &'a mut Conversation,
    pub(super) statements: &'a mut Option<Box<Statements>>,
}

impl View<'_> {
    fn read(&mut self, mut text: StatementText, piece: &[u8], is_last: bool) -> Option<Statement> {
        text.feed(piece, self.client);
        if is_last {
            return Some(text.finish(self.client));
        }
        self.conversation.reading = Some(Box::new(text));
        None
    }

    /// A text that the server keeps for itself, or runs at once.
    fn statement(&mut self, statement: Option<Statement>) {
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
    fn expose<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
        leaves: &Leaves,
    ) -> Result<(), Violation> {
        if self.client.mode == PoolMode::Session || leaves.mentions.is_empty() {
            return Ok(());
        }
        let mut translation = self.translation(server, message, edits);
        if translation.expose(&leaves.mentions)? {
            self.conversation.pin();
        }
        Ok(())
    }

    fn query<'a>(
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
            let translated = self.translation(server, message, edits).deallocate()?;
            if let Some(step) = translated {
                return Ok(step);
            }
        }
        let statement = self.read(StatementText::query(), message.body, message.is_whole());
        if let Some(statement) = &statement {
            if self.mentions_uncertain(&statement.leaves) {
                return self.wait_for_names(server, message, edits);
            }
            self.expose(server, message, edits, &statement.leaves)?;
        }
        if let Some(statements) = self.statements {
            statements.drop_unnamed(server);
        }
        server.prepared.unnamed = pool::Unnamed::None;
        self.statement(statement);
        Ok(Step::Forward)
    }

    fn parse<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        let Some(first) = message.body.first() else {
            return Ok(Step::NeedMore);
        };
        let is_pooled = self.client.mode != PoolMode::Session;
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
        }
        let statement = self.read(StatementText::parse(), message.body, message.is_whole());
        if let Some(statement) = &statement {
            self.expose(server, message, edits, &statement.leaves)?;
        }
        self.statement(statement);
        Ok(step)
    }

    fn mentions_uncertain(&self, leaves: &Leaves) -> bool {
        let Some(statements) = &*self.statements else {
            return false;
        };
        let mut names = leaves
            .mentions
            .iter()
            .filter_map(|mention| mention.name.as_deref());
        names.any(|name| statements.is_uncertain(name))
    }

    fn bind<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        let is_stale = std::mem::take(&mut self.conversation.is_stale);
        let used = self.translation(server, message, edits).bind(is_stale)?;
        match used {
            Some(used) => {
                if used.step == Step::Forward {
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
    fn is_uncertain(&self, message: &Message<'_>) -> bool {
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
    fn wants_another(&self, server: &Server, message: &Message<'_>) -> bool {
        let is_kept = self.conversation.keeps_server()
            || self.conversation.has_touched()
            || self.conversation.is_asking()
            || self
                .statements
                .as_ref()
                .is_some_and(|known| known.keeps_server());
        server.ledger.is_doubtful()
            && !server.ledger.is_open()
            && !is_kept
            && matches!(
                message.tag,
                frontend::QUERY | frontend::PARSE | frontend::BIND | frontend::DESCRIBE
            )
    }

    fn wait_for_names<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        self.conversation.waits = true;
        self.translation(server, message, edits).wait()
    }

    fn using(&mut self, step: Step) -> Step {
        self.conversation.waits |= step == Step::Wait;
        self.conversation.hides_error |= step == Step::ForwardAfterFailure;
        step
    }

    fn translation<'b, 'c>(
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

impl Observer for View<'_> {
    fn client_message<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        if server.ledger.is_skipping() || server.ledger.is_in_copy() {
            // Whatever it is, it is discarded, or fails the COPY.
            return Ok(Step::Forward);
        }
        if self.wants_another(server, message) {
            self.conversation.waits = true;
            self.conversation.waits_for_certainty = true;
            return Ok(Step::Wait);
        }
        if self.is_uncertain(message) {
            return self.wait_for_names(server, message, edits);
        }
        let step = match message.tag {
            frontend::QUERY => self.query(server, message, edits)?,
            frontend::PARSE => self.parse(server, message, edits)?,
            _ if self.client.mode == PoolMode::Session => Step::Forward,
            frontend::BIND => self.bind(server, message, edits)?,
            frontend::DESCRIBE | frontend::CLOSE if !message.is_whole() => Step::NeedMore,
            frontend::DESCRIBE if message.body.starts_with(b"S") => {
                let is_stale = std::mem::take(&mut self.conversation.is_stale);
                let used = self
                    .translation(server, message, edits)
                    .describe(is_stale)?;
                self.using(used.step)
            },
            frontend::CLOSE if message.body.starts_with(b"S") => {
                self.translation(server, message, edits).close()
            },
            _ => Step::Forward,
        };
        if step == Step::ForwardAndReset {
            self.conversation.leave_name();
        }
        let is_sent = !matches!(step, Step::NeedMore | Step::Wait);
        let ends_round = is_sent && matches!(message.tag, frontend::QUERY | frontend::SYNC);
        if ends_round && let Some(statements) = self.statements {
            statements.round_sent();
        }
        if ends_round && step == Step::Forward && self.conversation.pauses() {
            return Ok(Step::ForwardAndWait);
        }
        Ok(step)
    }

    fn client_body(&mut self, piece: &[u8], is_last: bool) {
        if let Some(text) = self.conversation.reading.take() {
            let statement = self.read(*text, piece, is_last);
            self.statement(statement);
        }
    }

    fn command_complete(&mut self, server: &mut Server, tag: &[u8]) {
        let is_discarded = tag.starts_with(DISCARD_ALL);
        if is_discarded || tag.starts_with(DEALLOCATE_ALL) {
            match self.statements {
                Some(statements) => statements.dropped_all(server),
                None => server.prepared.clear(),
            }
        } else if tag.starts_with(DEALLOCATE) {
            if let Some(statements) = self.statements {
                statements.deallocated();
            }
        } else if CHANGES.iter().any(|command| tag.starts_with(command)) {
            server.pool.statements.borrow_mut().begin_epoch();
        }
        if is_discarded {
            self.conversation.discarded();
        }
    }

    fn parameter_status(&mut self, body: &[u8]) {
        let Some((name, value)) = injected::parameter_status(body) else {
            return;
        };
        if !can_be_set(name) {
            return;
        }
        let mut settings = match &self.conversation.changed {
            Some(settings) => Settings::clone(settings),
            None => Settings::clone(&self.client.settings.borrow()),
        };
        // A server reports a dozen parameters at most; one that reports more is not believed.
        if settings.set(name, value).is_ok() {
            self.conversation.changed = Some(Rc::new(settings));
        }
    }

    fn injected_row(&mut self, body: &[u8]) {
        self.conversation.answered(body);
    }

    fn injected_failed(&mut self, body: &[u8]) {
        if self.conversation.is_asking() {
            // Not everybody may read every parameter.
            self.conversation.pin();
            return;
        }
        self.conversation.refused = Some(PoolError::refused_by_server(body));
    }

    fn error(&mut self, server: &Server, body: &[u8]) -> Option<Vec<u8>> {
        // An error in a statement says nothing of why a server goes away after it.
        let report = ErrorResponse::decode(body).ok().map(|error| error.report);
        let severity = report.and_then(Report::severity).unwrap_or_default();
        self.conversation.is_error_open = matches!(severity, b"FATAL" | b"PANIC");
        self.conversation.is_doubtful = true;
        if is_of_a_stale_plan(body) {
            server.pool.statements.borrow_mut().begin_epoch();
        }
        if std::mem::take(&mut self.conversation.hides_error) {
            return Some(STALE_PLAN.to_vec());
        }
        self.statements.as_ref()?.in_own_words(server, body)
    }

    fn ready(&mut self, server: &Server, status: TransactionStatus) {
        self.conversation.is_error_open = false;
        if let Some(statements) = self.statements {
            statements.round_ended();
        }
        let (client, counters) = (self.client, &self.client.pool.counters);
        let now = Instant::now();
        let micros = |since: Instant| {
            u64::try_from(now.duration_since(since).as_micros()).unwrap_or(u64::MAX)
        };
        counters.add(Count::Queries, 1);
        counters.add(Count::QueryMicroseconds, micros(client.since.get()));
        if status == TransactionStatus::Idle {
            counters.add(Count::Transactions, 1);
            let since = client.transaction_since.replace(Some(now)).unwrap_or(now);
            counters.add(Count::TransactionMicroseconds, micros(since));
            client.is_idle_in_transaction.set(false);
        } else {
            client.is_idle_in_transaction.set(true);
            if !server.ledger.is_busy() {
                self.conversation.ends_pause();
            }
            self.conversation.is_doubtful = true;
        }
        client.since.set(now);
    }

    fn settled(&mut self, server: &mut Server, outcome: Outcome) {
        let Some(statements) = self.statements else {
            return;
        };
        let settled = statements.settle(server, outcome);
        self.client.statements.set(statements.len());
        server.card.statements.set(server.prepared.len());
        self.conversation.is_answered |= settled == Settled::Answered;
        if matches!(settled, Settled::Goes | Settled::GoesStale) {
            self.conversation.waits = false;
            self.conversation.resumes = true;
            self.conversation.is_stale = settled == Settled::GoesStale;
        }
    }
}

/// What a server says of a plan that no longer fits what its client knows of it.
const STALE_PLAN: &[u8] = b"E\0\0\0\x6cSERROR\0VERROR\0C0A000\0\
    Mcached plan must not change result type\0Fplancache.c\0L719\0RRevalidateCachedQuery\0\0";

/// The tags of commands after which a server has no statements left.
const DISCARD_ALL: &[u8] = b"DISCARD ALL\0";
const DEALLOCATE_ALL: &[u8] = b"DEALLOCATE ALL\0";

/// The tag of a command after which it has one less.
const DEALLOCATE: &[u8] = b"DEALLOCATE\0";

/// What the tags of commands begin with that may change what a statement takes and returns.
const CHANGES: [&[u8]; 3] = [b"ALTER ", b"CREATE ", b"DROP "];

/// Both names of a `Bind` are looked for in so many bytes.
const NAMES_BYTES_MAX: usize = tidegate_proto::limits::SMALL_MESSAGE_BYTES_MAX as usize;

/// Whether an error says that a prepared plan is out of date. Its words may be of any language, but
/// not the name of the routine, and not those of an internal error.
fn is_of_a_stale_plan(body: &[u8]) -> bool {
    let has = |field: &[u8]| body.windows(field.len()).any(|window| window == field);
    (has(b"C0A000\0") && has(b"RRevalidateCachedQuery\0"))
        || (has(b"CXX000\0") && has(b"Mcache lookup failed for"))
}

/// Parameters that a server reports of itself, and that nobody can set.
fn can_be_set(name: &str) -> bool {
    !matches!(
        name,
        "in_hot_standby"
            | "integer_datetimes"
            | "is_superuser"
            | "server_encoding"
            | "server_version"
            | "session_authorization"
    )
}
