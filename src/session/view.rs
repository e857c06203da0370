//! What a session notices of the messages that pass: what its client leaves behind in the server,
//! which settings changed, where errors and transactions end.

use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::backend::NoticeResponse;
use tidegate_proto::backend::Report;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Outcome;
use tidegate_proto::frontend::tag as frontend;
use tokio::time::Instant;

use crate::config::PoolMode;
use crate::pool::PoolError;
use crate::pool::Server;
use crate::pool::Settings;
use crate::pool::injected;
use crate::session::Client;
use crate::session::conversation::Conversation;
use crate::session::reads::Judged;
use crate::session::reads::Reading;
use crate::session::relay::Edits;
use crate::session::relay::Message;
use crate::session::relay::Observer;
use crate::session::relay::Step;
use crate::session::statements::Settled;
use crate::session::statements::Statements;
use crate::telemetry::Count;

/// The conversation and its client, while bytes pass.
pub(super) struct View<'a> {
    pub(super) client: &'a Client,
    pub(super) conversation: &'a mut Conversation,
    pub(super) statements: &'a mut Option<Box<Statements>>,
    pub(super) reading: &'a mut Option<Box<Reading>>,
}

impl View<'_> {
    /// A `Sync`: the end of a round, unless a COPY takes it.
    fn sync(&mut self, server: &Server, message: &Message<'_>) -> Step {
        let is_skipping = server.ledger.is_skipping();
        if server.ledger.is_in_copy() && !is_skipping {
            return Step::Forward;
        }
        if let Some(statements) = self.statements {
            statements.round_sent();
        }
        if !is_skipping && message.is_whole() && self.conversation.pauses() {
            return Step::ForwardAndWait;
        }
        Step::Forward
    }

    /// A message that the server may have to understand otherwise than its client.
    fn other_message<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        if server.ledger.is_skipping() || server.ledger.is_in_copy() {
            // Whatever it is, it is discarded, or fails the COPY. A `Query` with a COPY in it goes on behind that.
            let is_behind_copy = message.tag == frontend::COPY_DONE
                && server.ledger.is_in_copy()
                && !server.ledger.is_open();
            if is_behind_copy && self.conversation.pauses() {
                return Ok(Step::ForwardAndWait);
            }
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
            _ if self.client.mode() == PoolMode::Session => Step::Forward,
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
        let ends_round = is_sent && message.tag == frontend::QUERY;
        if ends_round && let Some(statements) = self.statements {
            statements.round_sent();
        }
        let is_whole = step == Step::Forward && message.is_whole();
        if ends_round && is_whole && self.conversation.pauses() {
            return Ok(Step::ForwardAndWait);
        }
        Ok(step)
    }
}

impl Observer for View<'_> {
    #[inline]
    fn client_message<'a>(
        &mut self,
        server: &mut Server,
        message: &Message<'a>,
        edits: &mut Edits<'a>,
    ) -> Result<Step, Violation> {
        match message.tag {
            // They name no statement, and no round ends with them: they go on, whatever is under way.
            frontend::EXECUTE | frontend::FLUSH | frontend::COPY_DATA => Ok(Step::Forward),
            frontend::SYNC => Ok(self.sync(server, message)),
            _ => self.other_message(server, message, edits),
        }
    }

    fn client_body(&mut self, piece: &[u8], is_last: bool) -> bool {
        let Some(text) = self.conversation.take_reading() else {
            return false;
        };
        let ends_round = text.is_query && is_last;
        let statement = self.go_on_reading(text, piece, is_last);
        self.statement(statement);
        ends_round && self.conversation.pauses()
    }

    fn command_complete(&mut self, server: &mut Server, tag: &[u8]) {
        if !matches!(tag, [b'A' | b'C' | b'D', ..]) {
            // None of those below.
            return;
        }
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
            self.conversation.has_changed_catalog = true;
            self.conversation.has_changed_functions |= changes_functions(tag);
        }
        if is_discarded {
            self.conversation.discarded();
        }
    }

    fn parameter_status(&mut self, body: &[u8]) {
        let Some((name, value)) = injected::parameter_status(body) else {
            self.conversation.reported_in_part(self.client, body);
            return;
        };
        if !can_be_set(name) {
            self.conversation.reported_of_user(self.client, name);
            return;
        }
        let mut settings = match self.conversation.changed() {
            Some(settings) => Settings::clone(settings),
            None => Settings::clone(&self.client.settings()),
        };
        // A server reports a dozen parameters at most; one that reports more is not believed.
        if settings.set(name, value).is_ok() {
            self.conversation.change(settings);
        }
    }

    fn notification(&mut self) -> bool {
        let may_listen =
            self.client.mode() == PoolMode::Session || self.conversation.keeps_server();
        // Whoever made the server listen, unseen, is perhaps not this client.
        self.conversation.needs_reset |= !may_listen;
        may_listen
    }

    fn judge(&mut self, server: &mut Server, bytes: &[u8]) -> Judged {
        match self.reading {
            Some(reading) => reading.judge(server, bytes),
            None => Judged::Reply,
        }
    }

    fn position(&mut self, server: &Server, body: &[u8]) {
        if let Some(reading) = self.reading {
            reading.told_position(self.client, server, body);
        }
    }

    fn is_past_answer(&self, server: &Server) -> bool {
        let reading = self.reading.as_ref();
        reading.is_some_and(|reading| {
            reading.has_answer() && server.ledger.is_clean()
                || reading.may_lose_beginning() && !server.ledger.is_busy()
        })
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
        let refused = PoolError::refused_by_server(body);
        self.conversation.refuse(refused);
    }

    fn error(&mut self, server: &Server, body: &[u8], is_marked: bool) -> Option<Vec<u8>> {
        // An error in a statement says nothing of why a server goes away after it.
        let report = ErrorResponse::decode(body).ok().map(|error| error.report);
        let severity = report.and_then(Report::severity).unwrap_or_default();
        self.conversation.is_error_open = matches!(severity, b"FATAL" | b"PANIC");
        self.conversation.is_doubtful = true;
        if let Some(reading) = self.reading {
            reading.heard_error(body);
        }
        if is_of_a_stale_plan(body) {
            server.pool.statements.borrow_mut().begin_epoch();
        }
        if std::mem::take(&mut self.conversation.hides_error) {
            return Some(STALE_PLAN.to_vec());
        }
        let statements = self.statements.as_ref()?;
        statements.in_own_words(server, body, is_marked)
    }

    fn owes_parse_complete(&mut self) -> bool {
        let statements = self.statements.as_mut();
        statements.is_some_and(|statements| statements.owes_parse_complete())
    }

    fn takes_back(&mut self, server: &mut Server, body: &[u8]) -> bool {
        let statements = self.statements.as_mut();
        let takes_back = statements.is_some_and(|known| known.takes_back(server, body));
        if takes_back && is_of_a_stale_plan(body) {
            server.pool.statements.borrow_mut().begin_epoch();
        }
        takes_back
    }

    fn notice(&mut self, body: &[u8]) {
        if let Some(statements) = self.statements {
            statements.notices();
        }
        self.conversation.is_error_open |= is_a_warning_of_the_end(body);
    }

    fn ready(&mut self, server: &Server, status: TransactionStatus) {
        self.conversation.is_error_open = false;
        if let Some(statements) = self.statements {
            statements.round_ended();
        }
        let (client, counters) = (self.client, &self.client.pool.counters);
        let now = client.now();
        let micros = |since: Instant| {
            let time = now.duration_since(since);
            time.as_secs() * 1_000_000 + u64::from(time.subsec_micros())
        };
        let since = client.since.get();
        let time = micros(since);
        counters.add(Count::Queries, 1);
        counters.add(Count::QueryMicroseconds, time);
        if status == TransactionStatus::Idle {
            match self.reading {
                Some(reading) if client.pool.has_reads() => reading.acknowledges(client),
                _ => client.pool.note_write(),
            }
        }
        if status == TransactionStatus::Idle {
            if std::mem::take(&mut self.conversation.has_changed_catalog) {
                // Until now, others have parsed what was before.
                server.pool.statements.borrow_mut().begin_epoch();
                if std::mem::take(&mut self.conversation.has_changed_functions) {
                    server.pool.functions_changed();
                }
            }
            counters.add(Count::Transactions, 1);
            // Most transactions are one query.
            let time = match client.transaction_since.replace(Some(now)) {
                Some(begin) if begin == since => time,
                Some(begin) => micros(begin),
                None => 0,
            };
            counters.add(Count::TransactionMicroseconds, time);
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
        let count = u32::try_from(statements.len());
        self.client.statements.set(count.unwrap_or(u32::MAX));
        server.card.statements.set(server.prepared.len());
        self.conversation.is_answered |= settled == Settled::Answered;
        if settled == Settled::Unplaced
            && let Some(reads) = self.client.pool.reads()
        {
            reads.position_told(false, self.client.now());
        }
        if settled == Settled::GoesStale
            && let Some(reading) = self.reading
        {
            // A replica may be behind a change of the table.
            reading.is_stale_there(server);
        }
        self.conversation.waits &= settled != Settled::Tried;
        // It goes on with what is held, which is that round.
        self.conversation.waits_for_ready |= settled == Settled::TakenBack;
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

/// Whether the tag of one of these commands is that of one that may make, change or drop functions.
fn changes_functions(tag: &[u8]) -> bool {
    let object = tag.split(|byte| matches!(byte, b' ' | 0)).nth(1);
    matches!(
        object.unwrap_or_default(),
        b"AGGREGATE"
            | b"EXTENSION"
            | b"FUNCTION"
            | b"OWNED"
            | b"PROCEDURE"
            | b"ROUTINE"
            | b"SCHEMA"
            | b"TYPE"
    )
}

/// Whether an error says that a prepared plan is out of date. Its words may be of any language, but
/// not the name of the routine, and not those of an internal error.
fn is_of_a_stale_plan(body: &[u8]) -> bool {
    let has = |field: &[u8]| body.windows(field.len()).any(|window| window == field);
    (has(b"C0A000\0") && has(b"RRevalidateCachedQuery\0"))
        || (has(b"CXX000\0") && has(b"Mcache lookup failed for"))
}

/// Whether a server says with a warning why it ends: where it has no time for more, after a crash or at
/// an immediate shutdown, that is all it says.
fn is_a_warning_of_the_end(body: &[u8]) -> bool {
    let Ok(notice) = NoticeResponse::decode(body) else {
        return false;
    };
    let (severity, code) = (notice.report.severity(), notice.report.field(b'C'));
    severity == Some(b"WARNING") && matches!(code, Some(b"57P01" | b"57P02"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_of_commands_that_may_change_functions_are_known() {
        for (tag, expected) in [
            (&b"CREATE FUNCTION\0"[..], true),
            (b"ALTER ROUTINE\0", true),
            (b"DROP AGGREGATE\0", true),
            (b"CREATE EXTENSION\0", true),
            (b"ALTER SCHEMA\0", true),
            (b"DROP OWNED\0", true),
            (b"CREATE TABLE\0", false),
            (b"ALTER DEFAULT PRIVILEGES\0", false),
            (b"DROP VIEW\0", false),
            (b"CREATE \0", false),
        ] {
            assert_eq!(changes_functions(tag), expected, "{tag:?}");
        }
    }
}
