//! Names of statements in SQL text: `PREPARE`, `EXECUTE` and `DEALLOCATE` mean the same names as the
//! protocol does, so a server is told those of its client that a text calls by name.

use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frontend::tag as frontend;

use crate::pool::Server;
use crate::session::relay::Step;
use crate::session::statements::Exposed;
use crate::session::statements::Pending;
use crate::session::statements::Statements;
use crate::session::statements::cut;
use crate::session::statements::translate::Translation;
use crate::session::statements::wire::EMPTY;
use crate::session::statements::wire::put;
use crate::sql;
use crate::sql::Mention;
use crate::sql::Usage;

impl Translation<'_, '_> {
    /// A `Query` that is there whole, if all that it does is to deallocate one statement that the
    /// client has parsed: the server is given another one to deallocate, unless it knows that name.
    pub(in crate::session) fn deallocate(&mut self) -> Result<Option<Step>, Violation> {
        let text = self.message.body.strip_suffix(b"\0");
        let Some(name) = text.and_then(sql::deallocated_name) else {
            return Ok(None);
        };
        let name = cut(&name);
        if !self.statements.named.contains_key(name) {
            return Ok(None);
        }
        let is_exposed = self.statements.hide(name);
        // Its name is gone by now, and must not go once more.
        let round = self.statements.rounds_sent;
        self.statements
            .deallocations
            .push_back((round, Some(Box::default())));
        if is_exposed {
            self.statements.change(name, None, 0);
            return Ok(Some(Step::Mark));
        }
        let number = self.server.prepared.next_number();
        let mut injection = self.injection();
        let own = injection.name(number);
        injection.expose(&own, EMPTY)?;
        self.statements.pending.push_back(Pending::Placeholder);
        self.statements.change(name, None, 0);
        let injection = self.injection();
        let command = [b"DEALLOCATE ".as_slice(), &own].concat();
        put(injection.out, frontend::QUERY, &[&command]);
        let end = self.message.at + FRAME_HEADER_BYTES + self.message.body_bytes;
        self.edits.skip_to(end);
        let ledger = &mut self.server.ledger;
        ledger.sent_marked(frontend::QUERY, Owner::Client)?;
        Ok(Some(Step::Booked))
    }

    /// Makes the server know statements by the client's own names, because SQL text calls them so;
    /// whether it did that for any.
    pub(in crate::session) fn expose(&mut self, mentions: &[Mention]) -> Result<bool, Violation> {
        let mut has_exposed = false;
        for mention in mentions {
            let name = mention.name.as_deref().map(cut);
            if let Some(name) = name {
                has_exposed |= self.expose_one(name, mention.usage)?;
            }
            if mention.usage == Usage::Deallocated {
                let round = self.statements.rounds_sent;
                let deallocations = &mut self.statements.deallocations;
                deallocations.push_back((round, name.map(Box::from)));
            }
        }
        Ok(has_exposed)
    }

    /// A text that ends a failed transaction block, and executes statements behind that, which the
    /// server does not know by their names: in the block it could not be told of them. So the block
    /// is over a little earlier, and another one fails in its place.
    pub(in crate::session) fn expose_behind_block(
        &mut self,
        mentions: &[Mention],
    ) -> Result<(), Violation> {
        // What is reported at its end is the client's.
        self.injection().query(b"ROLLBACK", Owner::Behalf)?;
        for mention in mentions {
            if let Some(name) = mention.name.as_deref().map(cut) {
                self.expose_one(name, mention.usage)?;
            }
        }
        self.injection().query(b"BEGIN", Owner::Pooler)?;
        self.statements.pending.push_back(Pending::Placeholder);
        self.injection().query_that_fails()
    }

    /// Where only the name matters, it is the name of nothing: a text that is parsed may fail, and
    /// does in a transaction that has.
    fn expose_one(&mut self, name: &[u8], usage: Usage) -> Result<bool, Violation> {
        let Some(named) = self.statements.named.get(name).cloned() else {
            return Ok(false);
        };
        let is_empty = usage != Usage::Executed;
        let mut known = self.statements.exposed.iter();
        let is_known = known.any(|exposed| *exposed.name == *name && exposed.is_empty <= is_empty);
        if !is_known {
            self.statements.hide(name);
            let exposed = Exposed {
                name: name.into(),
                is_empty,
            };
            self.statements.exposed.push(exposed.clone());
            self.statements.await_name(name);
            self.statements.pending.push_back(Pending::Expose(exposed));
            let name = [name, b"\0"].concat();
            let rest = if is_empty {
                EMPTY
            } else {
                &named.statement.rest
            };
            self.injection().expose(&name, rest)?;
        }
        Ok(true)
    }

    /// A name that the client has given already. The server is made to know it, and complains.
    pub(super) fn parse_again(&mut self, name: &[u8]) -> Result<Step, Violation> {
        self.expose_one(name, Usage::Prepared)?;
        Ok(Step::ForwardAndReset)
    }
}

impl Statements {
    /// The client has left its server: what it knew by names of the client's is nothing any more.
    pub(in crate::session) fn left_server(&mut self) {
        self.exposed.clear();
        self.on_server.clear();
    }

    /// Whether a text executes a statement that the client has parsed, and whose text its server does
    /// not know by that name.
    pub(in crate::session) fn is_missing_one(&self, mentions: &[Mention]) -> bool {
        mentions.iter().any(|mention| {
            let name = mention.name.as_deref().map(cut).unwrap_or_default();
            let mut exposed = self.exposed.iter();
            mention.usage == Usage::Executed
                && self.named.contains_key(name)
                && !exposed.any(|exposed| *exposed.name == *name && !exposed.is_empty)
        })
    }

    fn is_exposed(&self, name: &[u8]) -> bool {
        self.exposed.iter().any(|exposed| *exposed.name == *name)
    }

    /// The server is about to forget a name of the client's; whether it knew it.
    pub(super) fn hide(&mut self, name: &[u8]) -> bool {
        let is_exposed = self.is_exposed(name);
        self.exposed.retain(|exposed| *exposed.name != *name);
        is_exposed
    }

    /// The server knows a name of the client's by now, or no longer.
    pub(super) fn knows(&mut self, name: &[u8], exposed: Option<Exposed>) {
        self.on_server.retain(|known| *known.name != *name);
        self.on_server.extend(exposed);
    }

    /// What was sent about a name was not carried out: the server knows of it what it did.
    pub(super) fn expose_as_before(&mut self, name: &[u8]) {
        self.hide(name);
        let before = self.on_server.iter().find(|known| *known.name == *name);
        self.exposed.extend(before.cloned());
    }

    /// A message that ends a round was sent.
    pub(in crate::session) fn round_sent(&mut self) {
        self.rounds_sent = self.rounds_sent.wrapping_add(1);
    }

    /// A round is over: what it has not deallocated, it will not.
    pub(in crate::session) fn round_ended(&mut self) {
        let ended = self.rounds_ended;
        self.deallocations.retain(|(round, _)| *round != ended);
        self.rounds_ended = ended.wrapping_add(1);
    }

    /// Every round is over.
    pub(in crate::session) fn rounds_settled(&mut self) {
        self.deallocations.clear();
        self.rounds_ended = self.rounds_sent;
    }

    /// The server has carried out a `DEALLOCATE` of one statement: the next one that was sent.
    pub(in crate::session) fn deallocated(&mut self) {
        if matches!(self.deallocations.front(), Some((_, Some(_))))
            && let Some((_, Some(name))) = self.deallocations.pop_front()
        {
            self.knows(&name, None);
            let unsettled = self.changing.get(&name);
            let others = unsettled.map_or(0, |unsettled| unsettled.count);
            if let Some(next) = self.next_change(&name, others) {
                // What was sent after it counts already; there is nothing left to fall back to.
                next.before = None;
                next.is_disturbed = true;
            } else {
                self.hide(&name);
                self.remove(&name);
            }
        }
    }

    /// The server has dropped all statements: the next `DISCARD ALL` or `DEALLOCATE ALL` that was sent
    /// is carried out.
    pub(in crate::session) fn dropped_all(&mut self, server: &mut Server) {
        if matches!(self.deallocations.front(), Some((_, None))) {
            self.deallocations.pop_front();
        }
        server.prepared.clear();
        self.left_server();
        self.clear();
    }
}
