//! What becomes of a client's messages that name a statement, on the way to a server that has its
//! own names.
//!
//! | message | what a server gets |
//! | --- | --- |
//! | `Parse` of a name | the same under a new name of the pooler's, and a `Describe` |
//! | `Bind`, `Describe` of a name | the same under the pooler's name; if the server does not have the statement, that is parsed and described first, and the message waits for the answer |
//! | `Close` of a name | the same: the server knows no such name, and says that it is closed |
//! | `Bind`, `Describe` of the unnamed statement | the same; if the server has another, `Parse` first |
//! | a round of one unnamed statement, where these are shared | see `trial.rs` |
//! | anything with a name that the client has not given | the same: the server's complaint is right |
//!
//! So each message is answered by the server itself, and no reply is made up.

use std::rc::Rc;

use tidegate_proto::backend::tag as backend;
use tidegate_proto::error::Violation;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::tag as frontend;

use crate::pool;
use crate::pool::Server;
use crate::pool::Statement;
use crate::session::Client;
use crate::session::relay::Edits;
use crate::session::relay::Message;
use crate::session::relay::Step;
use crate::session::statements::Change;
use crate::session::statements::NAME_BYTES_MAX;
use crate::session::statements::Named;
use crate::session::statements::Parsing;
use crate::session::statements::Pending;
use crate::session::statements::Statements;
use crate::session::statements::Unnamed;
use crate::session::statements::cut;
use crate::session::statements::wire::Injection;
use crate::session::statements::wire::Name;
use crate::session::statements::wire::put;
use crate::session::statements::wire::put_header;
use crate::sql::Leaves;

/// A message that is on its way, and everything that it may change.
pub(in crate::session) struct Translation<'a, 'b> {
    pub(in crate::session) client: &'a Client,
    pub(in crate::session) statements: &'a mut Statements,
    pub(in crate::session) server: &'a mut Server,
    pub(in crate::session) message: &'a Message<'b>,
    pub(in crate::session) edits: &'a mut Edits<'b>,
    /// The client has changed settings, and the server was not asked yet what became of it.
    pub(in crate::session) are_settings_open: bool,
}

/// What a message that uses a statement comes to.
#[derive(Debug)]
pub(in crate::session) struct Used {
    pub(in crate::session) step: Step,
    /// The statement, if it is the client's.
    pub(in crate::session) statement: Option<Rc<Statement>>,
    /// The server was told names of the client's.
    pub(in crate::session) is_exposed: bool,
}

impl Used {
    const fn without_statement(step: Step) -> Self {
        Self {
            step,
            statement: None,
            is_exposed: false,
        }
    }
}

impl Translation<'_, '_> {
    /// A `Parse` that is there whole: `None` if its statement cannot be taken to other servers.
    pub(in crate::session) fn parse(
        &mut self,
        has_names_of_sql: bool,
        leaves: impl FnOnce() -> Rc<Leaves>,
    ) -> Result<Option<Step>, Violation> {
        let Some((name, rest)) = split_at_zero(self.message.body) else {
            return Ok(Some(Step::Forward));
        };
        if name.is_empty() {
            self.parse_unnamed(rest, leaves);
            return Ok(Some(Step::Mark));
        }
        let name = cut(name);
        if self.statements.named.contains_key(name) {
            return self.parse_again(name).map(Some);
        }
        // A name that SQL has given is known to the server alone.
        if has_names_of_sql || !self.statements.has_room_for(name, rest) {
            return Ok(None);
        }
        let named = self.make(rest, leaves);
        self.parse_named(name, named).map(Some)
    }

    /// A `Parse` of a name that goes to the server as it is: it must not take a name that the client
    /// has given already.
    pub(in crate::session) fn parse_as_it_is(&mut self) -> Result<Step, Violation> {
        let Some((name, _)) = split_at_zero(self.message.body) else {
            let is_all = self.message.is_whole() || self.message.body.len() > NAMES_BYTES_MAX;
            return Ok(if is_all {
                Step::Forward
            } else {
                Step::NeedMore
            });
        };
        let name = cut(name);
        if self.statements.named.contains_key(name) {
            return self.parse_again(name);
        }
        Ok(Step::Forward)
    }

    fn make(&self, rest: &[u8], leaves: impl FnOnce() -> Rc<Leaves>) -> Named {
        let settings = self.client.settings();
        let mut statements = self.server.pool.statements.borrow_mut();
        let known = statements.find(rest, &settings);
        let leaves = known.map_or_else(leaves, |known| Rc::clone(&known.leaves));
        let settings = (!self.are_settings_open).then_some(&settings);
        Named {
            statement: statements.make(rest, settings, leaves),
            epoch: statements.epoch(),
        }
    }

    fn parse_unnamed(&mut self, rest: &[u8], leaves: impl FnOnce() -> Rc<Leaves>) {
        let settings = self.client.settings();
        let mut statements = self.server.pool.statements.borrow_mut();
        let settings = (!self.are_settings_open).then_some(&settings);
        let found = settings.and_then(|settings| statements.find_unnamed(rest, settings));
        let found = found.map(Rc::clone);
        let statement = found.unwrap_or_else(|| {
            let made = statements.make(rest, settings, leaves());
            statements.keep(&made);
            made
        });
        self.server.prepared.unnamed = pool::Unnamed::Is(statement.id);
        let pending = self.statements.replace_unnamed(Unnamed::Kept(statement));
        self.statements.await_unnamed(pending);
    }

    fn parse_named(&mut self, name: &[u8], named: Named) -> Result<Step, Violation> {
        let at = self.message.at;
        let count_max = self.count_max();
        self.server.prepared.make_room(count_max);
        let number = self.server.prepared.next_number();
        let mut injection = Injection {
            server: &mut *self.server,
            out: self.edits.before(at),
        };
        injection.closes(self.statements)?;
        let own = injection.name(number);
        let old_bytes = self.message.name_bytes();
        put_header(
            injection.out,
            frontend::PARSE,
            self.message.body_bytes - old_bytes + own.len(),
        );
        injection.out.extend_from_slice(&own);
        self.edits.skip_to(at + FRAME_HEADER_BYTES + old_bytes);
        let ledger = &mut self.server.ledger;
        ledger.sent_marked(frontend::PARSE, Owner::Client)?;
        let end = at + FRAME_HEADER_BYTES + self.message.body_bytes;
        let mut injection = Injection {
            server: &mut *self.server,
            out: self.edits.before(end),
        };
        injection.describe(&own)?;
        self.server
            .prepared
            .insert(&named.statement, number, named.epoch);
        self.statements.change(name, Some(named.clone()), number);
        self.statements.pending.push_back(Pending::Shape(Parsing {
            name: name.into(),
            named,
            number,
        }));
        Ok(Step::Booked)
    }

    /// A `Bind`: `None` if more of it is needed to see both names.
    pub(in crate::session) fn bind(&mut self, is_stale: bool) -> Result<Option<Used>, Violation> {
        let Ok(bind) = Bind::decode(self.message.body) else {
            return Ok(None);
        };
        self.using(bind.portal.len() + 1, bind.statement, is_stale)
            .map(Some)
    }

    /// A `Describe` of a statement.
    pub(in crate::session) fn describe(&mut self, is_stale: bool) -> Result<Used, Violation> {
        let name = self.message.body.get(1..).and_then(split_at_zero);
        match name {
            Some((name, _)) => self.using(1, name, is_stale),
            None => Ok(Used::without_statement(Step::Forward)),
        }
    }

    /// A message that uses a statement, whose name stands `before` bytes into the body.
    fn using(&mut self, before: usize, name: &[u8], is_stale: bool) -> Result<Used, Violation> {
        if name.is_empty() {
            return self.using_unnamed();
        }
        let Some(named) = self.statements.named.get(cut(name)).cloned() else {
            return Ok(Used::without_statement(Step::Forward));
        };
        if is_stale {
            self.injection().fail()?;
            return Ok(Used::without_statement(Step::ForwardAfterFailure));
        }
        let known = self.server.prepared.look_up(&named.statement);
        let Some(known) = known.filter(|known| known.epoch >= named.epoch) else {
            self.prepare(&named.statement)?;
            return Ok(Used::without_statement(Step::Wait));
        };
        let mentions = &named.statement.leaves.mentions;
        if self.statements.are_uncertain(mentions) {
            return self.wait().map(Used::without_statement);
        }
        let is_exposed = self.expose(mentions)?;
        let at = self.message.at;
        let own = Name::new(self.server.pool.home.statement_prefix(), known.number);
        let body_bytes = self.message.body_bytes - (name.len() + 1) + own.len();
        let out = self.edits.before(at);
        put_header(out, self.message.tag, body_bytes);
        let fore = self.message.body.get(..before).unwrap_or_default();
        out.extend_from_slice(fore);
        out.extend_from_slice(&own);
        self.edits
            .skip_to(at + FRAME_HEADER_BYTES + before + name.len() + 1);
        let mut step = Step::Forward;
        if self.statements.has_namesakes || name.len() > NAME_BYTES_MAX {
            let pending = &mut self.statements.pending;
            pending.push_back(Pending::Use(name.into()));
            step = Step::Mark;
        }
        Ok(Used {
            step,
            statement: Some(named.statement),
            is_exposed,
        })
    }

    fn using_unnamed(&mut self) -> Result<Used, Violation> {
        let on_server = self.server.prepared.unnamed;
        let mut used = None;
        let mut is_exposed = false;
        match &self.statements.unnamed {
            Unnamed::OnServer => {},
            Unnamed::Kept(statement) => {
                let statement = Rc::clone(statement);
                if self.statements.are_uncertain(&statement.leaves.mentions) {
                    return self.wait().map(Used::without_statement);
                }
                used = Some(Rc::clone(&statement));
                is_exposed = self.expose(&statement.leaves.mentions)?;
                if on_server != pool::Unnamed::Is(statement.id) {
                    self.under_its_settings(&statement, |injection| {
                        injection.parse(b"\0", &statement.rest)
                    })?;
                    self.server.prepared.unnamed = pool::Unnamed::Is(statement.id);
                    self.statements.await_unnamed(Pending::Renew);
                }
            },
            // What is there is another client's.
            Unnamed::None if on_server == pool::Unnamed::None => {},
            Unnamed::None => {
                self.injection().close_unnamed()?;
                self.server.prepared.unnamed = pool::Unnamed::None;
                self.statements.await_unnamed(Pending::Renew);
            },
        }
        Ok(Used {
            step: Step::Forward,
            statement: used,
            is_exposed,
        })
    }

    /// Prepares a statement on a server that does not have it, or has it from too long ago.
    fn prepare(&mut self, statement: &Rc<Statement>) -> Result<(), Violation> {
        let count_max = self.count_max();
        let prepared = &mut self.server.prepared;
        prepared.close(statement);
        prepared.make_room(count_max);
        let number = prepared.next_number();
        let epoch = self.server.pool.statements.borrow().epoch();
        prepared.insert(statement, number, epoch);
        let mut injection = Injection {
            server: &mut *self.server,
            out: self.edits.before(self.message.at),
        };
        injection.closes(self.statements)?;
        let pending = &mut self.statements.pending;
        pending.push_back(Pending::Prepare(Rc::clone(statement), number));
        pending.push_back(Pending::Verify(Rc::clone(statement)));
        let name = injection.name(number);
        self.under_its_settings(statement, |injection| {
            injection.parse(&name, &statement.rest)?;
            injection.describe(&name)
        })?;
        self.injection().flush()?;
        self.client
            .pool
            .counters
            .add(crate::telemetry::Count::ServerParses, 1);
        Ok(())
    }

    /// Does something under the settings that a statement was parsed under.
    fn under_its_settings(
        &mut self,
        statement: &Statement,
        work: impl FnOnce(&mut Injection<'_>) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let current = self.client.settings();
        let mut injection = self.injection();
        let own = statement.settings.as_ref();
        let own = own.filter(|own| !own.mean_the_same_as(&current));
        // More settings than a client may have are no client's.
        let own = own.and_then(|own| own.with_what_plans_follow(&current).ok());
        let Some(own) = own else {
            return work(&mut injection);
        };
        for command in current.commands(&own) {
            injection.run(&command)?;
        }
        work(&mut injection)?;
        for command in own.commands(&current) {
            injection.run(&command)?;
        }
        Ok(())
    }

    /// A `Close` of a statement.
    pub(in crate::session) fn close(&mut self) -> Step {
        let name = self.message.body.get(1..).and_then(split_at_zero);
        let Some((name, _)) = name else {
            return Step::Forward;
        };
        if name.is_empty() {
            self.server.prepared.unnamed = pool::Unnamed::None;
            let pending = self.statements.replace_unnamed(Unnamed::None);
            self.statements.await_unnamed(pending);
            return Step::Mark;
        }
        let name = cut(name);
        self.statements.hide(name);
        let is_known = self.statements.named.contains_key(name);
        if !is_known && !self.statements.changing.contains_key(name) {
            return Step::Forward;
        }
        self.statements.change(name, None, 0);
        Step::Mark
    }

    pub(super) fn injection(&mut self) -> Injection<'_> {
        Injection {
            server: &mut *self.server,
            out: self.edits.before(self.message.at),
        }
    }

    /// Holds the client's messages until the server has answered all that it was sent.
    pub(in crate::session) fn wait(&mut self) -> Result<Step, Violation> {
        self.statements.pending.push_back(Pending::Barrier);
        self.injection().barrier()?;
        Ok(Step::Wait)
    }

    pub(super) fn count_max(&self) -> usize {
        self.client.pool.statements_max()
    }
}

impl Statements {
    /// A `Query` drops the unnamed statement.
    pub(in crate::session) fn drop_unnamed(&mut self) {
        drop(self.replace_unnamed(Unnamed::None));
    }

    /// The unnamed statement is too long to be kept, if it comes to one.
    pub(in crate::session) fn leave_unnamed(&mut self, server: &mut Server) {
        let pending = self.replace_unnamed(Unnamed::OnServer);
        self.await_unnamed(pending);
        server.prepared.unnamed = pool::Unnamed::Unknown;
    }

    /// An `ErrorResponse` that names a statement as this client does; `None` if it names none.
    /// `is_marked` if it answers the first pending message.
    pub(in crate::session) fn in_own_words(
        &self,
        server: &Server,
        body: &[u8],
        is_marked: bool,
    ) -> Option<Vec<u8>> {
        let prefix = server.pool.home.statement_prefix().as_bytes();
        let at = body
            .windows(prefix.len())
            .position(|window| window == prefix)?;
        let rest = body.get(at + prefix.len()..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number: u32 = std::str::from_utf8(rest.get(..digits)?)
            .ok()?
            .parse()
            .ok()?;
        let pending = self.pending.front().filter(|_| is_marked);
        let name = match pending {
            Some(Pending::Trial(_)) => &Box::default(),
            Some(Pending::Use(name) | Pending::Change(Change { name, .. })) => name,
            _ => self.named.iter().find_map(|(name, named)| {
                let known = server.prepared.peek(&named.statement)?;
                (known.number == number).then_some(name)
            })?,
        };
        let own = [body.get(..at)?, name, rest.get(digits..)?].concat();
        let mut message = Vec::new();
        put(&mut message, backend::ERROR_RESPONSE, &[&own]);
        Some(message)
    }
}

/// A name ends within so many bytes, or is none.
const NAMES_BYTES_MAX: usize = tidegate_proto::limits::SMALL_MESSAGE_BYTES_MAX as usize;

pub(super) fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}
