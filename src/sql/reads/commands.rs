//! Statements that are no queries by themselves: what they are, and the queries in some of them.

use super::AccessKind;
use super::Reason;
use super::node;
use super::reader::MODIFYING;
use super::reader::Place;
use super::reader::QUERIES;
use super::reader::Reader;
use crate::sql::keywords::is;
use crate::sql::keywords::is_one_of;

impl Reader {
    /// A word where something else than a query is read.
    pub(super) fn other_word(&mut self, word: &[u8]) {
        match self.place {
            Place::Start => self.begin(word),
            Place::Query | Place::Rest => {},
            Place::Explain | Place::ExplainOpen if is_one_of(word, &QUERIES) => {
                self.begin_query(word);
            },
            Place::Explain if is(word, "verbose") => {},
            Place::Explain if is_one_of(word, &ANALYZING) => self.refuse(Reason::Explain),
            Place::Explain => self.refuse(Reason::Command),
            Place::ExplainOpen | Place::ExplainOptions if is_one_of(word, &EXPLAIN_OPTIONS) => {
                self.place = Place::ExplainOptions;
            },
            Place::ExplainOpen | Place::ExplainOptions => self.refuse(Reason::Explain),
            Place::Copy | Place::CopyTable => self.copy_word(word),
            Place::CopyTo if is(word, "stdout") => {
                self.copies = false;
                self.place = Place::Rest;
            },
            Place::CopyTo => self.refuse(Reason::Copy),
            Place::Show => self.show(word),
            Place::Set => self.set(word),
            Place::Modes { .. } if self.modes.word(word) => {},
            Place::Modes { .. } => self.refuse(Reason::Doubt),
            Place::BlockEnd => self.end = self.end.word(word),
        }
    }

    /// The first word of a statement, or of a query in parentheses.
    fn begin(&mut self, word: &[u8]) {
        if is_one_of(word, &QUERIES) {
            return self.begin_query(word);
        }
        if self.depth > 0 {
            let modifies = is_one_of(word, &MODIFYING);
            return self.refuse(if modifies {
                Reason::Modifies
            } else {
                Reason::Doubt
            });
        }
        self.place = match word {
            word if is(word, "explain") => Place::Explain,
            word if is(word, "copy") => Place::Copy,
            word if is(word, "show") => Place::Show,
            word if is_one_of(word, &["begin", "start"]) => Place::Modes { begins: true },
            word if is(word, "set") => Place::Set,
            word if is_one_of(word, &["abort", "commit", "end", "rollback"]) => Place::BlockEnd,
            word if is(word, "reset") => {
                self.kind = AccessKind::Set;
                Place::Rest
            },
            word if is_one_of(word, &["release", "savepoint"]) => {
                self.kind = AccessKind::InBlock;
                Place::Rest
            },
            _ => return self.refuse(Reason::Command),
        };
        self.copies = self.place == Place::Copy;
    }

    fn begin_query(&mut self, word: &[u8]) {
        self.place = Place::Query;
        if is(word, "with") {
            self.is_in_with |= self.bit();
        }
    }

    fn copy_word(&mut self, word: &[u8]) {
        self.place = match word {
            _ if self.depth > 0 || self.place == Place::Copy => Place::CopyTable,
            word if is(word, "to") => Place::CopyTo,
            word if is(word, "from") => return self.refuse(Reason::Copy),
            _ => Place::CopyTable,
        };
        self.relation(word, true);
    }

    pub(super) fn behind_copied_query(&mut self, word: &[u8]) {
        if is(word, "to") {
            self.place = Place::CopyTo;
        } else {
            self.refuse(Reason::Doubt);
        }
    }

    fn show(&mut self, word: &[u8]) {
        let mut name = [0; 32];
        if let Some(name) = name.get_mut(..word.len()) {
            name.copy_from_slice(word);
            name.make_ascii_lowercase();
            self.is_of_node |= node::is_parameter_of_node(name);
        }
        self.place = Place::Rest;
    }

    fn set(&mut self, word: &[u8]) {
        if is_one_of(word, &["local", "session"]) && !self.history.is_word(0, "session") {
            return;
        }
        self.place = if is(word, "transaction") {
            Place::Modes { begins: false }
        } else if is(word, "constraints") {
            return self.refuse(Reason::Command);
        } else {
            self.kind = AccessKind::Set;
            Place::Rest
        };
    }

    pub(super) fn other_mark(&mut self, mark: u8) {
        match self.place {
            Place::Query | Place::Rest | Place::CopyTable => {},
            Place::ExplainOptions | Place::Modes { .. } if mark == b',' => {},
            Place::Start
            | Place::Explain
            | Place::ExplainOpen
            | Place::ExplainOptions
            | Place::Copy
            | Place::CopyTo
            | Place::Show
            | Place::Set
            | Place::Modes { .. }
            | Place::BlockEnd => self.refuse(Reason::Doubt),
        }
    }
}

const ANALYZING: [&str; 2] = ["analyze", "analyse"];

/// Options of `EXPLAIN` that do not make it run what it explains, and their values.
#[rustfmt::skip] // Options, then values.
const EXPLAIN_OPTIONS: [&str; 19] = [
    "verbose", "costs", "settings", "generic_plan", "buffers", "wal", "timing", "summary", "memory", "format",
    "on", "off", "true", "false", "text", "json", "xml", "yaml", "none",
];
