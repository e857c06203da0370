//! The `options` parameter of a startup message: switches as on the command line of a server.
//! Reads those that set a setting; any other is reported as it is and never guessed at.
//!
//! See "options", <https://www.postgresql.org/docs/current/libpq-connect.html>.

use std::iter::Peekable;

/// One part of the `options` parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// `-c name=value`, `-cname=value` or `--name=value`.
    Setting {
        /// The setting, with `_` for every `-`, as servers read it.
        name: Vec<u8>,
        /// Its value; may be empty.
        value: Vec<u8>,
    },
    /// Anything else, with its escapes resolved: a switch that a pooler does not know, or one that
    /// a server would refuse too.
    Other(Vec<u8>),
}

/// Reads the `options` parameter, one switch at a time, so that many switches need no more memory
/// than one.
///
/// Words are separated by white space; a backslash takes the next character as it is.
#[derive(Debug, Clone)]
pub struct Switches<'a> {
    words: Peekable<Words<'a>>,
}

impl<'a> Switches<'a> {
    /// The switches in the value of an `options` parameter.
    pub fn new(options: &'a [u8]) -> Self {
        Self {
            words: Words { rest: options }.peekable(),
        }
    }

    fn switch(&mut self, word: Vec<u8>) -> Switch {
        if let Some(setting) = word.strip_prefix(b"--") {
            return setting_of(setting).unwrap_or(Switch::Other(word));
        }
        let setting = match word.strip_prefix(b"-c") {
            None => None,
            Some(b"") => match self.words.peek().and_then(|next| setting_of(next)) {
                None => None,
                found => {
                    self.words.next();
                    found
                },
            },
            Some(setting) => setting_of(setting),
        };
        setting.unwrap_or(Switch::Other(word))
    }
}

impl Iterator for Switches<'_> {
    type Item = Switch;

    fn next(&mut self) -> Option<Switch> {
        let word = self.words.next()?;
        Some(self.switch(word))
    }
}

/// `name=value`; `None` without the sign or without a name.
fn setting_of(setting: &[u8]) -> Option<Switch> {
    let sign_at = setting.iter().position(|&byte| byte == b'=')?;
    let (name, value) = setting.split_at_checked(sign_at)?;
    if name.is_empty() {
        return None;
    }
    let name = name
        .iter()
        .map(|&byte| if byte == b'-' { b'_' } else { byte })
        .collect();
    Some(Switch::Setting {
        name,
        value: value.strip_prefix(b"=")?.to_vec(),
    })
}

/// Words between white space, with escapes resolved.
#[derive(Debug, Clone)]
struct Words<'a> {
    rest: &'a [u8],
}

impl Iterator for Words<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some((first, rest)) = self.rest.split_first()
            && is_space(*first)
        {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        let mut word = Vec::new();
        let mut escaped = false;
        while let Some((&byte, rest)) = self.rest.split_first() {
            if is_space(byte) && !escaped {
                break;
            }
            escaped = byte == b'\\' && !escaped;
            if !escaped {
                word.push(byte);
            }
            self.rest = rest;
        }
        Some(word)
    }
}

/// What `isspace` of C calls white space.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn switches(options: &str) -> Vec<Switch> {
        Switches::new(options.as_bytes()).collect()
    }

    fn setting(name: &str, value: &str) -> Switch {
        Switch::Setting {
            name: name.into(),
            value: value.into(),
        }
    }

    fn other(word: &str) -> Switch {
        Switch::Other(word.into())
    }

    #[test]
    fn a_setting_has_three_spellings() {
        let expected = [
            setting("work_mem", "1MB"),
            setting("a.b", "c"),
            setting("geqo", "off"),
        ];
        assert_eq!(switches("-c work_mem=1MB -ca.b=c --geqo=off"), expected);
        assert_eq!(
            switches("\t-c\n work_mem=1MB\x0b-ca.b=c \r\x0c--geqo=off "),
            expected
        );
    }

    #[test]
    fn a_backslash_takes_the_next_character_as_it_is() {
        let path = [setting("search_path", r"a, b\c")];
        assert_eq!(switches(r"-c search_path=a,\ b\\c"), path);
        assert_eq!(switches(r"--search-path=a,\ b\\c\"), path);
    }

    #[test]
    fn dashes_in_a_name_are_underscores_and_in_a_value_are_not() {
        assert_eq!(
            switches("--statement-timeout=-1"),
            [setting("statement_timeout", "-1")]
        );
        assert_eq!(
            switches("-c statement-timeout=-1"),
            [setting("statement_timeout", "-1")]
        );
    }

    #[test]
    fn a_value_may_be_empty_and_may_contain_the_sign() {
        assert_eq!(
            switches("-c a= --b=c=d"),
            [setting("a", ""), setting("b", "c=d")]
        );
    }

    #[test]
    fn other_switches_are_reported() {
        let words = [
            "-B", "100", "-e", "--", "--geqo", "-cgeqo", "-c", "-f", "s", "--=x", "-",
        ];
        assert_eq!(switches(&words.join(" ")), words.map(other));
        assert_eq!(switches("-c"), [other("-c")]);
        assert_eq!(switches("-c -c a=b"), [other("-c"), setting("a", "b")]);
    }

    #[test]
    fn nothing_and_white_space_have_no_switches() {
        assert_eq!(switches(""), []);
        assert_eq!(switches(" \t\r\n\x0b\x0c"), []);
    }

    proptest! {
        #[test]
        fn an_escaped_value_comes_back_as_it_was(value in "[^\0]{0,20}") {
            let mut escaped = String::new();
            for character in value.chars() {
                if character == '\\' || character.is_ascii_whitespace() || character == '\x0b' {
                    escaped.push('\\');
                }
                escaped.push(character);
            }
            prop_assert_eq!(switches(&format!("-c a={escaped} -e")), [setting("a", &value), other("-e")]);
        }
    }
}
