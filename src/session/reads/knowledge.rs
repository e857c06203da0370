//! What is known of the statements of one client: by their texts, or as it has parsed them before.

use std::rc::Rc;

use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::tag as frontend;

use crate::pool;
use crate::pool::Statement;
use crate::session::Client;
use crate::session::reads::beginning::beginning_of;
use crate::session::reads::beginning::behind_beginning;
use crate::session::reads::beginning::deed_of_text;
use crate::session::reads::beginning::ends_first;
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
        for text in self.texts(round) {
            self.reads.refuse(sql::shape(text));
        }
    }

    /// Whether a block that began with a text that does this wrote later.
    fn precedes_writes(&self, deed: Deed, text: &[u8]) -> bool {
        let reads = matches!(deed, Deed::Reads | Deed::BeginsReads);
        let shape = || sql::shape(behind_beginning(deed, text));
        reads && self.reads.precedes_writes(shape)
    }

    /// The texts of a round, each by its own name if it was parsed before.
    fn texts<'b>(&'b self, round: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
        round::messages(round).filter_map(|(tag, body)| match tag {
            frontend::QUERY => body.strip_suffix(b"\0"),
            frontend::PARSE => {
                let (_, rest) = split_at_zero(body)?;
                split_at_zero(rest).map(|(text, _)| text)
            },
            frontend::BIND => {
                let name = Bind::decode(body).ok()?.statement;
                self.statements?.known(name).map(|known| text_of(known))
            },
            _ => None,
        })
    }

    /// What begins a transaction block, of a round that does that first.
    pub(super) fn beginning(&self, round: &[u8]) -> Option<Vec<u8>> {
        let text = self.texts(round).next()?;
        Some(beginning_of(text).to_vec())
    }

    /// The shapes of what a round reads.
    pub(super) fn shapes_of_reads(&self, round: &[u8]) -> Vec<u64> {
        let shape = |text| {
            let deed = self.text(text).deed;
            let reads = matches!(deed, Deed::Reads | Deed::BeginsReads);
            reads.then(|| sql::shape(behind_beginning(deed, text)))
        };
        let mut shapes: Vec<u64> = self.texts(round).filter_map(shape).collect();
        shapes.dedup();
        shapes
    }

    fn access(&self, text: &[u8]) -> Access {
        let mut reads = Reads::new();
        reads.feed(text, self.client, &*self.functions);
        reads.finish(&*self.functions)
    }

    /// What tokens do not tell, a replica may have told.
    fn judge(&self, access: Access, text: &[u8]) -> Facts {
        let deed = deed_of_text(access.kind, text, |part| self.access(part).kind);
        let wants_lsn = deed == Deed::Reads && position::is_wish(text);
        let reads = matches!(deed, Deed::Reads | Deed::BeginsReads);
        let is_refused = reads && self.reads.is_refused(|| sql::shape(text));
        Facts {
            deed: if wants_lsn {
                // It shows nothing of what is written.
                Deed::Sets
            } else if is_refused && deed == Deed::Reads {
                Deed::Writes
            } else if is_refused {
                Deed::Unclear
            } else {
                deed
            },
            hint: access.hint,
            wants_lsn,
            is_single: round::is_one_statement(text),
            ends_first: ends_first(deed, text, self.client),
            precedes_writes: self.precedes_writes(deed, text),
        }
    }
}

fn text_of(statement: &Statement) -> &[u8] {
    let end = memchr::memchr(0, &statement.rest);
    let end = end.unwrap_or(statement.rest.len());
    statement.rest.get(..end).unwrap_or_default()
}
