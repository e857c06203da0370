//! What a server made of the messages that concern statements.

use std::rc::Rc;

use tidegate_proto::exchange::Outcome;

use crate::pool;
use crate::pool::Server;
use crate::pool::Shared;
use crate::pool::Statement;
use crate::session::statements::Change;
use crate::session::statements::Exposed;
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
    /// A question of the pooler's is answered.
    Answered,
    /// The primary does not say how far it has come.
    Unplaced,
    /// They may go on.
    Goes,
    /// They may, but what the client wants to run takes or returns something else by now.
    GoesStale,
    /// The round that was tried is what the client gets.
    Tried,
    /// It is not; it is sent once more when it is over.
    TakenBack,
}

impl Statements {
    /// The first pending message is settled.
    pub(in crate::session) fn settle(&mut self, server: &mut Server, outcome: Outcome) -> Settled {
        let is_done = outcome == Outcome::Done;
        let mut settled = Settled::Aside;
        let pending = self.pending.pop_front();
        if matches!(pending, Some(Pending::Unnamed(..) | Pending::Renew)) {
            self.changing_unnamed.count -= 1;
        }
        match pending {
            Some(Pending::Change(change)) => self.changed(change, server, is_done),
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
            Some(Pending::Evict(number)) if !is_done => server.prepared.closing.push(number),
            Some(Pending::Unnamed(previous, version)) if !is_done => {
                self.unnamed_failed(previous, version, outcome, server);
            },
            Some(Pending::Barrier) => {
                // What was to be deallocated was, unless it is bound and not executed.
                self.deallocations.clear();
                settled = Settled::Goes;
            },
            Some(Pending::Trial(trial)) => settled = self.tried(trial, outcome),
            Some(Pending::Answer) => settled = Settled::Answered,
            Some(Pending::Position) if !is_done => settled = Settled::Unplaced,
            Some(Pending::Expose(exposed)) => self.exposed(exposed, outcome),
            Some(Pending::Renew) if !is_done => {
                server.prepared.unnamed = pool::Unnamed::Unknown;
            },
            Some(
                Pending::Shape(_)
                | Pending::Prepare(..)
                | Pending::Evict(_)
                | Pending::Unnamed(..)
                | Pending::Renew
                | Pending::Use(_)
                | Pending::Placeholder
                | Pending::Position,
            )
            | None => {},
        }
        if self.pending.is_empty() {
            self.is_cleared = false;
        }
        settled
    }

    fn changed(&mut self, change: Change, server: &mut Server, is_done: bool) {
        let Change {
            name,
            before,
            after,
            number,
            is_disturbed,
        } = change;
        let others = self.no_longer_changing(&name);
        if after.is_none() && is_done {
            self.knows(&name, None);
        } else if after.is_none() {
            self.expose_as_before(&name);
        }
        let value = if is_done {
            if !is_disturbed && !self.is_cleared {
                return;
            }
            if let Some(named) = &after
                && self.is_cleared
            {
                // All names were dropped before the server read this one.
                server
                    .prepared
                    .insert(&named.statement, number, named.epoch);
            }
            after
        } else {
            if let Some(named) = after {
                server.prepared.remove(&named.statement, number);
            }
            before
        };
        match self.next_change(&name, others) {
            Some(next) => {
                next.before = value;
                next.is_disturbed = true;
            },
            None => drop(self.set(&name, value)),
        }
    }

    /// The server was told a name of the client's, or not.
    fn exposed(&mut self, exposed: Exposed, outcome: Outcome) {
        let name = exposed.name.clone();
        self.no_longer_changing(&name);
        match outcome {
            Outcome::Done => self.knows(&name, Some(exposed)),
            // It has dropped what it knew before.
            Outcome::Failed => self.knows(&name, None),
            Outcome::Skipped => {},
        }
        if outcome != Outcome::Done {
            self.expose_as_before(&name);
        }
    }

    /// One message that changes a name is settled; how many more are pending.
    fn no_longer_changing(&mut self, name: &[u8]) -> usize {
        let Some(unsettled) = self.changing.get_mut(name) else {
            return 0;
        };
        unsettled.count -= 1;
        let others = unsettled.count;
        if others == 0 {
            self.changing.remove(name);
        }
        others
    }

    pub(super) fn next_change(&mut self, name: &[u8], others: usize) -> Option<&mut Change> {
        if others == 0 {
            return None;
        }
        self.pending.iter_mut().find_map(|pending| {
            let Pending::Change(change) = pending else {
                return None;
            };
            (*change.name == *name).then_some(change)
        })
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
        // A replica may be behind a change that all others know of.
        if has_changed && pool.key.endpoint().is_none() {
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
        let value = match outcome {
            Outcome::Skipped => previous,
            // A server drops the old one before it reads the new one.
            Outcome::Failed | Outcome::Done => Unnamed::None,
        };
        if self.unnamed_version == version {
            self.unnamed = value;
            server.prepared.unnamed = pool::Unnamed::Unknown;
            return;
        }
        let next = self.pending.iter_mut().find_map(|pending| {
            let Pending::Unnamed(before, version) = pending else {
                return None;
            };
            Some((before, *version))
        });
        // What comes next is perhaps undone as well; but not to what a `Query` between has dropped.
        if let Some((before, next_version)) = next
            && next_version == version.wrapping_add(1)
        {
            *before = value;
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
        if server.pool.key.endpoint().is_none() {
            server.pool.statements.borrow_mut().begin_epoch();
        }
    }
    is_as_before
}
