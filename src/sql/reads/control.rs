//! Statements about transaction blocks: what they say of the transaction, and whether they end it.
//!
//! See <https://www.postgresql.org/docs/current/sql-begin.html> and its neighbours.

use super::AccessKind;
use super::Reason;
use super::TransactionModes;
use crate::sql::keywords::is;
use crate::sql::keywords::is_one_of;

/// The modes of a transaction, while they are read.
#[derive(Debug, Default)]
pub(super) struct Modes {
    /// The word before was `READ`.
    is_behind_read: bool,
    is_read_only: bool,
    is_read_write: bool,
    is_serializable: bool,
}

/// What else the words of modes are.
const OF_MODES: [&str; 11] = [
    "work",
    "transaction",
    "isolation",
    "level",
    "serializable",
    "repeatable",
    "committed",
    "uncommitted",
    "not",
    "deferrable",
    "read",
];

impl Modes {
    /// The next word; false if it says something else.
    pub(super) fn word(&mut self, word: &[u8]) -> bool {
        let is_behind_read = std::mem::replace(&mut self.is_behind_read, is(word, "read"));
        self.is_read_only |= is_behind_read && is(word, "only");
        self.is_read_write |= is_behind_read && is(word, "write");
        self.is_serializable |= is(word, "serializable");
        is_one_of(word, &OF_MODES) || is_behind_read && is_one_of(word, &["only", "write"])
    }

    pub(super) fn finish(&self) -> TransactionModes {
        TransactionModes {
            is_read_only: self.is_read_only && !self.is_read_write,
            is_read_write: self.is_read_write,
            is_serializable: self.is_serializable,
        }
    }
}

/// The end of a block, while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum End {
    /// Nothing behind it.
    #[default]
    Plain,
    /// Behind `AND NO`.
    Not,
    /// `TO`: to a savepoint; or `AND CHAIN`.
    GoesOn,
    /// `PREPARED`: another transaction's.
    Prepared,
    /// Something else.
    Unclear,
}

impl End {
    pub(super) fn word(self, word: &[u8]) -> Self {
        match self {
            Self::Plain if is_one_of(word, &["work", "transaction", "and"]) => Self::Plain,
            Self::Plain if is(word, "no") => Self::Not,
            Self::Plain if is_one_of(word, &["to", "chain"]) => Self::GoesOn,
            Self::Plain if is(word, "prepared") => Self::Prepared,
            Self::Not if is(word, "chain") => Self::Plain,
            // The name of a savepoint.
            Self::GoesOn => Self::GoesOn,
            Self::Plain | Self::Not | Self::Prepared | Self::Unclear => Self::Unclear,
        }
    }

    pub(super) fn finish(self) -> AccessKind {
        match self {
            Self::Plain => AccessKind::EndBlock,
            Self::GoesOn => AccessKind::InBlock,
            Self::Prepared => AccessKind::Primary(Reason::Command),
            Self::Not | Self::Unclear => AccessKind::Primary(Reason::Doubt),
        }
    }
}
