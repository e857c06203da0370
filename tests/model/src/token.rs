//! SQL text as words, literals and separators. Comments are skipped.

/// One token of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word, lower case, or a number. A quoted identifier keeps its case.
    Word(String),
    /// A string literal.
    Text(String),
    /// Any other character that is not blank.
    Sign(char),
}

/// Splits SQL text into tokens.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' => found.push(Token::Text(quoted(&mut rest, '\''))),
            '"' => found.push(Token::Word(quoted(&mut rest, '"'))),
            '/' if rest.peek() == Some(&'*') => {
                let mut last = ' ';
                for character in rest.by_ref() {
                    if (last, character) == ('*', '/') {
                        break;
                    }
                    last = character;
                }
            },
            '-' if rest.peek() == Some(&'-') => {
                rest.by_ref().find(|character| *character == '\n');
            },
            _ if is_of_word(character) => {
                let mut word = character.to_ascii_lowercase().to_string();
                while let Some(next) = rest.next_if(|next| is_of_word(*next)) {
                    word.push(next.to_ascii_lowercase());
                }
                // The E of a literal with escapes.
                if word != "e" || rest.peek() != Some(&'\'') {
                    found.push(Token::Word(word));
                }
            },
            _ if character.is_whitespace() => {},
            _ => found.push(Token::Sign(character)),
        }
    }
    found
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.')
}

fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) -> String {
    let mut text = String::new();
    while let Some(character) = rest.next() {
        if character == quote && rest.next_if_eq(&quote).is_none() {
            break;
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_literals_and_signs_are_told_apart() {
        let word = |text: &str| Token::Word(text.to_owned());
        assert_eq!(
            tokens("SELECT /* x */ pg.f('it''s',\"Q\") -- rest\n;7"),
            [
                word("select"),
                word("pg.f"),
                Token::Sign('('),
                Token::Text("it's".to_owned()),
                Token::Sign(','),
                word("Q"),
                Token::Sign(')'),
                Token::Sign(';'),
                word("7"),
            ]
        );
    }
}
