//! Which SQL text leaves something behind in a server's session that cannot be carried to another
//! server.
//!
//! Functions and procedures of a tenant's own may do the same unseen; the text that calls them does
//! not tell.

use crate::sql::Session;
use crate::sql::lexer::Lexer;
use crate::sql::lexer::Token;

/// What a text leaves behind.
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
            .feed(bytes, session, &mut |token| reader.token(token, session));
    }

    /// What the whole text leaves behind.
    pub fn finish(mut self, session: &impl Session) -> Effects {
        let reader = &mut self.reader;
        self.lexer.finish(&mut |token| reader.token(token, session));
        self.reader.end_call();
        self.reader.effects
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
    Discard,
    Prepare,
    /// `DO`: its text is code.
    Do,
    /// Nothing but certain words matters any more.
    Inside,
}

#[derive(Debug, Default)]
struct Reader {
    effects: Effects,
    place: Place,
    /// The statement updates something.
    updates: bool,
    /// The statement declares a cursor.
    declares: bool,
    /// The word before was one of [`BEFORE_TEMPORARY`].
    makes: bool,
    call: Option<SetConfig>,
}

/// A call of `set_config`, which is harmless if its last argument is the word `true`.
#[derive(Debug, Default)]
struct SetConfig {
    depth: u32,
    /// Tokens of the argument so far.
    tokens: u32,
    is_true: bool,
}

impl Reader {
    fn token(&mut self, token: Token<'_>, session: &impl Session) {
        self.follow_call(token);
        match token {
            Token::Mark(b';') => {
                self.end_call();
                self.place = Place::Start;
            },
            Token::Mark(_) => {},
            Token::Doubt => self.effects.pins = true,
            Token::TextWord(word) => {
                self.effects.pins |= self.place == Place::Do
                    && (is_state_anywhere(word) || is_one_of(word, &STATE_IN_CODE));
            },
            Token::Name(name) => {
                // `U&"…"` may spell any name.
                self.effects.pins |= name.contains(&b'\\');
                self.word(name, true, session);
            },
            Token::Word(word) => self.word(word, false, session),
        }
    }

    fn word(&mut self, word: &[u8], is_name: bool, session: &impl Session) {
        self.place = match self.place {
            Place::Start => self.command(word),
            Place::Set if is(word, "session") && !is_name => Place::SetSession,
            Place::Set | Place::SetSession => {
                let is_of_the_transaction = !is_name && is_one_of(word, &OF_THE_TRANSACTION);
                self.effects.pins |= !is_of_the_transaction && !is_carried(word, session);
                Place::Inside
            },
            Place::Reset => {
                let is_all = is(word, "all");
                self.effects.resets |= is_all;
                self.effects.pins |= !is_all;
                Place::Inside
            },
            Place::Discard => {
                let is_all = is(word, "all");
                self.effects.resets |= is_all;
                self.effects.discards |= is_all;
                Place::Inside
            },
            Place::Prepare => {
                self.effects.pins |= !is(word, "transaction");
                Place::Inside
            },
            Place::Do => Place::Do,
            Place::Inside => {
                self.within(word, is_name);
                Place::Inside
            },
        };
    }

    /// The first word of a statement.
    fn command(&mut self, word: &[u8]) -> Place {
        const COMMANDS: [(&str, Place); 5] = [
            ("set", Place::Set),
            ("reset", Place::Reset),
            ("discard", Place::Discard),
            ("prepare", Place::Prepare),
            ("do", Place::Do),
        ];
        // What a procedure does is not known.
        self.effects.pins |= is_one_of(word, &["listen", "load", "call"]);
        self.effects.blocks |= is_one_of(word, &BLOCKS);
        self.updates = is(word, "update");
        self.declares = is(word, "declare");
        self.makes = is(word, "create");
        let found = COMMANDS.iter().find(|(command, _)| is(word, command));
        found.map_or(Place::Inside, |(_, place)| *place)
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
        self.effects.pins |= self.makes && is_one_of(word, &["temp", "temporary"]);
        self.effects.pins |= self.declares && is(word, "hold");
        self.makes = is_one_of(word, &BEFORE_TEMPORARY);
    }

    fn follow_call(&mut self, token: Token<'_>) {
        let Some(call) = &mut self.call else { return };
        if token == Token::Mark(b')') && call.depth <= 1 {
            let is_local = call.depth == 1 && call.tokens == 1 && call.is_true;
            self.effects.pins |= !is_local;
            self.call = None;
            return;
        }
        let is_in_arguments = call.depth > 0;
        if token == Token::Mark(b'(') {
            call.depth += 1;
        } else if token == Token::Mark(b')') {
            call.depth -= 1;
        }
        if token == Token::Mark(b',') && call.depth == 1 {
            call.tokens = 0;
        } else if is_in_arguments {
            call.tokens = call.tokens.saturating_add(1);
            call.is_true = matches!(token, Token::Word(word) if is(word, "true"));
        }
    }

    /// A call that is still open when its statement ends is none that is understood.
    fn end_call(&mut self) {
        self.effects.pins |= self.call.take().is_some();
    }
}

/// What may stand before `TEMPORARY` where that makes something: `CREATE OR REPLACE LOCAL TEMP …`,
/// `SELECT … INTO TEMP …`.
const BEFORE_TEMPORARY: [&str; 5] = ["create", "replace", "local", "global", "into"];

/// What `SET` says of the transaction alone.
const OF_THE_TRANSACTION: [&str; 3] = ["local", "transaction", "constraints"];

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
    begins("pg_advisory_lock") || begins("pg_try_advisory_lock") || is(word, "pg_temp")
}

/// Parameters that follow the client: those that the server reports.
fn is_carried(name: &[u8], session: &impl Session) -> bool {
    match std::str::from_utf8(name) {
        Ok(_) if is(name, "names") => session.is_reported("client_encoding"),
        Ok(_) if is(name, "time") => session.is_reported("TimeZone"),
        Ok(name) => session.is_reported(name),
        Err(_not_a_parameter) => false,
    }
}

fn is_one_of(word: &[u8], keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| is(word, keyword))
}

fn is(word: &[u8], keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword.as_bytes())
}
