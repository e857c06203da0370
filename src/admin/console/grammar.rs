//! The words of a command, by PgBouncer's grammar.
//!
//! ```text
//! WORD    = "(…|"")*"  or  [0-9A-Za-z_]+
//! LITERAL = '(…|'')*'
//! command = (WORD | LITERAL | '=')* ';'*
//! ```
//!
//! Unlike PgBouncer, comments may stand wherever white space may: drivers and tools put them before
//! what they ask. There is no second command after a semicolon.

/// One piece of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, plain or in double quotes, which are taken off.
    Word(String),
    /// A text in single quotes, which are taken off.
    Literal(String),
    /// The sign `=`.
    Equals,
}

/// The text is not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Splits a text into its tokens.
///
/// # Errors
/// [`Malformed`]: a character that begins nothing, a quote or comment without an end, or a second
/// command.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Malformed> {
    let mut tokens = Vec::new();
    let mut rest = blank(text)?;
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            ';' => {
                let rest = ended(rest)?;
                return if rest.is_empty() {
                    Ok(tokens)
                } else {
                    Err(Malformed)
                };
            },
            '=' => (Token::Equals, rest.get(1..).unwrap_or_default()),
            '"' => {
                let (word, after) = quoted(rest, '"')?;
                (Token::Word(word), after)
            },
            '\'' => {
                let (literal, after) = quoted(rest, '\'')?;
                (Token::Literal(literal), after)
            },
            _ => {
                let is_other =
                    |character: char| !character.is_ascii_alphanumeric() && character != '_';
                let (word, after) = rest.split_at(rest.find(is_other).unwrap_or(rest.len()));
                if word.is_empty() {
                    return Err(Malformed);
                }
                (Token::Word(word.to_owned()), after)
            },
        };
        tokens.push(token);
        rest = blank(after)?;
    }
    Ok(tokens)
}

/// What follows semicolons and blanks.
fn ended(mut text: &str) -> Result<&str, Malformed> {
    while let Some(rest) = text.strip_prefix(';') {
        text = blank(rest)?;
    }
    Ok(text)
}

/// What follows white space and comments.
fn blank(mut text: &str) -> Result<&str, Malformed> {
    loop {
        text = text.trim_start();
        if let Some(comment) = text.strip_prefix("--") {
            text = comment.split_once('\n').map_or("", |(_comment, rest)| rest);
        } else if text.starts_with("/*") {
            text = block_comment(text)?;
        } else {
            return Ok(text);
        }
    }
}

/// What follows a block comment, which may hold others, as in SQL.
fn block_comment(text: &str) -> Result<&str, Malformed> {
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        if let Some(inner) = rest.strip_prefix("/*") {
            depth += 1;
            rest = inner;
        } else if let Some(outer) = rest.strip_prefix("*/") {
            depth = depth.saturating_sub(1);
            rest = outer;
            if depth == 0 {
                return Ok(rest);
            }
        } else {
            let mut characters = rest.chars();
            characters.next().ok_or(Malformed)?;
            rest = characters.as_str();
        }
    }
}

/// The text in quotes that begins here, and what follows it. A doubled quote is one.
fn quoted(text: &str, quote: char) -> Result<(String, &str), Malformed> {
    let mut content = String::new();
    let mut rest = text.strip_prefix(quote).ok_or(Malformed)?;
    loop {
        let (before, after) = rest.split_once(quote).ok_or(Malformed)?;
        content.push_str(before);
        let Some(doubled) = after.strip_prefix(quote) else {
            return Ok((content, after));
        };
        content.push(quote);
        rest = doubled;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let word = |token| match token {
            Token::Word(word) => word,
            Token::Literal(literal) => format!("'{literal}'"),
            Token::Equals => "=".to_owned(),
        };
        tokens(text).unwrap().into_iter().map(word).collect()
    }

    #[test]
    fn white_space_comments_and_semicolons_do_not_matter() {
        for text in [
            "SHOW POOLS",
            "  SHOW\t\n POOLS ;",
            "SHOW POOLS;;  ; ",
            "-- who is there?\nSHOW POOLS",
            "/* a /* nested */ comment */ SHOW/**/POOLS; -- done",
            "\"SHOW\" \"POOLS\"",
        ] {
            assert_eq!(words(text), ["SHOW", "POOLS"], "{text}");
        }
    }

    #[test]
    fn quotes_hold_anything_and_are_doubled_to_stand_for_themselves() {
        assert_eq!(words(r#"PAUSE "my-""db""; x""#), ["PAUSE", "my-\"db\"; x"]);
        assert_eq!(words("SET a='it''s'"), ["SET", "a", "=", "'it's'"]);
        assert_eq!(words("SET a = ''"), ["SET", "a", "=", "''"]);
    }

    #[test]
    fn nothing_has_no_words() {
        for text in ["", " ", ";", "-- ping", "/* ping */;"] {
            assert_eq!(tokens(text), Ok(Vec::new()), "{text}");
        }
    }

    #[test]
    fn what_has_no_end_or_no_meaning_is_malformed() {
        for text in [
            "SHOW POOLS; SHOW STATS",
            "SELECT version()",
            "PAUSE my-db",
            "PAUSE \"db",
            "SET a = 'b",
            "/* SHOW POOLS",
            "/* /* */ SHOW POOLS",
            "SHOW p\u{f6}\u{f6}ls",
            "SHOW $1",
        ] {
            assert_eq!(tokens(text), Err(Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_read(text: String) {
            let _tokens_or_not = tokens(&text);
        }

        #[test]
        fn a_quoted_name_comes_out_as_it_was(name: String) {
            let text = format!("KILL \"{}\"", name.replace('"', "\"\""));
            prop_assert_eq!(tokens(&text).unwrap()[1].clone(), Token::Word(name));
        }
    }
}
