//! What a session notices of the conversation that passes: what its client leaves behind in the
//! server, which settings changed, where errors and transactions end.

use std::rc::Rc;

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Outcome;
use tidegate_proto::frontend::tag as frontend;
use tokio::time::Instant;

use crate::config::PoolMode;
use crate::limits::DEALLOCATE_BYTES_MAX;
use crate::limits::STATEMENT_BYTES_MAX;
use crate::pool;
use crate::pool::Lease;
use crate::pool::PoolError;
use crate::pool::Server;
use crate::pool::Settings;
use crate::pool::injected;
use crate::session::Client;
use crate::session::relay::Edits;
use crate::session::relay::Message;
use crate::session::relay::Observer;
use crate::session::relay::Step;
use crate::session::statement_text::Statement;
use crate::session::statement_text::StatementText;
use crate::session::statements::Settled;
use crate::session::statements::Statements;
use crate::session::statements::Translation;
use crate::session::statements::Used;
use crate::sql::Effects;
use crate::telemetry::Count;

/// What is known of the conversation with the server of the moment.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// The client has state that only this server has.
    is_pinned: bool,
    /// The client waits for a statement to be prepared: what it said is held.
    pub(super) waits: bool,
    /// What was held may go on.
    pub(super) resumes: bool,
    /// The statement that it waited for takes or returns something else by now.
    is_stale: bool,
    /// The next error is one that the pooler has provoked for that reason.
    hides_error: bool,
    /// `RESET ALL` was sent in this round.
    resets: bool,
    /// Something in this round makes it uncertain whether that took effect, or lasts.
    is_reset_doubtful: bool,
    /// How many `DISCARD ALL` were sent in this round and not answered yet.
    discards: u32,
    /// Something that pins was sent after the last of them.
    is_pinned_since: bool,
    /// The server has discarded everything in this round.
    has_discarded: bool,
    /// What the server still has of the client is not known: it must be reset before it is lent.
    needs_reset: bool,
    /// A message's body that has not arrived whole.
    reading: Option<Box<StatementText>>,
    /// The last thing that the server said to the client was an error.
    pub(super) is_error_open: bool,
    /// The server takes nothing more.
    pub(super) is_server_deaf: bool,
    /// The client said `Terminate`.
    pub(super) is_over: bool,
    /// The client's settings, if the server reported a change.
    pub(super) changed: Option<Rc<Settings>>,
    /// The server refused what was injected.
    pub(super) refused: Option<PoolError>,
}

impl Conversation {
    /// Whether the client must keep the server that it has.
    pub(super) fn keeps_server(&self) -> bool {
        self.is_pinned
    }

    /// Whether the server must be reset before somebody else may have it.
    pub(super) fn needs_reset(&self) -> bool {
        self.keeps_server() || self.needs_reset
    }

    /// The end of a round: nothing is owed and no transaction is open. Settings that were reset are
    /// what they were at the login of each.
    pub(super) fn settle(&mut self, client: &Client, lease: &mut Lease) {
        let resets = std::mem::take(&mut self.resets);
        let is_doubtful = std::mem::take(&mut self.is_reset_doubtful);
        let has_discarded = std::mem::take(&mut self.has_discarded);
        self.discards = 0;
        if has_discarded || (resets && !is_doubtful) {
            lease.settings = Rc::default();
            *client.settings.borrow_mut() = Rc::clone(&client.startup_settings.borrow());
        } else {
            self.needs_reset |= resets;
        }
    }

    /// The server has gone, and with it all that was only there.
    pub(super) fn left_server(&mut self) {
        let is_over = self.is_over;
        *self = Self {
            is_over,
            ..Self::default()
        };
    }
}

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
        let Some(Statement { is_named, effects }) = statement else {
            return;
        };
        self.leaves_behind(effects);
        if is_named {
            self.pin();
        }
    }

    fn leaves_behind(&mut self, effects: Effects) {
        let conversation = &mut *self.conversation;
        conversation.resets |= effects.resets && !effects.discards;
        conversation.is_reset_doubtful |= effects.blocks;
        if effects.discards {
            conversation.discards += 1;
            conversation.is_pinned_since = false;
        }
        if effects.pins {
            self.pin();
        }
    }

    fn pin(&mut self) {
        self.conversation.is_pinned = true;
        self.conversation.is_pinned_since = true;
    }

    fn query<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        let may_deallocate = self.statements.is_some()
            && message.body_bytes <= DEALLOCATE_BYTES_MAX
            && message
                .body
                .first()
                .is_none_or(|byte| byte.eq_ignore_ascii_case(&b'd'));
        if may_deallocate {
            if !message.is_whole() {
                return Ok(Step::NeedMore);
            }
            let translated = self.translation(server, message, edits).deallocate()?;
            if let Some(step) = translated {
                return Ok(step);
            }
        }
        if let Some(statements) = self.statements {
            statements.drop_unnamed(server);
        }
        server.prepared.unnamed = pool::Unnamed::None;
        let statement = self.read(StatementText::query(), message.body, message.is_whole());
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
        self.client.pool.counters.add(Count::ClientParses, 1);
        if is_translated {
            let client = self.client;
            let effects = || {
                let mut text = StatementText::parse();
                text.feed(message.body, client);
                text.finish(client).effects
            };
            let translated = self.translation(server, message, edits).parse(effects)?;
            if let Some(step) = translated {
                return Ok(step);
            }
        }
        if is_unnamed && is_pooled {
            let statements = self.statements.get_or_insert_default();
            statements.leave_unnamed(server);
        }
        let statement = self.read(StatementText::parse(), message.body, message.is_whole());
        self.statement(statement);
        Ok(Step::Forward)
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
                Ok(self.using(used))
            },
            // No two names are longer than any message that is only names.
            None if message.is_whole() || message.body.len() > NAMES_BYTES_MAX => Ok(Step::Forward),
            None => Ok(Step::NeedMore),
        }
    }

    fn using(&mut self, used: Used) -> Step {
        self.leaves_behind(used.effects);
        self.conversation.waits |= used.step == Step::Wait;
        self.conversation.hides_error |= used.step == Step::ForwardAfterFailure;
        used.step
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
        }
    }
}

impl View<'_> {
    fn discarded(&mut self) {
        let conversation = &mut *self.conversation;
        conversation.has_discarded = true;
        conversation.discards = conversation.discards.saturating_sub(1);
        if conversation.discards == 0 && !conversation.is_pinned_since {
            conversation.is_pinned = false;
            conversation.needs_reset = false;
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
                self.using(Used {
                    effects: Effects::NONE,
                    ..used
                })
            },
            frontend::CLOSE if message.body.starts_with(b"S") => {
                self.translation(server, message, edits).close()
            },
            _ => Step::Forward,
        };
        self.conversation.needs_reset |= step == Step::ForwardAndReset;
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
        } else if CHANGES.iter().any(|command| tag.starts_with(command)) {
            server.pool.statements.borrow_mut().begin_epoch();
        }
        if is_discarded {
            self.discarded();
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

    fn injected_failed(&mut self, body: &[u8]) {
        self.conversation.refused = Some(PoolError::refused_by_server(body));
    }

    fn error(&mut self, server: &Server, body: &[u8]) -> Option<Vec<u8>> {
        self.conversation.is_error_open = true;
        self.conversation.is_reset_doubtful = true;
        if is_of_a_stale_plan(body) {
            server.pool.statements.borrow_mut().begin_epoch();
        }
        if std::mem::take(&mut self.conversation.hides_error) {
            return Some(STALE_PLAN.to_vec());
        }
        self.statements.as_ref()?.in_own_words(server, body)
    }

    fn ready(&mut self, status: TransactionStatus) {
        self.conversation.is_error_open = false;
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
            self.conversation.is_reset_doubtful = true;
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
        if settled != Settled::Aside {
            self.conversation.waits = false;
            self.conversation.resumes = true;
            self.conversation.is_stale = settled == Settled::GoesStale;
        }
    }
}

/// What a server says of a plan that no longer fits what its client knows of it.
const STALE_PLAN: &[u8] = b"E\0\0\0\x67SERROR\0VERROR\0C0A000\0\
    Mcached plan must not change result type\0Fplancache.c\0RRevalidateCachedQuery\0\0";

/// The tags of commands after which a server has no statements left.
const DISCARD_ALL: &[u8] = b"DISCARD ALL\0";
const DEALLOCATE_ALL: &[u8] = b"DEALLOCATE ALL\0";

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
