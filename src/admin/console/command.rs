//! What an operator asked for. Decides nothing about rights: that is `execute`.

use super::error::ConsoleError;
use super::grammar::Token;
use super::grammar::tokens;
use crate::admin::Topic;
use crate::admin::access::Action;

/// The longest first word, in bytes; as in PgBouncer.
const VERB_BYTES_MAX: usize = 15;

/// The longest second word, in bytes; as in PgBouncer.
const ARGUMENT_BYTES_MAX: usize = 63;

/// The longest value of a `SET`, in bytes; as in PgBouncer.
const VALUE_BYTES_MAX: usize = 255;

/// Parameters that drivers set unasked and that have no meaning here; the first five are
/// PgBouncer's.
const IGNORED: [&str; 7] = [
    "client_encoding",
    "datestyle",
    "default_transaction_isolation",
    "standard_conforming_strings",
    "timezone",
    "application_name",
    "extra_float_digits",
];

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// No words at all.
    Nothing,
    /// `SHOW topic`, or `SELECT topic`.
    Show(Topic),
    /// `SHOW ROUTE tenant [database [user]] 'SQL'`.
    ShowRoute(Box<Routed>),
    /// `SET` of a parameter that has no meaning here.
    SetIgnored,
    /// `SET` of anything else.
    Set,
    /// `RELOAD`.
    Reload,
    /// `KILL_CLIENT id`, with what was given for the id.
    KillClient(String),
}

/// What `SHOW ROUTE` is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Routed {
    /// The tenant.
    pub(super) tenant: String,
    /// The database, by the name that clients give.
    pub(super) database: Option<String>,
    /// The user, by the name that clients give.
    pub(super) user: Option<String>,
    /// What a client would say.
    pub(super) text: String,
}

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    /// [`ConsoleError::InvalidCommand`] and [`ConsoleError::BadArguments`].
    pub(super) fn parse(query: &[u8]) -> Result<Self, ConsoleError> {
        let invalid = || ConsoleError::InvalidCommand(String::from_utf8_lossy(query).into_owned());
        let text = std::str::from_utf8(query).map_err(|_no_text| invalid())?;
        let tokens = tokens(text).map_err(|_malformed| invalid())?;
        let mut tokens = tokens.as_slice();
        let Some(Token::Word(verb)) = tokens.split_off_first() else {
            return if tokens.is_empty() {
                Ok(Self::Nothing)
            } else {
                Err(invalid())
            };
        };
        if verb.len() > VERB_BYTES_MAX {
            return Err(ConsoleError::BadArguments);
        }
        let is = |word: &str| verb.eq_ignore_ascii_case(word);
        match tokens {
            [Token::Word(argument), ..] if argument.len() > ARGUMENT_BYTES_MAX => {
                Err(ConsoleError::BadArguments)
            },
            [] if is("RELOAD") => Ok(Self::Reload),
            [] if is("KILL_CLIENT") => Err(ConsoleError::NoClientId),
            [Token::Word(topic)] if is("SHOW") || is("SELECT") => {
                Topic::of(topic).map(Self::Show).ok_or_else(invalid)
            },
            [Token::Word(topic), words @ .., Token::Literal(text)]
                if (is("SHOW") || is("SELECT")) && topic.eq_ignore_ascii_case("ROUTE") =>
            {
                show_route(words, text).ok_or_else(invalid)
            },
            [Token::Word(id)] if is("KILL_CLIENT") => Ok(Self::KillClient(id.clone())),
            [Token::Word(name), rest @ ..] if is("SET") => set(name, rest, invalid),
            _ => Err(invalid()),
        }
    }

    /// What it is to the table of rights; none for no command.
    pub(super) const fn action(&self) -> Option<Action> {
        Some(match self {
            Self::Nothing => return None,
            Self::Show(topic) => Action::Show(*topic),
            Self::ShowRoute(_) => Action::ShowRoute,
            Self::SetIgnored => Action::SetIgnored,
            Self::Set => Action::Set,
            Self::Reload => Action::Reload,
            Self::KillClient(_) => Action::KillClient,
        })
    }
}

/// What stands between `SHOW ROUTE` and the text.
fn show_route(words: &[Token], text: &str) -> Option<Command> {
    let mut names = Vec::new();
    for word in words {
        match word {
            Token::Word(name) => names.push(name.clone()),
            Token::Literal(_) | Token::Equals => return None,
        }
    }
    let mut names = names.into_iter();
    let routed = Routed {
        tenant: names.next()?,
        database: names.next(),
        user: names.next(),
        text: text.to_owned(),
    };
    let has_more = names.next().is_some();
    (!has_more).then(|| Command::ShowRoute(Box::new(routed)))
}

/// `SET name = value`, `SET name TO value`.
fn set(
    name: &str,
    rest: &[Token],
    invalid: impl Fn() -> ConsoleError,
) -> Result<Command, ConsoleError> {
    let value = match rest {
        [Token::Equals, value] => value,
        [Token::Word(to), value] if to.eq_ignore_ascii_case("TO") => value,
        _ => return Err(invalid()),
    };
    match value {
        Token::Equals => Err(invalid()),
        Token::Word(value) | Token::Literal(value) if value.len() > VALUE_BYTES_MAX => {
            Err(ConsoleError::BadArguments)
        },
        Token::Word(_) | Token::Literal(_) => {
            let mut ignored = IGNORED.iter();
            let is_ignored = ignored.any(|ignored| ignored.eq_ignore_ascii_case(name));
            Ok(if is_ignored {
                Command::SetIgnored
            } else {
                Command::Set
            })
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Command, ConsoleError> {
        Command::parse(text.as_bytes())
    }

    #[test]
    fn commands_are_read_in_any_case_and_select_is_show() {
        for text in [
            "SHOW POOLS",
            "show pools;",
            "Select \"Pools\"",
            "-- x\nSHOW POOLS",
        ] {
            assert_eq!(parse(text), Ok(Command::Show(Topic::Pools)), "{text}");
        }
        for topic in Topic::ALL {
            assert_eq!(
                parse(&format!("SHOW {}", topic.word())),
                Ok(Command::Show(topic))
            );
        }
        assert_eq!(parse("reload;"), Ok(Command::Reload));
        assert_eq!(
            parse("KILL_CLIENT 42"),
            Ok(Command::KillClient("42".to_owned()))
        );
        assert_eq!(parse(";"), Ok(Command::Nothing));
    }

    #[test]
    fn set_is_read_in_both_forms() {
        assert_eq!(parse("SET datestyle TO 'ISO'"), Ok(Command::SetIgnored));
        assert_eq!(parse("set Extra_Float_Digits=3;"), Ok(Command::SetIgnored));
        assert_eq!(parse("SET max_client_conn = 5"), Ok(Command::Set));
        for text in [
            "SET",
            "SET a",
            "SET a =",
            "SET a = =",
            "SET a b",
            "SET a = b c",
        ] {
            assert_eq!(
                parse(text),
                Err(ConsoleError::InvalidCommand(text.to_owned()))
            );
        }
    }

    #[test]
    fn a_route_is_asked_of_a_tenant_and_if_need_be_of_its_database_and_user() {
        let routed = |tenant: &str, database: Option<&str>, user: Option<&str>, text: &str| {
            let routed = Routed {
                tenant: tenant.to_owned(),
                database: database.map(str::to_owned),
                user: user.map(str::to_owned),
                text: text.to_owned(),
            };
            Ok(Command::ShowRoute(Box::new(routed)))
        };
        for (text, expected) in [
            (
                "SHOW ROUTE acme 'select 1;'",
                routed("acme", None, None, "select 1;"),
            ),
            (
                "show route acme shop 'select ''a'' '",
                routed("acme", Some("shop"), None, "select 'a' "),
            ),
            (
                "SELECT route acme \"my-shop\" app '-- x\n'",
                routed("acme", Some("my-shop"), Some("app"), "-- x\n"),
            ),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "SHOW ROUTE",
            "SHOW ROUTE 'select 1'",
            "SHOW ROUTE acme",
            "SHOW ROUTE acme shop app more 'select 1'",
            "SHOW ROUTE acme 'select 1' shop",
            "SHOW ROUTE acme = 'select 1'",
            "RELOAD route acme 'select 1'",
        ] {
            let invalid = ConsoleError::InvalidCommand(text.to_owned());
            assert_eq!(parse(text), Err(invalid));
        }
    }

    #[test]
    fn what_is_no_command_is_repeated_with_a_hint() {
        for text in [
            "SHOW",
            "SHOW FDS",
            "SHOW POOLS acme",
            "SHOW 'pools'",
            "RELOAD now",
            "PAUSE",
            "SELECT 1",
            "BEGIN",
            "'SHOW' pools",
            "SHOW POOLS; RELOAD",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("invalid command '{text}', use SHOW HELP;")
            );
        }
        assert!(Command::parse(b"SHOW \xff").is_err());
    }

    #[test]
    fn pieces_that_are_too_long_are_bad_arguments() {
        let long = "x".repeat(64);
        for text in [
            "x".repeat(16),
            format!("SHOW {long}"),
            format!("KILL_CLIENT {long}"),
            format!("SET a = '{}'", "x".repeat(256)),
        ] {
            assert_eq!(parse(&text), Err(ConsoleError::BadArguments), "{text}");
        }
    }
}
