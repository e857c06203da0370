//! Whether a text certainly only reads, so that a hot standby may run it with the same result.
//!
//! Doubt is always a write: a read that is taken for a write costs a way to the primary, a write that
//! is taken for a read must not be. The parser that the server has is larger than this; what is
//! asked here is only what can stand at each place. After that of a `SELECT` nothing writes but what is
//! said with the words `INSERT`, `UPDATE`, `DELETE`, `MERGE` and `INTO`, with a locking clause, or
//! by a function; and a function is called where a name stands before a parenthesis. A name that may
//! be something else there (an alias, a type) is asked for all the same, unless the grammar leaves
//! no doubt.
//!
//! Tokens do not tell what an operator, a cast, a type's input, a view, a policy or
//! `row.function` calls. Nor do they tell which function a name without a schema means: what is
//! known of functions says what all of that name do. PostgreSQL's own operators,
//! casts and types call nothing that writes. Where somebody else's do, a hot standby refuses
//! with 25006 (`read_only_sql_transaction`) before anything was written, and the statement can
//! go to the primary. So it does with 0A000 (`feature_not_supported`) for an unlogged table,
//! and for whatever a session runs as `SERIALIZABLE`. What it does not refuse (a setting, a
//! session advisory lock) stays on that server, as it does wherever a function leaves it behind
//! unseen.
//!
//! See "Hot Standby", <https://www.postgresql.org/docs/current/hot-standby.html>.

mod calls;
mod catalog;
mod commands;
mod control;
mod eight;
mod functions;
mod grammar;
mod hint;
mod history;
mod known;
mod node;
mod overrides;
mod reader;
mod reason;
mod words;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use self::catalog::CatalogFunctions;
pub use self::catalog::Declarations;
pub use self::functions::BuiltinFunctions;
pub use self::hint::Hint;
pub use self::known::KnownFunctions;
pub use self::overrides::Overrides;

use self::hint::Beginning;
use self::reader::Reader;
use self::reader::Reading;
use crate::sql::Session;
use crate::sql::lexer::Lexer;

/// What is known of functions.
pub trait Functions {
    /// What every function of this name does. Both names are as the server knows them: folded to
    /// lower case unless they were quoted. Without a schema the `search_path` decides.
    fn effect(&self, schema: Option<&[u8]>, name: &[u8]) -> FunctionEffect;
}

/// What a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionEffect {
    /// It computes, or reads what a hot standby has as well.
    Reads,
    /// It reads what only this server, or this session, has.
    ReadsNode,
    /// It writes, locks, signals, or leaves something behind.
    Writes,
    /// That is not known, which counts as writing.
    Unknown,
}

/// What a text does, all its statements taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// What its tokens tell.
    pub kind: AccessKind,
    /// What the comment at its beginning asks for; it does not change what the tokens tell.
    pub hint: Option<Hint>,
}

/// What a text does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKind {
    /// It certainly only reads: it may run on a hot standby. So may one without statements.
    Reads,
    /// It belongs on the primary, for this reason: the first one, and [`Reason::Node`] only if there
    /// is no other.
    Primary(Reason),
    /// Nothing but the beginning of a transaction block.
    Begin(TransactionModes),
    /// Nothing but `SET TRANSACTION`, of the block that it stands in.
    SetTransaction(TransactionModes),
    /// Nothing but the end of a transaction block, with none behind it.
    EndBlock,
    /// Nothing but another statement about the block: `SAVEPOINT`, `RELEASE`, `ROLLBACK TO`, `COMMIT
    /// AND CHAIN`.
    InBlock,
    /// Nothing but a `SET` or a `RESET`.
    Set,
}

/// What is said of a transaction. Nothing said falls back to what the session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransactionModes {
    /// `READ ONLY`, and nowhere `READ WRITE`.
    pub is_read_only: bool,
    /// `READ WRITE`, which a hot standby refuses.
    pub is_read_write: bool,
    /// `SERIALIZABLE`, which a hot standby refuses.
    pub is_serializable: bool,
}

/// Why a text belongs on the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is no query but another command.
    Command,
    /// `INSERT`, `UPDATE`, `DELETE` or `MERGE` within a query, or a name that is spelt so.
    Modifies,
    /// `INTO`, which makes a table.
    Into,
    /// `FOR UPDATE` and the like.
    Locks,
    /// It calls a function that writes, or may.
    Function,
    /// It calls a function of which nothing is known.
    UnknownFunction,
    /// `EXPLAIN` of something that it runs, or with options that are not known.
    Explain,
    /// `COPY` that does not send to the client.
    Copy,
    /// It names what only this session has: temporary tables.
    Session,
    /// It begins, ends or changes a transaction block or a session, and does something else.
    Mixed,
    /// It writes nothing, but asks for what is another on each server: its activity, its locks, its
    /// place in the WAL.
    Node,
    /// It cannot be told with certainty.
    Doubt,
}

/// Reads the text of a `Query` or a `Parse`, in pieces cut anywhere.
#[derive(Debug)]
pub struct Reads {
    lexer: Lexer,
    reader: Reader,
    beginning: Beginning,
}

impl Reads {
    /// At the beginning of a text.
    pub fn new() -> Self {
        Self {
            lexer: Lexer::new(),
            reader: Reader::new(),
            beginning: Beginning::new(),
        }
    }

    /// Reads the next piece of the text.
    pub fn feed(&mut self, bytes: &[u8], session: &impl Session, functions: &impl Functions) {
        self.beginning.feed(bytes);
        // A part of a character may look like the mark that ends a name.
        if !bytes.is_ascii() && session.has_backslash_in_characters() {
            self.reader.refuse(Reason::Doubt);
        }
        let reader = &mut self.reader;
        self.lexer
            .feed(bytes, session, &mut Reading { reader, functions });
    }

    /// What the whole text does. Nothing more is read.
    pub fn finish(&mut self, functions: &impl Functions) -> Access {
        let reader = &mut self.reader;
        self.lexer.finish(&mut Reading { reader, functions });
        Access {
            kind: self.reader.finish(),
            hint: self.beginning.hint(),
        }
    }
}

impl Default for Reads {
    fn default() -> Self {
        Self::new()
    }
}
