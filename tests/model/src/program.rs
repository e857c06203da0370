//! The statements that the model understands. What it does not understand is a syntax error.

use crate::token::Token;
use crate::token::tokens;

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `SELECT 'value' [n]`: n rows, one if not said, that carry the value.
    Rows {
        /// What every row carries.
        value: String,
        /// How many rows.
        count: usize,
    },
    /// `SELECT $1 [n]`: n rows that carry the parameter of that number, as it was bound.
    Echo {
        /// Which parameter, from 1 on.
        parameter: usize,
        /// How many rows.
        count: usize,
    },
    /// Makes, uses or drops what a session holds.
    Holding(Holding),
    /// `EXECUTE name`
    Execute(String),
    /// `SELECT current_setting('name', true)`, each with or without a look at its source in
    /// `pg_settings`: one row of what there is.
    Ask(Vec<(String, bool)>),
    /// `NOTICE 'text'`: says it.
    Notice(String),
    /// `BEGIN`
    Begin,
    /// `COMMIT`
    Commit,
    /// `ROLLBACK`
    Rollback,
    /// `SET [LOCAL] name = 'value'`, and `SELECT pg_catalog.set_config('name', 'value', local)`,
    /// of which there may be several in one statement.
    Set {
        /// Names and values.
        values: Vec<(String, String)>,
        /// For the transaction only.
        is_local: bool,
        /// It is a `SELECT`, and gives a row.
        is_function: bool,
    },
    /// `RESET name`
    Reset(String),
    /// `RESET ALL`
    ResetAll,
    /// `DISCARD ALL`
    DiscardAll,
    /// `SHOW name`
    Show(String),
    /// `COPY t FROM STDIN [n]`: fails after n messages, if said.
    CopyIn {
        /// How many messages are read before it fails.
        fails_after: Option<usize>,
    },
    /// `COPY t TO STDOUT [n]`
    CopyOut {
        /// How many lines.
        count: usize,
    },
    /// `FAIL`: an error, when it runs.
    Fail,
    /// `DOOM`: what the transaction has done fails at its commit.
    Doom,
    /// `SLEEP 'value'`: a row that carries the value, once somebody wakes it.
    Sleep(String),
    /// `DIE`: the session ends with a FATAL error.
    Die,
    /// `VANISH`: the session ends without a word.
    Vanish,
}

/// A statement that makes, uses or drops what a session holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// `SELECT 'value' FROM t`: one row, if the temporary table is there.
    RowOf {
        /// The table.
        table: String,
        /// What the row carries.
        value: String,
    },
    /// `CREATE TEMPORARY TABLE t`
    CreateTable(String),
    /// `DROP TABLE t`
    DropTable(String),
    /// `PREPARE name AS statement`
    Prepare(String, Box<Statement>),
    /// `DEALLOCATE name`, `DEALLOCATE ALL`
    Deallocate(Option<String>),
    /// `SAVEPOINT name`
    Savepoint(String),
    /// `ROLLBACK TO name`
    RollbackTo(String),
    /// `RELEASE name`
    Release(String),
}

impl Statement {
    /// Whether it can run in a failed transaction block.
    pub(crate) fn ends_block(&self) -> bool {
        matches!(
            self,
            Self::Commit | Self::Rollback | Self::Holding(Holding::RollbackTo(_))
        )
    }

    /// Whether it gives rows.
    pub(crate) fn has_rows(&self) -> bool {
        match self {
            Self::Rows { .. }
            | Self::Echo { .. }
            | Self::Holding(Holding::RowOf { .. })
            | Self::Show(_)
            | Self::Ask(_)
            | Self::Sleep(_) => true,
            Self::Set { is_function, .. } => *is_function,
            Self::Holding(_)
            | Self::Execute(_)
            | Self::Notice(_)
            | Self::Begin
            | Self::Commit
            | Self::Rollback
            | Self::Reset(_)
            | Self::ResetAll
            | Self::DiscardAll
            | Self::CopyIn { .. }
            | Self::CopyOut { .. }
            | Self::Fail
            | Self::Doom
            | Self::Die
            | Self::Vanish => false,
        }
    }

    /// How many parameters it takes.
    pub(crate) fn parameters(&self) -> usize {
        if let Self::Echo { parameter, .. } = self {
            *parameter
        } else {
            0
        }
    }

    /// It, with the values of its parameters.
    pub(crate) fn bound(self, values: &[String]) -> Self {
        let Self::Echo { parameter, count } = self else {
            return self;
        };
        let value = parameter.checked_sub(1).and_then(|at| values.get(at));
        Self::Rows {
            value: value.cloned().unwrap_or_default(),
            count,
        }
    }
}

/// Reads a string of statements; `None` if one of them is not understood.
pub fn parse(text: &str) -> Option<Vec<Statement>> {
    let tokens = tokens(text);
    tokens
        .split(|token| *token == Token::Sign(';'))
        .filter(|tokens| !tokens.is_empty())
        .map(statement)
        .collect()
}

fn statement(tokens: &[Token]) -> Option<Statement> {
    let (Token::Word(first), rest) = tokens.split_first()? else {
        return None;
    };
    if let Some(holding) = holding(first, rest) {
        return Some(Statement::Holding(holding));
    }
    Some(match (first.as_str(), rest) {
        ("begin", []) => Statement::Begin,
        ("commit", []) => Statement::Commit,
        ("rollback", []) => Statement::Rollback,
        ("fail", []) => Statement::Fail,
        ("doom", []) => Statement::Doom,
        ("die", []) => Statement::Die,
        ("vanish", []) => Statement::Vanish,
        ("sleep", [Token::Text(value)]) => Statement::Sleep(value.clone()),
        ("notice", [Token::Text(text)]) => Statement::Notice(text.clone()),
        ("execute", [Token::Word(name)]) => Statement::Execute(name.clone()),
        ("select", [Token::Sign('$'), Token::Word(number), count @ ..]) => Statement::Echo {
            parameter: number.parse().ok()?,
            count: count_or(count, 1)?,
        },
        ("select", [Token::Text(value), count @ ..]) => Statement::Rows {
            value: value.clone(),
            count: count_or(count, 1)?,
        },
        ("select", [Token::Word(function), ..]) if function.ends_with("current_setting") => {
            Statement::Ask(asked(rest)?)
        },
        ("select", calls) => set_config(calls)?,
        ("set", rest) => set(rest)?,
        ("reset", [Token::Word(all)]) if all == "all" => Statement::ResetAll,
        ("reset", name) => Statement::Reset(dotted(name)?),
        ("discard", [Token::Word(all)]) if all == "all" => Statement::DiscardAll,
        ("show", [Token::Word(name)]) => Statement::Show(name.clone()),
        ("copy", rest) => copy(rest)?,
        _ => return None,
    })
}

fn holding(first: &str, rest: &[Token]) -> Option<Holding> {
    Some(match (first, rest) {
        ("savepoint", [Token::Word(name)]) => Holding::Savepoint(name.clone()),
        ("release", [Token::Word(name)]) => Holding::Release(name.clone()),
        ("rollback", [Token::Word(to), Token::Word(name)]) if to == "to" => {
            Holding::RollbackTo(name.clone())
        },
        ("deallocate", [Token::Word(name)]) => {
            Holding::Deallocate((name != "all").then(|| name.clone()))
        },
        ("prepare", [Token::Word(name), Token::Word(r#as), rest @ ..]) if r#as == "as" => {
            Holding::Prepare(name.clone(), Box::new(statement(rest)?))
        },
        (
            "create",
            [
                Token::Word(temporary),
                Token::Word(_table),
                Token::Word(name),
            ],
        ) if temporary == "temporary" => Holding::CreateTable(name.clone()),
        ("drop", [Token::Word(_table), Token::Word(name)]) => Holding::DropTable(name.clone()),
        ("select", [Token::Text(value), Token::Word(from), Token::Word(table)])
            if from == "from" =>
        {
            Holding::RowOf {
                table: table.clone(),
                value: value.clone(),
            }
        },
        _ => return None,
    })
}

fn copy(rest: &[Token]) -> Option<Statement> {
    let [
        Token::Word(_table),
        Token::Word(direction),
        Token::Word(stream),
        count @ ..,
    ] = rest
    else {
        return None;
    };
    match (direction.as_str(), stream.as_str()) {
        ("from", "stdin") => Some(Statement::CopyIn {
            fails_after: if count.is_empty() {
                None
            } else {
                Some(count_or(count, 0)?)
            },
        }),
        ("to", "stdout") => Some(Statement::CopyOut {
            count: count_or(count, 1)?,
        }),
        _ => None,
    }
}

fn set(rest: &[Token]) -> Option<Statement> {
    let (is_local, rest) = match rest {
        [Token::Word(local), rest @ ..] if local == "local" => (true, rest),
        rest => (false, rest),
    };
    let [Token::Word(name), Token::Sign('='), Token::Text(value)] = rest else {
        return None;
    };
    Some(Statement::Set {
        values: vec![(name.clone(), value.clone())],
        is_local,
        is_function: false,
    })
}

/// Calls of `current_setting`, and sub-selects of the source of what they are called for.
fn asked(mut rest: &[Token]) -> Option<Vec<(String, bool)>> {
    let mut asked = Vec::new();
    loop {
        let (first, after) = rest.split_first()?;
        let text = after
            .iter()
            .position(|token| matches!(token, Token::Text(_)))?;
        let Some(Token::Text(name)) = after.get(text) else {
            return None;
        };
        match first {
            Token::Word(_current_setting) => asked.push((name.clone(), false)),
            Token::Text(_) | Token::Sign(_) => {
                asked.last_mut().filter(|(known, _)| known == name)?.1 = true;
            },
        }
        // A sub-select ends with two brackets.
        let brackets = if *first == Token::Sign('(') { 2 } else { 1 };
        let behind = after.get(text + 1..)?;
        let mut ends = behind
            .iter()
            .enumerate()
            .filter(|(_, token)| **token == Token::Sign(')'));
        let (end, _) = ends.nth(brackets - 1)?;
        match behind.get(end + 1..)? {
            [] => return Some(asked),
            [Token::Sign(','), more @ ..] => rest = more,
            _ => return None,
        }
    }
}

fn set_config(mut calls: &[Token]) -> Option<Statement> {
    let mut values = Vec::new();
    let mut is_local = false;
    loop {
        let [
            Token::Word(function),
            Token::Sign('('),
            Token::Text(name),
            Token::Sign(','),
            Token::Text(value),
            Token::Sign(','),
            Token::Word(local),
            Token::Sign(')'),
            rest @ ..,
        ] = calls
        else {
            return None;
        };
        if !function.ends_with("set_config") {
            return None;
        }
        values.push((name.clone(), value.clone()));
        is_local |= local == "true";
        match rest {
            [] => {
                return Some(Statement::Set {
                    values,
                    is_local,
                    is_function: true,
                });
            },
            [Token::Sign(','), more @ ..] => calls = more,
            _ => return None,
        }
    }
}

/// `a`, or `"a"."b"` with the dot as a token of its own.
fn dotted(name: &[Token]) -> Option<String> {
    match name {
        [Token::Word(name)] => Some(name.clone()),
        [Token::Word(first), Token::Word(dot), Token::Word(second)] if dot == "." => {
            Some(format!("{first}.{second}"))
        },
        _ => None,
    }
}

/// A number, if there is one.
fn count_or(tokens: &[Token], default: usize) -> Option<usize> {
    match tokens {
        [] => Some(default),
        [Token::Word(digits)] => digits.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_pooler_injects_is_understood() {
        let text = "BEGIN;RESET \"a\".\"b\";SELECT pg_catalog.set_config('TimeZone','UTC',false),\
            pg_catalog.set_config('x', E'y',false);COMMIT";
        let statements = parse(text).unwrap();
        assert_eq!(statements[1], Statement::Reset("a.b".to_owned()));
        let Statement::Set { values, .. } = &statements[2] else {
            panic!("{statements:?}");
        };
        assert_eq!(values[1], ("x".to_owned(), "y".to_owned()));
    }

    #[test]
    fn what_the_pooler_asks_is_understood() {
        let text = "SELECT pg_catalog.current_setting('a.b',true),pg_catalog.current_setting('x',true),\
            (SELECT source FROM pg_catalog.pg_settings WHERE \
            pg_catalog.lower(name)=pg_catalog.lower('x')),pg_catalog.current_setting('y',true)";
        let asked = [("a.b", false), ("x", true), ("y", false)];
        let asked = asked.map(|(name, wants_source)| (name.to_owned(), wants_source));
        assert_eq!(parse(text), Some(vec![Statement::Ask(asked.to_vec())]));
    }

    #[test]
    fn an_empty_string_has_no_statement_and_nonsense_is_refused() {
        assert_eq!(parse(" ; "), Some(Vec::new()));
        assert_eq!(parse("SELECT 'a'; NONSENSE"), None);
    }
}
