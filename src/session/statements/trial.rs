//! Rounds of one unnamed statement, where clients share what these are parsed to.
//!
//! A client that sends `Parse`, `Bind`, `Describe`, `Execute` and `Sync` in one write wants no more
//! than the rows. The server is sent the same without the `Parse`, for a statement that it has
//! parsed a short time ago; the client keeps to hear that its `Parse` is complete until the server
//! has accepted the `Bind`. Should it refuse, for a reason that a new `Parse` may do away with, the
//! client hears nothing of that: nothing was executed, and the round is sent once more as a new
//! `Parse` of that statement. So it must be all of a transaction, and the client's messages are
//! held until the `Bind` is answered.
//!
//! ```text
//!   Parse Bind … Sync ──▶ Close Bind … Sync ── BindComplete ──▶ ParseComplete BindComplete …
//!         ▲                        │ ErrorResponse
//!         └── held, ReadyForQuery ─┘
//! ```
//!
//! The `Close` is that of the unnamed statement, which is gone as after a `Parse`, and its answer
//! leaves room for what the client is told in place of it.

use std::rc::Rc;

use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Outcome;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frontend::tag as frontend;

use crate::pool;
use crate::pool::Repeats;
use crate::pool::Server;
use crate::pool::Statement;
use crate::session::statements::Pending;
use crate::session::statements::Settled;
use crate::session::statements::Statements;
use crate::session::statements::Unnamed;
use crate::session::statements::translate::Translation;
use crate::session::statements::translate::split_at_zero;
use crate::session::statements::wire::Injection;
use crate::session::statements::wire::Name;
use crate::session::statements::wire::put;
use crate::session::statements::wire::put_header;
use crate::sql;
use crate::sql::Leaves;

/// A round of one unnamed statement: `Parse`, `Bind`, `Execute` and `Sync`, and perhaps `Describe`
/// of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Round<'a> {
    /// The text of the `Parse`, and the types of its parameters.
    rest: &'a [u8],
    /// The body of the `Bind` behind both names, which are empty.
    bound: &'a [u8],
    has_description: bool,
    /// The messages behind the `Bind`.
    messages: &'a [u8],
}

/// A round that is tried.
#[derive(Debug)]
pub(super) struct Trial {
    statement: Rc<Statement>,
    /// What the client's unnamed statement was before.
    before: Unnamed,
    /// The client has been told, or will be by the server, that its `Parse` is complete.
    is_parse_told: bool,
    is_taken_back: bool,
}

impl Trial {
    /// What the client's unnamed statement was before.
    pub(super) fn before(self) -> Unnamed {
        self.before
    }
}

impl<'a> Round<'a> {
    /// The round that begins here, if it is there whole and nothing is behind it.
    pub(in crate::session) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (parse, bytes) = message(bytes, frontend::PARSE)?;
        let (bind, messages) = message(bytes, frontend::BIND)?;
        let described = message(messages, frontend::DESCRIBE);
        let described = described.filter(|(body, _)| *body == b"P\0");
        let bytes = described.map_or(messages, |(_, rest)| rest);
        let (execute, bytes) = message(bytes, frontend::EXECUTE)?;
        let (sync, bytes) = message(bytes, frontend::SYNC)?;
        let is_whole = matches!(execute, [0, _, _, _, _]) && sync.is_empty() && bytes.is_empty();
        is_whole.then_some(Self {
            rest: parse.strip_prefix(b"\0")?,
            bound: bind.strip_prefix(b"\0\0")?,
            has_description: described.is_some(),
            messages,
        })
    }
}

/// The body of the first message, if it has this tag, and what is behind it.
fn message(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let header = FrameHeader::parse(Sender::Frontend, bytes).ok()??;
    let rest = bytes.get(FRAME_HEADER_BYTES..)?;
    (header.tag() == tag).then_some(())?;
    rest.split_at_checked(header.body_bytes())
}

impl Translation<'_, '_> {
    /// Sends a round for a statement that others, or the client itself, have parsed before; whether it
    /// does. The client's bytes are to be held until it is settled.
    pub(in crate::session) fn try_round(&mut self, round: &Round<'_>) -> Result<bool, Violation> {
        if !self.statements.is_settled() {
            return Ok(false);
        }
        let pool = Rc::clone(&self.server.pool);
        let statements = pool.statements.borrow();
        let settings = self.client.settings();
        let Some(statement) = statements.find_unnamed(round.rest, &settings) else {
            return Ok(false);
        };
        if !self.repeats(statement) {
            return Ok(false);
        }
        let (epoch, now) = (statements.epoch(), self.client.now());
        let prepared = &mut self.server.prepared;
        let known = prepared.look_up_fresh(statement, epoch, now);
        let name = match known {
            Some(known) => self.skip_parse(known.number)?,
            None => self.parse_once(statement, epoch)?,
        };
        let unnamed = Unnamed::Kept(Rc::clone(statement));
        let before = std::mem::replace(&mut self.statements.unnamed, unnamed);
        self.statements.pending.push_back(Pending::Trial(Trial {
            statement: Rc::clone(statement),
            before,
            is_parse_told: known.is_none(),
            is_taken_back: false,
        }));
        self.use_it(&name, round)?;
        self.statements.round_sent();
        Ok(true)
    }

    /// Whether a statement can be executed in place of a `Parse` of the same text.
    fn repeats(&self, statement: &Statement) -> bool {
        if statement.repeats.get() == Repeats::Unknown {
            let text = split_at_zero(&statement.rest).map_or(&*statement.rest, |(text, _)| text);
            let repeats =
                *statement.leaves == Leaves::default() && sql::is_repeatable(text, self.client);
            let repeats = if repeats { Repeats::Yes } else { Repeats::No };
            statement.repeats.set(repeats);
        }
        statement.repeats.get() == Repeats::Yes
    }

    /// In place of a `Parse`.
    fn skip_parse(&mut self, number: u32) -> Result<Name, Violation> {
        self.server.prepared.unnamed = pool::Unnamed::None;
        let injection = self.injection();
        put(injection.out, frontend::CLOSE, &[b"S\0"]);
        let ledger = &mut injection.server.ledger;
        ledger.sent(frontend::CLOSE, Owner::Behalf)?;
        Ok(injection.name(number))
    }

    /// The `Parse` of a statement that this server does not have, for whoever comes next.
    fn parse_once(&mut self, statement: &Rc<Statement>, epoch: u64) -> Result<Name, Violation> {
        let count_max = self.count_max();
        let prepared = &mut self.server.prepared;
        prepared.close(statement);
        prepared.make_room(count_max);
        let number = prepared.next_number();
        prepared.insert(statement, number, epoch);
        let mut injection = Injection {
            server: &mut *self.server,
            out: self.edits.before(self.message.at),
        };
        injection.closes(self.statements)?;
        let name = injection.name(number);
        put(injection.out, frontend::PARSE, &[&name, &statement.rest]);
        let ledger = &mut injection.server.ledger;
        ledger.sent_marked(frontend::PARSE, Owner::Client)?;
        let pending = &mut self.statements.pending;
        pending.push_back(Pending::Prepare(Rc::clone(statement), number));
        Ok(name)
    }

    /// The messages behind the `Parse`.
    fn use_it(&mut self, name: &[u8], round: &Round<'_>) -> Result<(), Violation> {
        let Injection { server, out } = self.injection();
        put_header(out, frontend::BIND, 1 + name.len() + round.bound.len());
        out.push(0);
        out.extend_from_slice(name);
        out.extend_from_slice(round.bound);
        out.extend_from_slice(round.messages);
        let ledger = &mut server.ledger;
        ledger.sent_marked(frontend::BIND, Owner::Client)?;
        if round.has_description {
            ledger.sent(frontend::DESCRIBE, Owner::Client)?;
        }
        ledger.sent(frontend::EXECUTE, Owner::Client)?;
        ledger.sent(frontend::SYNC, Owner::Client)
    }
}

impl Statements {
    /// The server's next answer is that to a round that is tried: whether its client is to be told
    /// first that its `Parse` is complete. It is told once.
    pub(in crate::session) fn owes_parse_complete(&mut self) -> bool {
        let trial = self.trial().filter(|trial| !trial.is_parse_told);
        trial.is_some_and(|trial| {
            trial.is_parse_told = true;
            true
        })
    }

    /// A server refuses a round that is tried: whether it may be because the statement was parsed too
    /// long ago. Then the round is taken back, and the server is not asked for that statement again.
    pub(in crate::session) fn takes_back(&mut self, server: &mut Server, body: &[u8]) -> bool {
        let Some(trial) = self.trial().filter(|trial| !trial.is_parse_told) else {
            return false;
        };
        let error = ErrorResponse::decode(body).ok();
        let code = error.and_then(|error| error.report.field(b'C'));
        trial.is_taken_back = code.is_some_and(depends_on_the_parse);
        if trial.is_taken_back {
            server.prepared.close(&trial.statement);
        }
        trial.is_taken_back
    }

    /// The server says something while it parses: what is executed in place of that would say less.
    pub(in crate::session) fn notices(&mut self) {
        if let Some(Pending::Prepare(statement, _)) = self.pending.front() {
            statement.repeats.set(Repeats::No);
        }
    }

    fn trial(&mut self) -> Option<&mut Trial> {
        match self.pending.front_mut() {
            Some(Pending::Trial(trial)) => Some(trial),
            _ => None,
        }
    }

    /// A round that was tried is settled.
    pub(super) fn tried(&mut self, trial: Trial, outcome: Outcome) -> Settled {
        if trial.is_taken_back {
            self.unnamed = trial.before;
            return Settled::TakenBack;
        }
        if outcome == Outcome::Skipped {
            // Its `Parse` has failed.
            self.unnamed = Unnamed::None;
        }
        self.has_tried = true;
        Settled::Tried
    }

    /// Whether what is held of the client has been sent in other words, and is not sent again. It is
    /// said once.
    pub(in crate::session) fn has_tried(&mut self) -> bool {
        std::mem::take(&mut self.has_tried)
    }
}

/// Whether an error may be that of a plan or of types that a new `Parse` would not come to. It is
/// not, where the server ends, is canceled, waits in vain, or lacks something.
fn depends_on_the_parse(code: &[u8]) -> bool {
    const OTHERS: [&[u8]; 6] = [b"08", b"40", b"53", b"55", b"57", b"58"];
    let class = code.get(..2).unwrap_or_default();
    code == b"08P01" || !OTHERS.contains(&class)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARSE: &[u8] = b"P\0\0\0\x10\0select 1\0\0\0";
    const BIND: &[u8] = b"B\0\0\0\x0c\0\0\0\0\0\0\0\0";
    const DESCRIBE: &[u8] = b"D\0\0\0\x06P\0";
    const EXECUTE: &[u8] = b"E\0\0\0\x09\0\0\0\0\x05";
    const SYNC: &[u8] = b"S\0\0\0\x04";

    #[test]
    fn a_round_of_one_unnamed_statement_is_read() {
        let bytes = [PARSE, BIND, DESCRIBE, EXECUTE, SYNC].concat();
        let round = Round {
            rest: b"select 1\0\0\0",
            bound: b"\0\0\0\0\0\0",
            has_description: true,
            messages: &[DESCRIBE, EXECUTE, SYNC].concat(),
        };
        assert_eq!(Round::read(&bytes), Some(round));
        for end in 0..bytes.len() {
            assert_eq!(Round::read(&bytes[..end]), None);
        }
        let bytes = [PARSE, BIND, EXECUTE, SYNC].concat();
        assert!(Round::read(&bytes).is_some_and(|round| !round.has_description));
    }

    #[test]
    fn what_is_more_or_less_than_that_is_none() {
        let named: &[u8] = b"P\0\0\0\x11s\0select 1\0\0\0";
        let bind_named: &[u8] = b"B\0\0\0\x0d\0s\0\0\0\0\0\0\0";
        let bind_portal: &[u8] = b"B\0\0\0\x0dp\0\0\0\0\0\0\0\0";
        let execute_portal: &[u8] = b"E\0\0\0\x0ap\0\0\0\0\0";
        let describe_statement: &[u8] = b"D\0\0\0\x06S\0";
        for messages in [
            &[named, BIND, EXECUTE, SYNC][..],
            &[PARSE, bind_named, EXECUTE, SYNC],
            &[PARSE, bind_portal, EXECUTE, SYNC],
            &[PARSE, BIND, execute_portal, SYNC],
            &[PARSE, BIND, describe_statement, EXECUTE, SYNC],
            &[PARSE, describe_statement, BIND, EXECUTE, SYNC],
            &[PARSE, BIND, EXECUTE, SYNC, SYNC],
            &[PARSE, BIND, EXECUTE, EXECUTE, SYNC],
            &[PARSE, BIND, SYNC],
            &[BIND, EXECUTE, SYNC],
            &[PARSE, BIND, EXECUTE, SYNC, b"X"],
        ] {
            assert_eq!(Round::read(&messages.concat()), None, "{messages:?}");
        }
    }

    #[test]
    fn only_what_a_parse_may_do_away_with_is_taken_back() {
        for code in ["0A000", "42703", "22P02", "08P01", "XX000", "3F000"] {
            assert!(depends_on_the_parse(code.as_bytes()), "{code}");
        }
        for code in [
            "57014", "57P01", "40P01", "53200", "55P03", "58030", "08006",
        ] {
            assert!(!depends_on_the_parse(code.as_bytes()), "{code}");
        }
    }
}
