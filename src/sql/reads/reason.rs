//! In words, for an operator: what a text does, and why it belongs on the primary.

use super::AccessKind;
use super::Hint;
use super::Reason;

impl AccessKind {
    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Primary(_) => "writes",
            Self::Begin(_) => "begins",
            Self::SetTransaction(_) => "sets_transaction",
            Self::EndBlock => "ends",
            Self::InBlock => "in_block",
            Self::Set => "sets",
        }
    }

    /// Why, in a few words.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Reads => "it only reads",
            Self::Primary(reason) => reason.as_str(),
            Self::Begin(modes) if modes.is_serializable => {
                "it begins a SERIALIZABLE transaction block, which a standby refuses"
            },
            Self::Begin(modes) if modes.is_read_only => {
                "it begins a transaction block that only reads"
            },
            Self::Begin(_) => "it begins a transaction block that does not say READ ONLY",
            Self::SetTransaction(_) => "it sets the modes of a transaction block",
            Self::EndBlock => "it ends a transaction block",
            Self::InBlock => "it belongs into a transaction block",
            Self::Set => "it sets a parameter",
        }
    }
}

impl Reason {
    /// In a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "it is no query but another command",
            Self::Modifies => "it holds INSERT, UPDATE, DELETE or MERGE",
            Self::Into => "INTO makes a table",
            Self::Locks => "it locks rows",
            Self::Function => "it calls a function that writes, or may",
            Self::UnknownFunction => "it calls a function of which nothing is known",
            Self::Explain => "EXPLAIN runs it, or has options that are not known",
            Self::Copy => "it is a COPY that does not send to the client",
            Self::Session => "it names what only its session has",
            Self::Mixed => {
                "it begins, ends or changes a block or a session and does something else"
            },
            Self::Node => "it asks for what is another on each server",
            Self::Doubt => "it cannot be told with certainty what it does",
        }
    }
}

impl Hint {
    /// The word of the comment.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Auto => "auto",
        }
    }
}
