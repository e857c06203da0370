//! What a server made of the messages that concern statements.

use std::rc::Rc;

use tidegate_proto::exchange::Outcome;

use crate::pool;
use crate::pool::Server;
use crate::pool::Shared;
use crate::pool::Statement;
use crate::session::statements::Named;
use crate::session::statements::Parsing;
use crate::session::statements::Pending;
use crate::session::statements::Statements;
use crate::session::statements::Unnamed;

/// What a settled message means to the messages that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Settled {
    /// None waits for it.
    Aside,
    /// They may go on.
    Goes,
    /// They may, but what the client wants to run takes or returns something else by now.
    GoesStale,
}

impl Statements {
    /// The first pending message is settled.
    pub(in crate::session) fn settle(&mut self, server: &mut Server, outcome: Outcome) -> Settled {
        let is_done = outcome == Outcome::Done;
        let mut settled = Settled::Aside;
        match self.pending.pop_front() {
            Some(Pending::Parse(parsing)) => self.parsed(&parsing, server, is_done),
            Some(Pending::Shape(parsing)) if is_done => self.shaped(&parsing, server),
            Some(Pending::Prepare(statement, number)) if !is_done => {
                server.prepared.remove(&statement, number);
            },
            Some(Pending::Verify(statement)) => {
                settled = if is_done && !is_as_before(&statement, server) {
                    Settled::GoesStale
                } else {
                    Settled::Goes
                };
            },
            Some(Pending::Close(name, closed)) if !is_done => {
                if !self.named.contains_key(&name) {
                    self.insert(&name, closed);
                }
            },
            Some(Pending::Evict(number)) if !is_done => server.prepared.closing.push(number),
            Some(Pending::Unnamed(previous, version)) if !is_done => {
                self.unnamed_failed(previous, version, outcome, server);
            },
            Some(Pending::Resend) if !is_done => {
                server.prepared.unnamed = pool::Unnamed::Unknown;
            },
            Some(
                Pending::Shape(_)
                | Pending::Prepare(..)
                | Pending::Close(..)
                | Pending::Evict(_)
                | Pending::Unnamed(..)
                | Pending::Resend
                | Pending::Expose,
            )
            | None => {},
        }
        if self.pending.is_empty() {
            self.is_cleared = false;
        }
        settled
    }

    fn parsed(&mut self, parsing: &Parsing, server: &mut Server, is_done: bool) {
        let Parsing {
            name,
            named,
            number,
        } = parsing;
        if !is_done {
            server.prepared.remove(&named.statement, *number);
            if self.is_named(name, &named.statement) {
                self.remove(name);
            }
        } else if self.is_cleared {
            // All names were dropped before the server read this one.
            server
                .prepared
                .insert(&named.statement, *number, named.epoch);
            self.insert(name, named.clone());
        }
    }

    /// The server has told the shape of what the client has parsed: what others call the same is
    /// the same statement from now on.
    fn shaped(&mut self, parsing: &Parsing, server: &mut Server) {
        let Parsing {
            name,
            named,
            number,
        } = parsing;
        let shape = server.prepared.shape();
        let pool = Rc::clone(&server.pool);
        let mut statements = pool.statements.borrow_mut();
        let Shared {
            statement,
            has_changed,
        } = statements.share(&named.statement, shape);
        if has_changed {
            statements.begin_epoch();
        }
        if Rc::ptr_eq(&statement, &named.statement) {
            return;
        }
        server
            .prepared
            .rename(&named.statement, &statement, *number);
        if self.is_named(name, &named.statement) {
            let epoch = named.epoch;
            self.insert(name, Named { statement, epoch });
        }
    }

    fn unnamed_failed(
        &mut self,
        previous: Unnamed,
        version: u32,
        outcome: Outcome,
        server: &mut Server,
    ) {
        // Unless something else has happened to it since.
        if self.unnamed_version == version {
            self.unnamed = match outcome {
                Outcome::Skipped => previous,
                // A server drops the old one before it reads the new one.
                Outcome::Failed | Outcome::Done => Unnamed::None,
            };
            server.prepared.unnamed = pool::Unnamed::Unknown;
        }
    }

    fn is_named(&self, name: &[u8], statement: &Rc<Statement>) -> bool {
        let named = self.named.get(name);
        named.is_some_and(|named| Rc::ptr_eq(&named.statement, statement))
    }
}

/// Whether a statement that was prepared on one more server has the shape that its clients know.
fn is_as_before(statement: &Rc<Statement>, server: &mut Server) -> bool {
    let shape = server.prepared.shape();
    let is_as_before = statement.shape.get().is_none_or(|known| known == shape);
    if is_as_before {
        statement.shape.set(Some(shape));
    } else {
        server.prepared.close(statement);
        server.pool.statements.borrow_mut().begin_epoch();
    }
    is_as_before
}
