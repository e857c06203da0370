//! What a session notices of the conversation that passes: what its client leaves behind in the
//! server, which settings changed, where errors and transactions end.

use std::rc::Rc;

use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::frontend::tag as frontend;
use tokio::time::Instant;

use crate::pool::Lease;
use crate::pool::PoolError;
use crate::pool::Settings;
use crate::pool::injected;
use crate::session::Client;
use crate::session::relay::Observer;
use crate::session::statement_text::Statement;
use crate::session::statement_text::StatementText;
use crate::telemetry::Count;

/// What is known of the conversation with the server of the moment.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// The client has state that only this server has.
    is_pinned: bool,
    /// The client's unnamed statement is on this server.
    has_unnamed_statement: bool,
    /// It was parsed, but not bound yet: the client will want it in its next round.
    awaits_bind: bool,
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
    /// The unnamed statement was used on a server that does not have it.
    pub(super) is_statement_lost: bool,
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
        self.is_pinned || self.awaits_bind
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
    client: &'a Client,
    conversation: &'a mut Conversation,
}

impl<'a> View<'a> {
    pub(super) fn new(client: &'a Client, conversation: &'a mut Conversation) -> Self {
        Self {
            client,
            conversation,
        }
    }

    fn read(&mut self, mut text: StatementText, piece: &[u8], is_last: bool) -> Option<Statement> {
        text.feed(piece, self.client);
        if is_last {
            return Some(text.finish(self.client));
        }
        self.conversation.reading = Some(Box::new(text));
        None
    }

    fn statement(&mut self, statement: Option<Statement>) {
        let Some(Statement { is_named, effects }) = statement else {
            return;
        };
        let conversation = &mut *self.conversation;
        conversation.resets |= effects.resets && !effects.discards;
        conversation.is_reset_doubtful |= effects.blocks;
        if effects.discards {
            conversation.discards += 1;
            conversation.is_pinned_since = false;
        }
        // Statement names are the client's own, and only this server knows this one.
        if effects.pins || is_named {
            conversation.is_pinned = true;
            conversation.is_pinned_since = true;
        }
    }
}

impl Observer for View<'_> {
    fn client_message(&mut self, tag: u8, body: &[u8], is_whole: bool) {
        match tag {
            frontend::QUERY => {
                let statement = self.read(StatementText::query(), body, is_whole);
                self.statement(statement);
            },
            frontend::PARSE => {
                self.client.pool.counters.add(Count::ClientParses, 1);
                if body.first() == Some(&0) {
                    self.conversation.has_unnamed_statement = true;
                    self.conversation.awaits_bind = true;
                }
                let statement = self.read(StatementText::parse(), body, is_whole);
                self.statement(statement);
            },
            frontend::BIND => {
                self.client.pool.counters.add(Count::Binds, 1);
                if names_unnamed_statement(body) {
                    self.conversation.is_statement_lost |= !self.conversation.has_unnamed_statement;
                    self.conversation.awaits_bind = false;
                }
            },
            frontend::DESCRIBE if body.starts_with(b"S\0") => {
                self.conversation.is_statement_lost |= !self.conversation.has_unnamed_statement;
            },
            _ => {},
        }
    }

    fn client_body(&mut self, piece: &[u8], is_last: bool) {
        if let Some(text) = self.conversation.reading.take() {
            let statement = self.read(*text, piece, is_last);
            self.statement(statement);
        }
    }

    fn discarded(&mut self) {
        let conversation = &mut *self.conversation;
        conversation.has_discarded = true;
        conversation.discards = conversation.discards.saturating_sub(1);
        if conversation.discards == 0 && !conversation.is_pinned_since {
            conversation.is_pinned = false;
            conversation.has_unnamed_statement = false;
            conversation.awaits_bind = false;
            conversation.needs_reset = false;
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

    fn error(&mut self) {
        self.conversation.is_error_open = true;
        self.conversation.is_reset_doubtful = true;
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
}

/// Whether a `Bind` names the unnamed statement: an empty string after the portal's name.
fn names_unnamed_statement(body: &[u8]) -> bool {
    let end = body.iter().position(|byte| *byte == 0);
    end.and_then(|end| body.get(end + 1)) == Some(&0)
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
