//! The parameter that a `SET` or a `RESET` names.
//!
//! See <https://www.postgresql.org/docs/current/sql-set.html>.

use crate::sql::keywords::is;
use crate::sql::lexer::WORD_BYTES;
use crate::sql::state_effects::Touch;

/// Names are read up to this many bytes: two of PostgreSQL's, and the dot between them.
pub(super) const NAME_BYTES_MAX: usize = 127;

/// A parameter, while its statement is read.
#[derive(Debug, Default)]
pub(super) struct Parameter {
    name: String,
    is_broken: bool,
    is_reset: bool,
    part: Part,
}

/// First words with a grammar of their own, the parameter that each means, and what follows:
/// `ZONE` and `OPTION` come before the value.
const SPECIAL: [(&str, &str, Part); 5] = [
    ("names", "client_encoding", Part::Value),
    ("role", "role", Part::Value),
    ("schema", "search_path", Part::Value),
    ("time", "TimeZone", Part::Name),
    ("xml", "xmloption", Part::Name),
];

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    /// A dot, or what ends the name.
    #[default]
    Name,
    /// The word behind a dot of the name.
    Behind,
    /// The first word of the value.
    Value,
    /// Nothing that matters.
    Rest,
}

impl Parameter {
    /// The first word behind `SET` or `RESET`.
    pub(super) fn begin(word: &[u8], is_name: bool, is_reset: bool) -> Self {
        let special = SPECIAL
            .iter()
            .find(|(first, ..)| is(word, first) && !is_name);
        let (name, part) = special.map_or((word, Part::Name), |(_, name, part)| {
            (name.as_bytes(), *part)
        });
        let mut parameter = Self {
            is_reset,
            part,
            ..Self::default()
        };
        parameter.push(name);
        parameter
    }

    pub(super) fn word(&mut self, word: &[u8], is_name: bool) {
        self.part = match self.part {
            Part::Behind => {
                self.push(word);
                Part::Name
            },
            // `TO`, `ZONE`, `OPTION`.
            Part::Name => Part::Value,
            Part::Value => {
                self.is_reset |= is(word, "default") && !is_name;
                // The time zone of the server.
                self.is_reset |= is(word, "local") && !is_name && self.name == "TimeZone";
                Part::Rest
            },
            Part::Rest => Part::Rest,
        };
    }

    pub(super) fn mark(&mut self, mark: u8) {
        self.part = match (self.part, mark) {
            (Part::Name, b'.') => {
                self.push(b".");
                Part::Behind
            },
            (Part::Name, b'=') => Part::Value,
            (Part::Behind, _) => {
                self.is_broken = true;
                Part::Rest
            },
            (Part::Name | Part::Value, _) => Part::Rest,
            (Part::Rest, _) => Part::Rest,
        };
    }

    /// What the statement may have changed; `None` if that cannot be told.
    pub(super) fn finish(self) -> Option<Touch> {
        let is_named = !self.is_broken && self.part != Part::Behind;
        is_named.then(|| Touch {
            name: self.name.into(),
            is_reset: self.is_reset,
        })
    }

    fn push(&mut self, word: &[u8]) {
        match std::str::from_utf8(word) {
            // A longer word was cut.
            Ok(word) if word.len() < WORD_BYTES && self.name.len() < NAME_BYTES_MAX => {
                self.name.push_str(word);
            },
            _ => self.is_broken = true,
        }
    }
}
