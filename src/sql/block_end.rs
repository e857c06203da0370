//! Texts that begin with the end of a transaction block.
//!
//! See <https://www.postgresql.org/docs/current/sql-commit.html> and its neighbours.

use crate::sql::Session;
use crate::sql::keywords::is_one_of;
use crate::sql::lexer::Lexer;
use crate::sql::lexer::Sink;
use crate::sql::lexer::Token;

/// Whether the first statement of a text ends the transaction block, whatever it was, and begins no
/// other: `COMMIT`, `ROLLBACK`, but not `ROLLBACK TO`, nor `COMMIT AND CHAIN`.
pub fn begins_with_block_end(text: &[u8], session: &impl Session) -> bool {
    let mut beginning = Beginning::default();
    let mut lexer = Lexer::new();
    lexer.feed(text, session, &mut beginning);
    lexer.finish(&mut beginning);
    beginning.is_end
}

/// The first statement of a text.
#[derive(Debug, Default)]
struct Beginning {
    words: u32,
    is_end: bool,
    is_over: bool,
}

impl Sink for Beginning {
    fn token(&mut self, token: Token<'_>) {
        if self.is_over {
            return;
        }
        match token {
            Token::Mark(b';') => self.is_over = self.words > 0,
            Token::Word(word) if self.words == 0 => {
                self.words += 1;
                self.is_end = is_one_of(word, &["abort", "commit", "end", "rollback"]);
            },
            Token::Word(word) => self.is_end &= is_one_of(word, &["transaction", "work"]),
            Token::Mark(_)
            | Token::Name(_)
            | Token::TextWord(_)
            | Token::TextMark(_)
            | Token::Doubt => self.is_end = false,
        }
    }

    fn reads_texts(&self) -> bool {
        !self.is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tests::Plain;

    #[test]
    fn only_what_ends_a_block_and_nothing_else_is_an_end() {
        let ends = |text: &str| begins_with_block_end(text.as_bytes(), &Plain);
        for text in [
            "COMMIT",
            " ;/* x */ rollback work; select 1",
            "end transaction;commit and chain",
            "abort -- to a\n; execute s",
        ] {
            assert!(ends(text), "{text}");
        }
        for text in [
            "",
            "select 1; commit",
            "rollback to a",
            "rollback to savepoint a; execute s",
            "commit and chain",
            "commit prepared 'x'",
            "\"commit\"",
            "commitment",
        ] {
            assert!(!ends(text), "{text}");
        }
    }
}
