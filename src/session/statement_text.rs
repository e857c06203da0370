//! Reads the bodies of a client's `Query` and `Parse` messages as they pass, in pieces cut anywhere:
//! how a statement is named, and what its text leaves behind in the server's session.

use crate::session::Client;
use crate::sql;
use crate::sql::Leaves;
use crate::sql::StateEffects;

/// A body that is being read.
#[derive(Debug)]
pub(super) struct StatementText {
    part: Part,
    effects: StateEffects,
    is_named: bool,
    /// It is that of a `Query`.
    pub(super) is_query: bool,
}

/// What comes next in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The name of the statement, in a `Parse`.
    Name,
    Text,
    /// The types of its parameters.
    Rest,
}

/// What a body came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Whether it has a name of the client's own.
    pub(super) is_named: bool,
    /// What it leaves behind.
    pub(super) leaves: Leaves,
}

impl StatementText {
    /// At the beginning of the body of a `Query`.
    pub(super) fn query() -> Self {
        Self {
            part: Part::Text,
            effects: StateEffects::new(),
            is_named: false,
            is_query: true,
        }
    }

    /// At the beginning of the body of a `Parse`.
    pub(super) fn parse() -> Self {
        Self {
            part: Part::Name,
            is_query: false,
            ..Self::query()
        }
    }

    /// Reads the next piece.
    pub(super) fn feed(&mut self, piece: &[u8], client: &Client) {
        let mut rest = piece;
        while !rest.is_empty() && self.part != Part::Rest {
            let end = memchr::memchr(0, rest);
            let (read, after) = rest.split_at(end.unwrap_or(rest.len()));
            let ended = end.is_some();
            match self.part {
                Part::Name => {
                    self.is_named |= !read.is_empty();
                    self.part = if ended { Part::Text } else { Part::Name };
                },
                Part::Text => {
                    self.effects.feed(read, client);
                    self.part = if ended { Part::Rest } else { Part::Text };
                },
                Part::Rest => {},
            }
            rest = after.get(1..).unwrap_or_default();
        }
    }

    /// What the whole body came to.
    pub(super) fn finish(&mut self, client: &Client) -> Statement {
        Statement {
            is_named: self.is_named,
            leaves: self.effects.finish(client),
        }
    }
}

impl sql::Session for Client {
    fn is_reported(&self, name: &str) -> bool {
        self.pool.welcomes.borrow().reports(name)
    }

    fn has_backslash_escapes(&self) -> bool {
        self.reported_value("standard_conforming_strings", |value| value == "off")
    }

    fn has_backslash_in_characters(&self) -> bool {
        const ENCODINGS: [&str; 7] = [
            "BIG5",
            "GB18030",
            "GBK",
            "JOHAB",
            "SHIFT_JIS_2004",
            "SJIS",
            "UHC",
        ];
        self.reported_value("client_encoding", |value| {
            ENCODINGS
                .iter()
                .any(|encoding| value.eq_ignore_ascii_case(encoding))
        })
    }
}
