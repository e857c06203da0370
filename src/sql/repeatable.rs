//! Texts that a server would parse to the same statement a moment later, as long as no table or the
//! like has changed.
//!
//! Whatever a text says between quotes becomes a value when it is parsed, and stays it: `'now'` and
//! `'today'` are the time of the `Parse`, not that of the execution.
//!
//! See "Special Values", <https://www.postgresql.org/docs/current/datatype-datetime.html>.

use crate::sql::Session;
use crate::sql::keywords::is;
use crate::sql::keywords::is_one_of;
use crate::sql::lexer::Lexer;
use crate::sql::lexer::Sink;
use crate::sql::lexer::Token;
use crate::sql::lexer::WORD_BYTES;

/// Whether a text begins as one that the planner plans, makes no table, and has nothing between
/// quotes that means another time whenever it is read. Doubt says no.
pub fn is_repeatable(text: &[u8], session: &impl Session) -> bool {
    let mut reader = Reader::default();
    let mut lexer = Lexer::new();
    lexer.feed(text, session, &mut reader);
    lexer.finish(&mut reader);
    reader.has_begun && !reader.is_refused
}

/// What statements begin with that are planned.
const PLANNED: [&str; 7] = [
    "delete", "insert", "merge", "select", "update", "values", "with",
];

/// Words that mean another time whenever they are read, of dates and whatever is made of dates.
const TIMES: [&[u8]; 4] = [b"now", b"today", b"tomorrow", b"yesterday"];

#[derive(Debug, Default)]
struct Reader {
    has_begun: bool,
    is_refused: bool,
    /// The last token was a word after which `INTO` names what is there already.
    writes: bool,
    /// The last token was a word between quotes.
    is_in_text: bool,
}

impl Reader {
    fn word(&mut self, word: &[u8]) {
        if !self.has_begun {
            self.has_begun = true;
            self.is_refused |= !is_one_of(word, &PLANNED);
        }
        self.is_refused |= is(word, "into") && !self.writes;
        // What stands for a backslash is told behind the text.
        self.is_refused |= is(word, "uescape");
        self.writes = is_one_of(word, &["insert", "merge"]);
    }

    fn text_word(&mut self, word: &[u8]) {
        let is_time = |time: &&[u8]| {
            let mut parts = word.windows(time.len());
            parts.any(|part| part.eq_ignore_ascii_case(time))
        };
        // Two of them without anything between are perhaps one, which goes on in the next line.
        self.is_refused |= self.is_in_text || word.len() >= WORD_BYTES;
        self.is_refused |= TIMES.iter().any(is_time);
    }
}

impl Sink for Reader {
    fn token(&mut self, token: Token<'_>) {
        if self.is_refused {
            return;
        }
        match token {
            Token::Word(word) => self.word(word),
            Token::TextWord(word) => self.text_word(word),
            Token::TextMark(b'\\') | Token::Doubt => self.is_refused = true,
            Token::Name(_) | Token::Mark(_) => {
                self.is_refused |= !self.has_begun;
                self.writes = false;
            },
            Token::TextMark(_) => {},
        }
        self.is_in_text = matches!(token, Token::TextWord(_));
    }

    fn reads_texts(&self) -> bool {
        !self.is_refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tests::Plain;

    fn repeats(text: &str) -> bool {
        is_repeatable(text.as_bytes(), &Plain)
    }

    #[test]
    fn what_is_planned_and_means_the_same_each_time_is_repeatable() {
        for text in [
            "SELECT 1",
            " /* c */ select now(), current_date, today from t where a = $1 -- 'now'",
            "with x as (insert into t values ('a', 'b') returning *) select * from x",
            "INSERT INTO t (a) SELECT b FROM u",
            "merge into t using u on true when matched then delete",
            "update t set a = 'it is known that', b = $2 where c = 'b c'",
            "delete from t where a = '2020-01-01'::date",
            "values (1)",
            "select \"now\" from t",
        ] {
            assert_eq!(repeats(text), !text.contains("known"), "{text}");
        }
    }

    #[test]
    fn what_is_not_planned_or_makes_a_table_is_not() {
        for text in [
            "",
            "begin",
            "show a",
            "explain select 1",
            "create table t (a int)",
            "(select 1)",
            "\"select\" 1",
            "table t",
            "selects",
            "select 1 into t",
            "with x as (select 1) select * into t from x",
        ] {
            assert!(!repeats(text), "{text}");
        }
    }

    #[test]
    fn what_means_another_time_each_time_is_not() {
        for text in [
            "select 'now'::timestamp",
            "select date 'TODAY'",
            "select ' tomorrow 10:00'::timestamp",
            "select '[yesterday,today)'::daterange",
            "select '{2020-01-01,now(}'::timestamp[]",
            "select $$now$$::timestamp",
            "select $t$Now$t$::timestamp",
            "select e'\\156ow'::timestamp",
            "select 'no'\n'w'::timestamp",
            "select 'no' -- c\n 'w'::timestamp",
            "select 'n'\n''\n'ow'::timestamp",
            "select U&'\\006eow'::timestamp",
            "select u&'!006eow' uescape '!'",
            "select N'now'",
        ] {
            assert!(!repeats(text), "{text}");
        }
    }
}
