//! A client's prepared statements, by the client's own names, and how they follow it from server to
//! server.
//!
//! A name counts from the moment its `Parse` is sent, because the client may use it in the same
//! write; what a server makes of it comes later, and what was failed or skipped is undone then
//! (`settle.rs`). What happens to a message on the way is in `translate.rs`.

mod settle;
mod sql_names;
mod translate;
mod trial;
mod wire;

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::rc::Rc;

use foldhash::quality::RandomState;

pub(super) use self::settle::Settled;
pub(super) use self::translate::Translation;
pub(super) use self::trial::Round;

use self::trial::Trial;

use crate::limits::CLIENT_STATEMENTS_BYTES_MAX;
use crate::limits::CLIENT_STATEMENTS_COUNT_MAX;
use crate::pool::Statement;
use crate::sql::Mention;

/// Names longer than this are cut, as by a server: `NAMEDATALEN` less its zero byte.
const NAME_BYTES_MAX: usize = 63;

/// The statements of one client.
#[derive(Debug, Default)]
pub(super) struct Statements {
    named: HashMap<Box<[u8]>, Named, RandomState>,
    /// Of names and texts together.
    bytes: usize,
    unnamed: Unnamed,
    /// Counts what happens to the unnamed statement: whoever undoes something sees whether it was
    /// the last.
    unnamed_version: u32,
    /// Names that the server of the moment knows too, once it has read all that was sent.
    exposed: Vec<Exposed>,
    /// Those that it knows for certain, by what it has answered.
    on_server: Vec<Exposed>,
    /// Names that texts deallocate, in the order of sending, each with its round; `None` for all.
    deallocations: VecDeque<(u32, Option<Box<[u8]>>)>,
    /// Rounds that were sent, and those of them that are over.
    rounds_sent: u32,
    rounds_ended: u32,
    /// Marked messages of the server's ledger, in its order.
    pending: VecDeque<Pending>,
    /// Which of these change which name, or whether the server knows it, and which of them the
    /// unnamed statement.
    changing: HashMap<Box<[u8]>, Unsettled, RandomState>,
    changing_unnamed: Unsettled,
    /// All names were dropped while something was pending.
    is_cleared: bool,
    /// The round that its client's held bytes are has been sent in other words.
    has_tried: bool,
    /// Two names meant, at some time, one statement: what a server says of it does not tell which.
    has_namesakes: bool,
}

/// Messages about one statement that are not settled.
#[derive(Debug, Clone, Copy, Default)]
struct Unsettled {
    count: usize,
    /// The round of the last of them.
    round: u32,
}

/// A name of the client's that its server knows.
#[derive(Debug, Clone)]
struct Exposed {
    name: Box<[u8]>,
    /// It is the name of nothing: only that there is one matters.
    is_empty: bool,
}

/// A statement with a name.
#[derive(Debug, Clone)]
struct Named {
    statement: Rc<Statement>,
    /// When the client parsed it: a plan from before that is not for this client.
    epoch: u64,
}

/// The unnamed statement of a client.
#[derive(Debug, Clone, Default)]
enum Unnamed {
    /// There is none.
    #[default]
    None,
    /// It can be sent to any server.
    Kept(Rc<Statement>),
    /// It is on the client's server, and too long to be kept.
    OnServer,
}

/// What a message does to a name. It counts at once; `before` is what undoes it.
#[derive(Debug)]
struct Change {
    name: Box<[u8]>,
    before: Option<Named>,
    after: Option<Named>,
    /// What makes the statement's name on the server, if it is given one.
    number: u32,
    /// An earlier message of the same name was undone after this one had been counted.
    is_disturbed: bool,
}

/// A name that is being given to a statement.
#[derive(Debug)]
struct Parsing {
    name: Box<[u8]>,
    named: Named,
    /// What makes the statement's name on the server.
    number: u32,
}

/// What becomes of a message once its server has settled it.
#[derive(Debug)]
enum Pending {
    /// The client's `Parse`, `Close` or `DEALLOCATE` of a name.
    Change(Change),
    /// The pooler's `Describe` after a `Parse`.
    Shape(Parsing),
    /// The `Parse`, the pooler's or the client's, of a statement that this server did not have.
    Prepare(Rc<Statement>, u32),
    /// The pooler's `Describe` after that.
    Verify(Rc<Statement>),
    /// The pooler's `Close` of a name of its own.
    Evict(u32),
    /// The client's `Parse` or `Close` of the unnamed statement.
    Unnamed(Unnamed, u32),
    /// The client's `Bind` of a round whose `Parse` the server was not sent, or under another name.
    Trial(Trial),
    /// The pooler's `Parse` or `Close` of the unnamed statement, in place of another client's.
    Renew,
    /// The pooler's `Parse` of a name of the client's. If it fails, what uses the name will too.
    Expose(Exposed),
    /// A message of the client's that uses a statement by this name, if nothing else would tell.
    Use(Box<[u8]>),
    /// The pooler's `Parse` of a name that nobody else calls anything.
    Placeholder,
    /// The end of a question of the pooler's.
    Answer,
    /// The pooler's question how far the primary has come.
    Position,
    /// Whatever was sent before it is settled.
    Barrier,
}

impl Statements {
    /// How many named ones there are.
    pub(super) fn len(&self) -> usize {
        self.named.len()
    }

    /// Whether the client's unnamed statement is only where it is.
    pub(super) fn keeps_server(&self) -> bool {
        matches!(self.unnamed, Unnamed::OnServer)
    }

    /// All names are gone: `DISCARD ALL`, `DEALLOCATE ALL`.
    fn clear(&mut self) {
        self.named.clear();
        self.bytes = 0;
        self.is_cleared = !self.pending.is_empty();
        // What is pending comes after this, and nothing is left for it to fall back to.
        let mut seen = HashSet::new();
        for pending in &mut self.pending {
            if let Pending::Change(change) = pending
                && seen.insert(&*change.name)
            {
                change.before = None;
            }
        }
    }

    /// Whether one more may be kept.
    pub(super) fn has_room_for(&self, name: &[u8], rest: &[u8]) -> bool {
        self.named.len() < CLIENT_STATEMENTS_COUNT_MAX
            && self.bytes + name.len() + rest.len() <= CLIENT_STATEMENTS_BYTES_MAX
    }

    /// Gives a name another meaning, or none, until it is settled.
    fn change(&mut self, name: &[u8], after: Option<Named>, number: u32) {
        let before = self.set(name, after.clone());
        self.await_name(name);
        self.pending.push_back(Pending::Change(Change {
            name: name.into(),
            before,
            after,
            number,
            is_disturbed: false,
        }));
    }

    /// Another message about a name is about to be pending.
    fn await_name(&mut self, name: &[u8]) {
        let unsettled = self.changing.entry(name.into()).or_default();
        unsettled.count += 1;
        unsettled.round = self.rounds_sent;
    }

    fn set(&mut self, name: &[u8], named: Option<Named>) -> Option<Named> {
        let before = self.remove(name);
        if let Some(named) = named {
            self.insert(name, named);
        }
        before
    }

    fn insert(&mut self, name: &[u8], named: Named) {
        self.remove(name);
        let mut others = self.named.values();
        self.has_namesakes |= others.any(|other| Rc::ptr_eq(&other.statement, &named.statement));
        self.bytes += name.len() + named.statement.rest.len();
        self.named.insert(name.into(), named);
    }

    fn remove(&mut self, name: &[u8]) -> Option<Named> {
        let removed = self.named.remove(name)?;
        self.bytes -= name.len() + removed.statement.rest.len();
        Some(removed)
    }

    /// Replaces the unnamed statement, and says what undoes that.
    fn replace_unnamed(&mut self, unnamed: Unnamed) -> Pending {
        self.unnamed_version = self.unnamed_version.wrapping_add(1);
        let previous = std::mem::replace(&mut self.unnamed, unnamed);
        Pending::Unnamed(previous, self.unnamed_version)
    }

    /// Waits for what becomes of a message about the unnamed statement.
    fn await_unnamed(&mut self, pending: Pending) {
        self.changing_unnamed.count += 1;
        self.changing_unnamed.round = self.rounds_sent;
        self.pending.push_back(pending);
    }

    /// Whether what a name means depends on a round that is not over, or on a `DEALLOCATE`: of the
    /// protocol's own messages in one round, whatever would be wrong is skipped.
    pub(super) fn is_uncertain(&self, name: &[u8]) -> bool {
        let is_unsettled =
            |unsettled: &Unsettled| unsettled.count > 0 && unsettled.round != self.rounds_sent;
        if name.is_empty() {
            return is_unsettled(&self.changing_unnamed);
        }
        let name = cut(name);
        let mut deallocated = self.deallocations.iter().map(|(_, name)| name.as_deref());
        self.changing.get(name).is_some_and(is_unsettled)
            || deallocated.any(|gone| gone.is_none_or(|gone| gone == name))
    }

    /// Whether one of the names in a text is uncertain.
    pub(super) fn are_uncertain(&self, mentions: &[Mention]) -> bool {
        let mut names = mentions
            .iter()
            .filter_map(|mention| mention.name.as_deref());
        names.any(|name| self.is_uncertain(name))
    }

    /// The statement that a name means, if it can be sent to any server.
    pub(super) fn known(&self, name: &[u8]) -> Option<&Rc<Statement>> {
        if name.is_empty() {
            return match &self.unnamed {
                Unnamed::Kept(statement) => Some(statement),
                Unnamed::None | Unnamed::OnServer => None,
            };
        }
        self.named.get(cut(name)).map(|named| &named.statement)
    }

    /// The primary is asked how far it has come.
    pub(super) fn await_position(&mut self) {
        self.pending.push_back(Pending::Position);
    }

    /// What was sent is sent somewhere else: it has changed nothing.
    pub(super) fn take_back(&mut self) {
        while let Some(pending) = self.pending.pop_back() {
            match pending {
                Pending::Change(Change { name, before, .. }) => drop(self.set(&name, before)),
                Pending::Unnamed(before, _) => self.unnamed = before,
                Pending::Trial(trial) => self.unnamed = trial.before(),
                // They are about the server, which goes.
                Pending::Shape(_)
                | Pending::Prepare(..)
                | Pending::Verify(_)
                | Pending::Evict(_)
                | Pending::Renew
                | Pending::Expose(_)
                | Pending::Use(_)
                | Pending::Placeholder
                | Pending::Answer
                | Pending::Position
                | Pending::Barrier => {},
            }
        }
        self.changing.clear();
        self.changing_unnamed = Unsettled::default();
        self.deallocations.clear();
        self.is_cleared = false;
        self.has_tried = false;
        self.rounds_settled();
    }

    /// Whether anything may be uncertain.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.deallocations.is_empty()
    }
}

/// A name as a server knows it.
fn cut(name: &[u8]) -> &[u8] {
    name.get(..NAME_BYTES_MAX).unwrap_or(name)
}
