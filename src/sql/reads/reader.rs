//! Follows the statements of a text, token by token.

use super::AccessKind;
use super::FunctionEffect;
use super::Functions;
use super::Reason;
use super::calls;
use super::calls::Opening;
use super::control::End;
use super::control::Modes;
use super::history::History;
use super::history::Seen;
use super::node;
use super::node::Relation;
use crate::sql::keywords::Filter;
use crate::sql::keywords::is;
use crate::sql::keywords::is_one_of;
use crate::sql::lexer::Sink;
use crate::sql::lexer::Token;

/// Deeper parentheses are not followed.
const DEPTH_MAX: u32 = 64;

/// Where in a statement the reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the first word of a statement, or of a query in parentheses.
    Start,
    Query,
    /// Behind `EXPLAIN`.
    Explain,
    /// Behind its first parenthesis: of options or of a query.
    ExplainOpen,
    ExplainOptions,
    /// Behind `COPY`.
    Copy,
    /// Behind the beginning of its table's name.
    CopyTable,
    /// Behind its `TO`.
    CopyTo,
    Show,
    Set,
    /// `BEGIN`, `START`, `SET TRANSACTION`.
    Modes {
        begins: bool,
    },
    BlockEnd,
    /// Nothing more of this statement matters.
    Rest,
}

/// Reads the tokens of one text.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) place: Place,
    /// What the statement does, if that is not told by its place.
    pub(super) kind: AccessKind,
    /// What the statements before did.
    pub(super) before: Option<AccessKind>,
    pub(super) refusal: Option<Reason>,
    pub(super) is_of_node: bool,
    /// Is a `COPY` that has not been seen to send to the client.
    pub(super) copies: bool,
    /// `AS` must follow.
    pub(super) expects_as: bool,
    pub(super) history: History,
    /// Open parentheses, and by their number: whether common table expressions are listed there,
    pub(super) depth: u32,
    pub(super) is_in_with: u64,
    /// whether they hold the columns of one,
    pub(super) columns: u64,
    /// whether an expression may begin behind them.
    pub(super) prefixes: u64,
    pub(super) modes: Modes,
    pub(super) end: End,
}

/// A reader, and what is known of functions.
pub(super) struct Reading<'a, F> {
    pub(super) reader: &'a mut Reader,
    pub(super) functions: &'a F,
}

impl<F: Functions> Sink for Reading<'_, F> {
    #[inline]
    fn token(&mut self, token: Token<'_>) {
        match token {
            Token::Word(word) => self.word(word),
            Token::Mark(mark) => self.mark(mark),
            // Nothing makes a write a read again.
            _ if self.reader.refusal.is_some() => {},
            Token::Name(name) => self.reader.name(name),
            Token::Doubt => self.reader.refuse(Reason::Doubt),
            Token::TextWord(_) | Token::TextMark(_) => {},
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "measured: a seventh of all that it takes to tell a read"
    )]
    #[inline(always)]
    fn word(&mut self, word: &[u8]) {
        if self.reader.refusal.is_none() {
            self.reader.word(word);
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "measured: a seventh of all that it takes to tell a read"
    )]
    #[inline(always)]
    fn mark(&mut self, mark: u8) {
        if self.reader.refusal.is_some() {
            return;
        }
        match mark {
            b'(' => self.reader.open(self.functions),
            mark => self.reader.mark(mark),
        }
    }

    fn reads_texts(&self) -> bool {
        false
    }

    #[inline]
    fn between(&mut self) {
        self.reader.between();
    }
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Start,
            kind: AccessKind::Reads,
            before: None,
            refusal: None,
            is_of_node: false,
            copies: false,
            expects_as: false,
            history: History::new(),
            depth: 0,
            is_in_with: 0,
            columns: 0,
            prefixes: 0,
            modes: Modes::default(),
            end: End::default(),
        }
    }

    /// What the whole text does.
    pub(super) fn finish(&mut self) -> AccessKind {
        self.end_statement();
        if let Some(reason) = self.refusal {
            return AccessKind::Primary(reason);
        }
        match self.before {
            Some(AccessKind::Reads) | None if self.is_of_node => AccessKind::Primary(Reason::Node),
            Some(kind) => kind,
            None => AccessKind::Reads,
        }
    }

    pub(super) fn refuse(&mut self, reason: Reason) {
        self.refusal = self.refusal.or(Some(reason));
    }

    #[inline]
    fn word(&mut self, word: &[u8]) {
        if self.place == Place::Query {
            self.query_word(word);
        } else {
            self.other_word(word);
        }
        self.history.push_word(word);
    }

    #[inline]
    fn query_word(&mut self, word: &[u8]) {
        if self.expects_as {
            self.expects_as = false;
            if !is(word, "as") {
                self.refuse(Reason::Doubt);
            }
        }
        if self.copies && self.depth == 0 {
            self.behind_copied_query(word);
        } else if WITHIN.may_have(word) && !self.history.is_mark(0, b'.') {
            self.keyword(word);
        }
        if matches!(word, [b'p' | b'P', b'g' | b'G', b'_', ..]) {
            self.relation(word, true);
        }
    }

    /// A word of a query that no dot stands before.
    fn keyword(&mut self, word: &[u8]) {
        let is_behind = |words: &[&str]| words.iter().any(|word| self.history.is_word(0, word));
        if is_one_of(word, &MODIFYING) {
            let locks = is(word, "update") && is_behind(&["for", "key"]);
            self.refuse(if locks {
                Reason::Locks
            } else {
                Reason::Modifies
            });
        } else if is(word, "into") {
            self.refuse(Reason::Into);
        } else if is(word, "share") && is_behind(&["for", "key"]) {
            self.refuse(Reason::Locks);
        } else if is(word, "uescape") {
            // Any name may have been spelt so.
            self.refuse(Reason::Doubt);
        } else if is(word, "with") && self.history.is_mark(0, b'(') {
            self.is_in_with |= self.bit();
        } else if is_one_of(word, &["select", "table", "values"]) {
            self.is_in_with &= !self.bit();
        }
    }

    fn name(&mut self, name: &[u8]) {
        match self.place {
            Place::Query => {
                // `U&"…"` may spell any name.
                if self.expects_as || name.contains(&b'\\') {
                    self.refuse(Reason::Doubt);
                }
                self.relation(name, false);
            },
            Place::Copy | Place::CopyTable => {
                self.place = Place::CopyTable;
                self.relation(name, false);
            },
            Place::Rest => {},
            Place::Show | Place::Set => {
                self.kind = if self.place == Place::Set {
                    AccessKind::Set
                } else {
                    AccessKind::Reads
                };
                self.is_of_node |= self.place == Place::Show;
                self.place = Place::Rest;
            },
            Place::BlockEnd if self.end == End::GoesOn => {},
            Place::ExplainOpen | Place::ExplainOptions => self.refuse(Reason::Explain),
            Place::CopyTo => self.refuse(Reason::Copy),
            Place::Start | Place::Explain | Place::Modes { .. } | Place::BlockEnd => {
                self.refuse(Reason::Doubt);
            },
        }
        self.history.push_name(name);
    }

    /// A word or a name of a query may be that of a table or a view.
    pub(super) fn relation(&mut self, name: &[u8], is_word: bool) {
        let mut folded = [0; 64];
        let Some(folded) = folded.get_mut(..name.len()) else {
            return self.refuse(Reason::Doubt);
        };
        folded.copy_from_slice(name);
        if is_word {
            folded.make_ascii_lowercase();
        }
        match node::relation(folded) {
            Relation::Any => {},
            Relation::OfNode => self.is_of_node = true,
            Relation::OfSession => self.refuse(Reason::Session),
        }
    }

    fn between(&mut self) {
        match self.place {
            Place::Query => {
                if self.expects_as {
                    self.refuse(Reason::Doubt);
                }
            },
            Place::Rest | Place::ExplainOptions | Place::CopyTable => {},
            Place::CopyTo => self.refuse(Reason::Copy),
            Place::Start
            | Place::Explain
            | Place::ExplainOpen
            | Place::Copy
            | Place::Show
            | Place::Set
            | Place::Modes { .. }
            | Place::BlockEnd => self.refuse(Reason::Doubt),
        }
        self.history.push(Seen::Between);
    }

    /// Any mark but `(`.
    #[inline]
    fn mark(&mut self, mark: u8) {
        if mark == b';' {
            return self.end_statement();
        }
        if self.expects_as {
            self.refuse(Reason::Doubt);
        }
        if mark == b')' {
            return self.close();
        }
        if self.place != Place::Query {
            self.other_mark(mark);
        }
        self.history.push(Seen::Mark(mark));
    }

    // Most tokens are something else, and need fewer registers without it.
    #[inline(never)]
    fn open(&mut self, functions: &impl Functions) {
        let mut opening = Opening::Group;
        match self.place {
            Place::Query if self.expects_as || self.copies && self.depth == 0 => {
                self.refuse(Reason::Doubt);
            },
            Place::Query => {
                if self.history.is_mark(0, b')') {
                    // Behind `AS (…)`: the statement that the expressions belong to.
                    self.is_in_with &= !self.bit();
                }
                opening = calls::opening(&self.history, self.is_in_with & self.bit() != 0);
                if opening == Opening::Call {
                    self.call(functions);
                }
            },
            Place::Start | Place::Copy | Place::ExplainOpen => self.place = Place::Start,
            Place::Explain => self.place = Place::ExplainOpen,
            Place::CopyTable => {},
            Place::Rest => return,
            Place::ExplainOptions
            | Place::CopyTo
            | Place::Show
            | Place::Set
            | Place::Modes { .. }
            | Place::BlockEnd => self.refuse(Reason::Doubt),
        }
        self.depth += 1;
        if self.depth >= DEPTH_MAX {
            return self.refuse(Reason::Doubt);
        }
        let bit = self.bit();
        self.is_in_with &= !bit;
        self.columns &= !bit;
        self.prefixes &= !bit;
        match opening {
            Opening::Columns => self.columns |= bit,
            Opening::Prefix => self.prefixes |= bit,
            Opening::Group | Opening::Call => {},
        }
        self.history.push(Seen::Mark(b'('));
    }

    fn close(&mut self) {
        if self.place == Place::Rest {
            return;
        }
        if self.depth == 0 || self.place == Place::Start {
            return self.refuse(Reason::Doubt);
        }
        let bit = self.bit();
        self.depth -= 1;
        self.expects_as = self.columns & bit != 0;
        // As behind a comma, an expression may begin.
        let is_prefix = self.prefixes & bit != 0;
        self.history
            .push(Seen::Mark(if is_prefix { b',' } else { b')' }));
        if self.place == Place::ExplainOptions {
            self.place = Place::Explain;
        }
    }

    fn call(&mut self, functions: &impl Functions) {
        match calls::effect(&self.history, functions) {
            FunctionEffect::Reads => {},
            FunctionEffect::ReadsNode => self.is_of_node = true,
            FunctionEffect::Writes => self.refuse(Reason::Function),
            FunctionEffect::Unknown => self.refuse(Reason::UnknownFunction),
        }
    }

    /// Of the innermost open parenthesis.
    #[inline]
    pub(super) fn bit(&self) -> u64 {
        1 << (self.depth % DEPTH_MAX)
    }

    fn end_statement(&mut self) {
        if self.refusal.is_some() {
            return;
        }
        let kind = match self.place {
            Place::Start if self.depth == 0 => return,
            _ if self.copies => AccessKind::Primary(Reason::Copy),
            _ if self.expects_as => AccessKind::Primary(Reason::Doubt),
            Place::Query | Place::Show => AccessKind::Reads,
            Place::Rest => self.kind,
            Place::Modes { begins: true } => AccessKind::Begin(self.modes.finish()),
            Place::Modes { begins: false } => AccessKind::SetTransaction(self.modes.finish()),
            Place::BlockEnd => self.end.finish(),
            Place::Start
            | Place::Explain
            | Place::ExplainOpen
            | Place::ExplainOptions
            | Place::Copy
            | Place::CopyTable
            | Place::CopyTo
            | Place::Set => AccessKind::Primary(Reason::Doubt),
        };
        match (self.before, kind) {
            (_, AccessKind::Primary(reason)) => self.refuse(reason),
            (None, kind) => self.before = Some(kind),
            (Some(AccessKind::Reads), AccessKind::Reads) => {},
            (Some(_), _) => self.refuse(Reason::Mixed),
        }
        self.restart();
    }

    /// Before the next statement.
    fn restart(&mut self) {
        self.place = Place::Start;
        self.kind = AccessKind::Reads;
        self.copies = false;
        self.expects_as = false;
        self.history.clear();
        self.depth = 0;
        self.is_in_with = 0;
        self.columns = 0;
        self.prefixes = 0;
        self.modes = Modes::default();
        self.end = End::default();
    }
}

/// What a query begins with.
pub(super) const QUERIES: [&str; 4] = ["select", "values", "table", "with"];

/// Statements that may stand within a query and modify.
pub(super) const MODIFYING: [&str; 4] = ["insert", "update", "delete", "merge"];

/// Which words matter wherever they stand in a query.
const WITHIN: Filter = Filter::of(&[&MODIFYING, &QUERIES, &["into", "share", "uescape"]]);
