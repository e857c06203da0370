//! Which SQL text leaves something behind in a server's session that cannot be carried to another
//! server.
//!
//! Functions and procedures of a tenant's own may do the same unseen; the text that calls them does
//! not tell.

use crate::sql::Session;
use crate::sql::keywords::Filter;
use crate::sql::keywords::is;
use crate::sql::keywords::is_one_of;
use crate::sql::lexer::Lexer;
use crate::sql::lexer::Sink;
use crate::sql::lexer::Token;
use crate::sql::parameter::Parameter;
use crate::sql::set_config::Called;
use crate::sql::set_config::SetConfig;

/// What a text leaves behind, but for settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// State that only this server has: the client must stay with it.
    pub pins: bool,
    /// All settings fall back to those of the login: `RESET ALL`, `DISCARD ALL`.
    pub resets: bool,
    /// Nothing at all is left: `DISCARD ALL`.
    pub discards: bool,
    /// A transaction block begins or ends: what else the text does may not last.
    pub blocks: bool,
}

impl Effects {
    /// Nothing.
    pub const NONE: Self = Self {
        pins: false,
        resets: false,
        discards: false,
        blocks: false,
    };
}

/// A parameter that a text may have changed for its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The parameter.
    pub name: Box<str>,
    /// It was to fall back to what it was at the login.
    pub is_reset: bool,
}

/// All that is known of what a text leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaves {
    /// What is not named here.
    pub effects: Effects,
    /// The parameters that it may have changed: to find out what became of them, ask the server.
    pub touches: Vec<Touch>,
    /// The prepared statements that it names, as a server knows them.
    pub mentions: Vec<Mention>,
}

impl Leaves {
    /// Whether it is nothing: as of most texts.
    #[inline]
    pub fn are_none(&self) -> bool {
        self.effects == Effects::NONE && self.touches.is_empty() && self.mentions.is_empty()
    }
}

/// A prepared statement that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The name, as a server knows it; `None` for all.
    pub name: Option<Box<[u8]>>,
    /// What the text does with it.
    pub usage: Usage,
}

impl Mention {
    const ALL_DEALLOCATED: Self = Self {
        name: None,
        usage: Usage::Deallocated,
    };
}

/// What a text does with a statement that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    /// `PREPARE`.
    Prepared,
    /// `EXECUTE`.
    #[default]
    Executed,
    /// `DEALLOCATE`.
    Deallocated,
}

/// Reads the text of a `Query` or a `Parse`, in pieces cut anywhere.
#[derive(Debug)]
pub struct StateEffects {
    lexer: Lexer,
    reader: Reader,
}

impl StateEffects {
    /// At the beginning of a text.
    pub fn new() -> Self {
        Self {
            lexer: Lexer::new(),
            reader: Reader::default(),
        }
    }

    /// Reads the next piece of the text.
    pub fn feed(&mut self, bytes: &[u8], session: &impl Session) {
        let reader = &mut self.reader;
        self.lexer
            .feed(bytes, session, &mut Reading { reader, session });
    }

    /// What the whole text leaves behind. Nothing more is read.
    pub fn finish(&mut self, session: &impl Session) -> Leaves {
        let reader = &mut self.reader;
        self.lexer.finish(&mut Reading { reader, session });
        self.reader.end_statement(session);
        Leaves {
            effects: self.reader.effects,
            touches: std::mem::take(&mut self.reader.touches),
            mentions: std::mem::take(&mut self.reader.mentions),
        }
    }
}

impl Default for StateEffects {
    fn default() -> Self {
        Self::new()
    }
}

/// Where in a statement the reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Start,
    Set,
    SetSession,
    Reset,
    /// Within or behind the name of a parameter.
    Parameter,
    Discard,
    /// Behind `PREPARE`, `EXECUTE`, `DEALLOCATE`: a statement's name, or certain words.
    Statement,
    /// `DO`: its text is code.
    Do,
    /// Nothing but certain words matters any more.
    Inside,
}

#[derive(Debug, Default)]
struct Reader {
    effects: Effects,
    touches: Vec<Touch>,
    mentions: Vec<Mention>,
    place: Place,
    /// What the command does with a statement.
    usage: Usage,
    /// The parameter that the statement sets or resets.
    parameter: Parameter,
    /// The statement updates something.
    updates: bool,
    /// The statement declares a cursor.
    declares: bool,
    /// The word before was one of [`BEFORE_TEMPORARY`].
    makes: bool,
    call: Option<SetConfig>,
}

/// A reader, and what it knows of the session.
struct Reading<'a, S> {
    reader: &'a mut Reader,
    session: &'a S,
}

impl<S: Session> Sink for Reading<'_, S> {
    #[inline]
    fn token(&mut self, token: Token<'_>) {
        // Of most statements, all words but the first are none that matter.
        if self.reader.place == Place::Inside
            && self.reader.call.is_none()
            && let Token::Word(word) = token
            && !WITHIN.may_have(word)
        {
            self.reader.makes = false;
            return;
        }
        self.reader.token(token, self.session);
    }

    fn reads_texts(&self) -> bool {
        matches!(self.reader.place, Place::Do | Place::Parameter) || self.reader.call.is_some()
    }
}

impl Reader {
    fn token(&mut self, token: Token<'_>, session: &impl Session) {
        self.follow_call(token);
        match token {
            Token::Mark(b';') => self.end_statement(session),
            Token::Mark(mark) => {
                if self.place == Place::Parameter {
                    self.parameter.mark(mark);
                }
            },
            Token::Doubt => self.effects.pins = true,
            // What is spelt with a backslash may be any word.
            Token::TextMark(mark) => {
                self.effects.pins |= self.place == Place::Do && mark == b'\\';
            },
            Token::TextWord(word) => {
                let is_in_code = self.place == Place::Do;
                self.effects.pins |= is_temporary_schema(word)
                    || is_in_code && (is_state_anywhere(word) || is_one_of(word, &STATE_IN_CODE));
            },
            Token::Name(name) => {
                // `U&"…"` may spell any name.
                self.effects.pins |= name.contains(&b'\\');
                self.word(name, true);
            },
            Token::Word(word) => {
                // The same, with another sign in place of the backslash.
                self.effects.pins |= is(word, "uescape");
                self.word(word, false);
            },
        }
    }

    fn word(&mut self, word: &[u8], is_name: bool) {
        self.place = match self.place {
            Place::Start if !COMMANDS.may_have(word) => {
                self.begin();
                Place::Inside
            },
            Place::Start => self.command(word),
            Place::Set if is(word, "session") && !is_name => Place::SetSession,
            Place::Set if is_one_of(word, &OF_THE_TRANSACTION) && !is_name => Place::Inside,
            Place::Set | Place::SetSession | Place::Reset => self.parameter_begins(word, is_name),
            Place::Parameter => {
                // Whatever is made while that comes first in `search_path` is temporary.
                self.effects.pins |= is_temporary_schema(word);
                self.parameter.word(word, is_name);
                Place::Parameter
            },
            Place::Discard => {
                if is(word, "all") {
                    self.effects.resets = true;
                    self.effects.discards = true;
                    self.mentions.push(Mention::ALL_DEALLOCATED);
                }
                Place::Inside
            },
            Place::Statement => {
                // What looked like `EXECUTE` may have been a name.
                self.within(word, is_name);
                self.mention(word, is_name)
            },
            Place::Do => Place::Do,
            // `EXPLAIN EXECUTE`, `CREATE TABLE … AS EXECUTE`.
            Place::Inside if is(word, "execute") && !is_name => Place::Statement,
            Place::Inside => {
                self.within(word, is_name);
                Place::Inside
            },
        };
    }

    /// A statement begins.
    fn begin(&mut self) {
        self.updates = false;
        self.declares = false;
        self.makes = false;
        self.usage = Usage::Executed;
    }

    /// The first word of a statement.
    fn command(&mut self, word: &[u8]) -> Place {
        self.effects.pins |= is_one_of(word, &PINNING);
        self.effects.blocks |= is_one_of(word, &BLOCKS);
        self.updates = is(word, "update");
        self.declares = is(word, "declare");
        self.makes = is(word, "create");
        self.usage = match word {
            word if is(word, "prepare") => Usage::Prepared,
            word if is(word, "deallocate") => Usage::Deallocated,
            _ => Usage::Executed,
        };
        match word {
            word if is(word, "set") => Place::Set,
            word if is(word, "reset") => Place::Reset,
            word if is(word, "discard") => Place::Discard,
            word if is_one_of(word, &OF_STATEMENTS) => Place::Statement,
            word if is(word, "do") => Place::Do,
            _ => Place::Inside,
        }
    }

    /// A word where a statement's name is expected.
    fn mention(&mut self, word: &[u8], is_name: bool) -> Place {
        let is_keyword = |keyword: &str| !is_name && is(word, keyword);
        let prepares = self.usage == Usage::Prepared;
        if is_keyword("prepare") && !prepares {
            return Place::Statement;
        }
        if is_keyword("transaction") && prepares {
            return Place::Inside;
        }
        if is_keyword("all") && self.usage == Usage::Deallocated {
            self.mentions.push(Mention::ALL_DEALLOCATED);
            return Place::Inside;
        }
        self.effects.pins |= prepares;
        let name = if is_name {
            word.to_vec()
        } else {
            word.to_ascii_lowercase()
        };
        self.mentions.push(Mention {
            name: Some(name.into()),
            usage: self.usage,
        });
        Place::Inside
    }

    /// The word behind `SET`, `SET SESSION` or `RESET`.
    fn parameter_begins(&mut self, word: &[u8], is_name: bool) -> Place {
        let is_reset = self.place == Place::Reset;
        if !is_name && is_reset && is(word, "all") {
            self.effects.resets = true;
            return Place::Inside;
        }
        // Another user altogether; and a seed that nobody can read.
        self.effects.pins |= is_one_of(word, &UNREADABLE);
        if !is_name && is(word, "characteristics") {
            let touches = DEFAULTS_OF_TRANSACTIONS.map(|name| Touch {
                name: name.into(),
                is_reset: false,
            });
            self.touches.extend(touches);
            return Place::Inside;
        }
        self.parameter = Parameter::begin(word, is_name, is_reset);
        Place::Parameter
    }

    /// Words that leave something behind wherever they stand.
    fn within(&mut self, word: &[u8], is_name: bool) {
        self.effects.pins |= is_state_anywhere(word);
        if is(word, "set_config") {
            self.end_call();
            self.call = Some(SetConfig::default());
        } else if is(word, "pg_settings") {
            self.effects.pins |= self.updates;
        }
        if is_name {
            self.makes = false;
            return;
        }
        self.updates |= is(word, "update");
        self.effects.pins |= self.makes && is_one_of(word, &TEMPORARY);
        self.effects.pins |= self.declares && is(word, "hold");
        self.makes = is_one_of(word, &BEFORE_TEMPORARY);
    }

    fn end_statement(&mut self, session: &impl Session) {
        self.end_call();
        if self.place == Place::Parameter {
            match std::mem::take(&mut self.parameter).finish() {
                // What the server reports is known without a question, but for what it falls back to.
                Some(touch) if !touch.is_reset && session.is_reported(&touch.name) => {},
                Some(touch) => self.touches.push(touch),
                None => self.effects.pins = true,
            }
        }
        self.place = Place::Start;
    }

    #[inline]
    fn follow_call(&mut self, token: Token<'_>) {
        let Some(call) = &mut self.call else { return };
        if call.follow(token) {
            self.end_call();
        }
    }

    fn end_call(&mut self) {
        match self.call.take().map(SetConfig::finish) {
            None | Some(Called::Nothing) => {},
            Some(Called::Sets(name)) => self.touches.push(Touch {
                name,
                is_reset: false,
            }),
            Some(Called::Something) => self.effects.pins = true,
        }
    }
}

/// Which first words of statements matter.
const COMMANDS: Filter = Filter::of(&[
    &PINNING,
    &BLOCKS,
    &OF_STATEMENTS,
    &[
        "update", "declare", "create", "set", "reset", "discard", "do",
    ],
]);

/// Which words matter wherever they stand in a statement.
const WITHIN: Filter = Filter::of(&[
    &BEFORE_TEMPORARY,
    &TEMPORARY,
    &[
        "execute",
        "set_config",
        "pg_settings",
        "update",
        "hold",
        "uescape",
    ],
    // See `is_state_anywhere`; longer ones are never ruled out.
    &["pg_temp", "setseed"],
]);

/// Commands after which the client must stay. What a procedure does is not known.
const PINNING: [&str; 3] = ["listen", "load", "call"];

/// Commands behind which the name of a statement stands.
const OF_STATEMENTS: [&str; 3] = ["prepare", "execute", "deallocate"];

const TEMPORARY: [&str; 2] = ["temp", "temporary"];

/// What may stand before `TEMPORARY` where that makes something: `CREATE OR REPLACE LOCAL TEMP …`,
/// `SELECT … INTO TEMP …`.
const BEFORE_TEMPORARY: [&str; 5] = ["create", "replace", "local", "global", "into"];

/// What `SET` says of the transaction alone.
const OF_THE_TRANSACTION: [&str; 3] = ["local", "transaction", "constraints"];

/// Parameters that nobody can read, or that change who everybody is, and words of theirs.
const UNREADABLE: [&str; 4] = ["authorization", "session", "session_authorization", "seed"];

/// What `SET SESSION CHARACTERISTICS` sets.
const DEFAULTS_OF_TRANSACTIONS: [&str; 3] = [
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
];

/// Commands that begin or end a transaction block, or a part of one.
const BLOCKS: [&str; 7] = [
    "begin",
    "start",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint",
];

/// Words of code within a `DO`, in which more can be said and less can be told.
const STATE_IN_CODE: [&str; 12] = [
    "set",
    "set_config",
    "pg_settings",
    "reset",
    "execute",
    "listen",
    "load",
    "prepare",
    "discard",
    "temp",
    "temporary",
    "hold",
];

/// Names that leave something behind in whatever statement they stand.
fn is_state_anywhere(word: &[u8]) -> bool {
    let begins = |prefix: &str| {
        let start = word.get(..prefix.len());
        start.is_some_and(|start| is(start, prefix))
    };
    begins("pg_advisory_lock")
        || begins("pg_try_advisory_lock")
        || is_temporary_schema(word)
        || is(word, "setseed")
}

/// The schema of a session's temporary objects.
fn is_temporary_schema(word: &[u8]) -> bool {
    is(word, "pg_temp")
}
