//! A call of `set_config(name, value, is_local)`.
//!
//! See <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SET>.

use crate::sql::keywords::is;
use crate::sql::lexer::Token;
use crate::sql::lexer::WORD_BYTES;
use crate::sql::parameter::NAME_BYTES_MAX;

/// A call, while it is read.
#[derive(Debug, Default)]
pub(super) struct SetConfig {
    depth: u32,
    /// Commas between its arguments.
    commas: u32,
    /// Tokens of the argument so far.
    tokens: u32,
    is_true: bool,
    /// The words of the first argument.
    name: String,
    /// The first argument is more than a text of one name.
    is_name_hidden: bool,
    is_over: bool,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Called {
    /// What it sets is over with the transaction.
    Nothing,
    /// It may set this parameter for the session.
    Sets(Box<str>),
    /// What it sets cannot be told.
    Something,
}

impl SetConfig {
    /// The next token; whether it was the last one of the call.
    pub(super) fn follow(&mut self, token: Token<'_>) -> bool {
        if token == Token::Mark(b')') && self.depth <= 1 {
            self.is_over = true;
            return true;
        }
        let is_in_arguments = self.depth > 0;
        if is_in_arguments && self.commas == 0 && token != Token::Mark(b',') {
            self.name_token(token);
        }
        if token == Token::Mark(b'(') {
            self.depth += 1;
        } else if token == Token::Mark(b')') {
            self.depth -= 1;
        }
        if token == Token::Mark(b',') && self.depth == 1 {
            self.tokens = 0;
            self.commas = self.commas.saturating_add(1);
        } else if is_in_arguments {
            self.tokens = self.tokens.saturating_add(1);
            self.is_true = matches!(token, Token::Word(word) if is(word, "true"));
        }
        false
    }

    /// One name, or two and a dot between them, in one text.
    fn name_token(&mut self, token: Token<'_>) {
        let ends_in_word = !self.name.is_empty() && !self.name.ends_with('.');
        match token {
            // A longer word was cut.
            Token::TextWord(word) if !ends_in_word && word.len() < WORD_BYTES => {
                match std::str::from_utf8(word) {
                    Ok(word) if self.name.len() < NAME_BYTES_MAX => self.name.push_str(word),
                    _ => self.is_name_hidden = true,
                }
            },
            Token::TextMark(b'.') if ends_in_word => self.name.push('.'),
            Token::TextWord(_)
            | Token::TextMark(_)
            | Token::Word(_)
            | Token::Name(_)
            | Token::Mark(_)
            | Token::Doubt => {
                self.is_name_hidden = true;
            },
        }
    }

    /// What the call came to. One that is still open is none that is understood.
    pub(super) fn finish(self) -> Called {
        let is_whole = self.is_over && self.depth == 1;
        if is_whole && self.tokens == 1 && self.is_true {
            return Called::Nothing;
        }
        // Who everybody is, and a seed that nobody can read.
        let is_told = !["session_authorization", "seed"]
            .iter()
            .any(|name| self.name.eq_ignore_ascii_case(name));
        if is_whole && is_told && !self.is_name_hidden && !self.name.is_empty() {
            Called::Sets(self.name.into())
        } else {
            Called::Something
        }
    }
}
