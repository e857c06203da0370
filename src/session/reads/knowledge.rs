//! What is known of the statements of one client: by their texts, or as it has parsed them before.

use std::rc::Rc;

use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::tag as frontend;

use crate::pool;
use crate::pool::Statement;
use crate::session::Client;
use crate::session::reads::position;
use crate::session::reads::round;
use crate::session::reads::round::Deed;
use crate::session::reads::round::Facts;
use crate::session::reads::round::Known;
use crate::session::reads::round::split_at_zero;
use crate::session::statements::Statements;
use crate::sql;
use crate::sql::reads::Access;
use crate::sql::reads::KnownFunctions;
use crate::sql::reads::Reads;

/// What is known of the statements of one client.
pub(super) struct Knowledge<'a> {
    pub(super) client: &'a Client,
    pub(super) statements: Option<&'a Statements>,
    pub(super) reads: &'a pool::Reads,
    pub(super) functions: Rc<KnownFunctions>,
}

impl Known for Knowledge<'_> {
    fn text(&self, text: &[u8]) -> Facts {
        self.judge(self.access(text), text)
    }

    fn can_travel(&self, name: &[u8], rest: &[u8]) -> bool {
        let has_room = |known: &Statements| known.has_room_for(name, rest);
        name.is_empty()
            || self.client.pool.statements_max() > 0 && self.statements.is_none_or(has_room)
    }

    fn statement(&self, name: &[u8]) -> Option<Facts> {
        let statement = self.statements?.known(name)?;
        let text = text_of(statement);
        let version = self.client.pool.functions_generation();
        let access = match statement.access.get() {
            Some((known, access)) if known == version => access,
            _ => {
                let access = self.access(text);
                statement.access.set(Some((version, access)));
                access
            },
        };
        Some(self.judge(access, text))
    }
}

impl<'a> Knowledge<'a> {
    pub(super) fn of(
        client: &'a Client,
        statements: Option<&'a Statements>,
        reads: &'a pool::Reads,
    ) -> Self {
        Self {
            client,
            statements,
            reads,
            functions: client.pool.functions(),
        }
    }

    /// Has the database asked for functions that were not known, if there were any.
    pub(super) fn ask_for_missed(&self) {
        if self.functions.has_missed() {
            self.client.pool.missed_function(self.client.now());
        }
    }

    /// A replica has refused a round: every text in it counts as one that writes.
    pub(super) fn refuse(&self, round: &[u8]) {
        for (tag, body) in round::messages(round) {
            match tag {
                frontend::QUERY => self.refuse_text(body.strip_suffix(b"\0").unwrap_or(body)),
                frontend::PARSE => {
                    let rest = split_at_zero(body).map(|(_, rest)| rest);
                    let text = rest.and_then(split_at_zero).map(|(text, _)| text);
                    self.refuse_text(text.unwrap_or_default());
                },
                frontend::BIND => {
                    let bind = Bind::decode(body).ok();
                    let known = |bind: Bind<'_>| self.statements?.known(bind.statement);
                    if let Some(statement) = bind.and_then(known) {
                        self.refuse_text(text_of(statement));
                    }
                },
                _ => {},
            }
        }
    }

    fn refuse_text(&self, text: &[u8]) {
        self.reads.refuse(sql::shape(text));
    }

    fn access(&self, text: &[u8]) -> Access {
        let mut reads = Reads::new();
        reads.feed(text, self.client, &*self.functions);
        reads.finish(&*self.functions)
    }

    /// What tokens do not tell, a replica may have told.
    fn judge(&self, access: Access, text: &[u8]) -> Facts {
        let deed = Deed::of(access.kind, text);
        let wants_lsn = deed == Deed::Reads && position::is_wish(text);
        let is_refused = deed == Deed::Reads && self.reads.is_refused(|| sql::shape(text));
        Facts {
            deed: if wants_lsn {
                // It shows nothing of what is written.
                Deed::Sets
            } else if is_refused {
                Deed::Writes
            } else {
                deed
            },
            hint: access.hint,
            wants_lsn,
            is_single: round::is_one_statement(text),
        }
    }
}

fn text_of(statement: &Statement) -> &[u8] {
    let end = memchr::memchr(0, &statement.rest);
    let end = end.unwrap_or(statement.rest.len());
    statement.rest.get(..end).unwrap_or_default()
}
