//! Which SQL text leaves something behind in a server's session that the pooler cannot carry to
//! another server.
//!
//! Looks at words only and never at their meaning; doubt counts as state. Reads at most the part of
//! a statement that has arrived. Strings and comments are skipped, so that a word in them is none.

use crate::limits::INSPECTED_BYTES_MAX;

/// What a statement leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Effects {
    /// State that only this server has: the client must stay with it.
    pub(super) pins: bool,
    /// All settings fall back to those of the login: `RESET ALL`, `DISCARD ALL`.
    pub(super) resets: bool,
    /// Nothing at all is left: `DISCARD ALL`.
    pub(super) discards: bool,
}

/// What the text of a `Query` or `Parse` leaves behind. `is_reported` says whether the server
/// reports a parameter when it changes (`GUC_REPORT`): such a parameter follows the client.
pub(super) fn effects(text: &[u8], is_reported: impl Fn(&str) -> bool) -> Effects {
    // What lies behind may be anything.
    let is_cut = text.len() > INSPECTED_BYTES_MAX;
    let text = text.get(..INSPECTED_BYTES_MAX).unwrap_or(text);
    let mut effects = Effects {
        pins: is_cut,
        ..Effects::default()
    };
    let mut words = Words { text, at: 0 };
    let mut is_first = true;
    while let Some(token) = words.next() {
        match token {
            Token::Semicolon => is_first = true,
            Token::Word(word) => {
                let found = if is_first {
                    command(word, words.clone(), &is_reported)
                } else {
                    within(word, &words)
                };
                effects.pins |= found.pins;
                effects.resets |= found.resets;
                effects.discards |= found.discards;
                is_first = false;
            },
        }
    }
    effects
}

const NOTHING: Effects = Effects {
    pins: false,
    resets: false,
    discards: false,
};
const PINS: Effects = Effects {
    pins: true,
    ..NOTHING
};

fn command(word: &[u8], mut rest: Words<'_>, is_reported: impl Fn(&str) -> bool) -> Effects {
    let mut second = || match rest.next() {
        Some(Token::Word(word)) => word,
        Some(Token::Semicolon) | None => &[],
    };
    if is(word, "set") {
        let mut name = second();
        if is(name, "session") {
            name = second();
        }
        return if is_carried(name, is_reported) {
            NOTHING
        } else {
            PINS
        };
    }
    if is(word, "reset") {
        return if is(second(), "all") {
            Effects {
                resets: true,
                ..NOTHING
            }
        } else {
            PINS
        };
    }
    if is(word, "discard") {
        let is_all = is(second(), "all");
        return Effects {
            pins: false,
            resets: is_all,
            discards: is_all,
        };
    }
    if is(word, "prepare") {
        return if is(second(), "transaction") {
            NOTHING
        } else {
            PINS
        };
    }
    // What a block or a procedure does is not looked into.
    if ["listen", "load", "do", "call"]
        .iter()
        .any(|command| is(word, command))
    {
        return PINS;
    }
    if is(word, "update") && is(second(), "pg_settings") {
        return PINS;
    }
    NOTHING
}

fn is_carried(name: &[u8], is_reported: impl Fn(&str) -> bool) -> bool {
    const OF_THE_TRANSACTION: [&str; 3] = ["local", "transaction", "constraints"];
    if OF_THE_TRANSACTION.iter().any(|word| is(name, word)) {
        return true;
    }
    match std::str::from_utf8(name) {
        Ok(name) if is(name.as_bytes(), "names") => is_reported("client_encoding"),
        Ok(name) if is(name.as_bytes(), "time") => is_reported("TimeZone"),
        Ok(name) => is_reported(name),
        Err(_not_a_parameter) => false,
    }
}

/// Words that leave something behind wherever they stand.
fn within(word: &[u8], rest: &Words<'_>) -> Effects {
    let is_lock = |prefix: &str| {
        word.get(..prefix.len())
            .is_some_and(|start| is(start, prefix))
    };
    let pins = match word.first().map(u8::to_ascii_lowercase) {
        Some(b't') => is(word, "temp") || is(word, "temporary"),
        Some(b'h') => is(word, "hold"),
        Some(b's') => is(word, "set_config") && !rest.is_local_set_config(),
        Some(b'p') => {
            is_lock("pg_temp") || is_lock("pg_advisory_lock") || is_lock("pg_try_advisory_lock")
        },
        _ => false,
    };
    if pins { PINS } else { NOTHING }
}

fn is(word: &[u8], keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword.as_bytes())
}

const fn is_in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

enum Token<'a> {
    Word(&'a [u8]),
    Semicolon,
}

#[derive(Clone)]
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl Words<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_past(&mut self, end: &[u8]) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = rest.windows(end.len()).position(|window| window == end);
        self.at += found.map_or(rest.len(), |found| found + end.len());
    }

    /// A string constant, from behind its opening quote. A backslash is taken for an escape only
    /// where it is one for certain; a doubled quote is two strings side by side.
    fn skip_string(&mut self, has_escapes: bool) {
        while self.at < self.text.len() {
            match self.peek(0) {
                b'\\' if has_escapes => self.at += 2,
                b'\'' => {
                    self.at += 1;
                    return;
                },
                _ => self.at += 1,
            }
        }
    }

    /// A dollar-quoted constant, from behind its first dollar; nothing if it is none.
    fn skip_dollar_quoted(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b'$') else {
            return;
        };
        let tag = rest.get(..length).unwrap_or_default();
        let is_tag = tag.iter().all(|byte| is_in_word(*byte))
            && !tag.first().is_some_and(u8::is_ascii_digit);
        if is_tag {
            let end = [b"$", tag, b"$"].concat();
            self.at += length + 1;
            self.skip_past(&end);
        }
    }

    /// A block comment, from behind its opening; they nest.
    fn skip_comment(&mut self) {
        let mut depth = 1;
        while depth > 0 && self.at < self.text.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => (depth, self.at) = (depth + 1, self.at + 2),
                (b'*', b'/') => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
        }
    }

    /// Whether the arguments that follow end in `true`: the setting lasts for the transaction only.
    fn is_local_set_config(&self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b')').unwrap_or(0);
        let arguments = rest.get(..end).unwrap_or_default().trim_ascii_end();
        arguments
            .rsplit(|byte| *byte == b',')
            .next()
            .is_some_and(|last| is(last.trim_ascii(), "true"))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        while self.at < self.text.len() {
            let start = self.at;
            self.at += 1;
            match self.text.get(start).copied().unwrap_or(0) {
                b';' => return Some(Token::Semicolon),
                b'\'' => self.skip_string(false),
                b'$' => self.skip_dollar_quoted(),
                b'-' if self.peek(0) == b'-' => self.skip_past(b"\n"),
                b'/' if self.peek(0) == b'*' => {
                    self.at += 1;
                    self.skip_comment();
                },
                b'"' => {
                    self.skip_past(b"\"");
                    let name = self.text.get(start + 1..self.at.saturating_sub(1));
                    return name.map(Token::Word);
                },
                b'e' | b'E' if self.peek(0) == b'\'' => {
                    self.at += 1;
                    self.skip_string(true);
                },
                byte if is_in_word(byte) && !byte.is_ascii_digit() => {
                    while is_in_word(self.peek(0)) || self.peek(0) == b'$' {
                        self.at += 1;
                    }
                    return self.text.get(start..self.at).map(Token::Word);
                },
                // A number, whose letters begin no word.
                byte if byte.is_ascii_digit() => {
                    while is_in_word(self.peek(0)) {
                        self.at += 1;
                    }
                },
                _ => {},
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(text: &str) -> bool {
        let reported = ["TimeZone", "application_name", "client_encoding"];
        let is_reported = |name: &str| {
            reported
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        effects(text.as_bytes(), is_reported).pins
    }

    #[test]
    fn statements_that_leave_nothing_behind_do_not_pin() {
        for text in [
            "",
            "SELECT 1",
            "select * from t where name = 'temp; listen x'",
            "SET LOCAL statement_timeout = 1",
            "set transaction read only",
            "SET TimeZone = 'UTC'",
            "SET SESSION application_name TO 'x'",
            "SET TIME ZONE 'UTC'",
            "SET NAMES 'utf8'",
            "BEGIN; SET LOCAL role x; SELECT 1; COMMIT",
            "-- listen\nSELECT 1 /* listen */",
            "PREPARE TRANSACTION 'x'",
            "SELECT set_config('a.b', '1', true)",
            "SELECT pg_advisory_xact_lock(1)",
            "DECLARE c CURSOR FOR SELECT 1",
            "SELECT temperature FROM t",
            "SELECT $$; listen x$$, $a$ $$ ; set b = 1 $a$, E'\\'; listen x'",
            "SELECT 1 /* /* */ ; listen x */",
            "SELECT $1, $2",
        ] {
            assert!(!pins(text), "{text}");
        }
    }

    #[test]
    fn statements_that_leave_state_behind_pin() {
        for text in [
            "SET statement_timeout = 1",
            "set session authorization x",
            "SET search_path = x",
            "SET ROLE x",
            "SELECT 1; SET a.b = 1",
            "RESET statement_timeout",
            "LISTEN x",
            "PREPARE s AS SELECT 1",
            "CREATE TEMP TABLE t (a int)",
            "SELECT 1 INTO TEMPORARY t",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock_shared(1)",
            "SELECT set_config('a.b', '1', false)",
            "LOAD 'x'",
            "DO $$ begin perform set_config('a.b', '1', false); end $$",
            "CALL p()",
            "UPDATE pg_settings SET setting = '1' WHERE name = 'x'",
            "SELECT \"set_config\"('a.b', '1', false)",
            "/* c */ set a.b = 1",
            "SELECT $$it's$$; SET statement_timeout = 1",
            "SELECT E'\\''; SET statement_timeout = 1; SELECT ''",
            "SELECT 'it''s'; SET statement_timeout = 1",
            "SELECT $1; LISTEN x",
            "CREATE TABLE pg_temp.t (a int)",
            "SET \"statement_timeout\" = 1",
            "SELECT \"it's\"; LISTEN x",
            "SELECT /* /* */ ' */ 1; LISTEN x",
        ] {
            assert!(pins(text), "{text}");
        }
    }

    #[test]
    fn a_parameter_that_this_server_reports_is_carried() {
        assert!(!effects(b"SET search_path = x", |name| name == "search_path").pins);
    }

    #[test]
    fn a_statement_that_is_not_seen_whole_may_leave_anything() {
        let long = format!("SELECT '{}'", "x".repeat(INSPECTED_BYTES_MAX));
        assert!(pins(&long));
        let whole = long.get(..INSPECTED_BYTES_MAX).unwrap();
        assert!(!pins(whole));
    }

    #[test]
    fn discard_all_leaves_nothing() {
        let found = effects(b"DISCARD ALL", |_| false);
        assert_eq!(
            found,
            Effects {
                pins: false,
                resets: true,
                discards: true
            }
        );
        assert!(effects(b"reset all;", |_| false).resets);
        assert!(!effects(b"DISCARD PLANS", |_| false).discards);
    }
}
