//! What a parenthesis opens, by the tokens before it: the arguments of a function, or something else.
//!
//! Whatever is not certainly something else is a call. Two names beside one another are a table or
//! an expression and its alias, since no operator is spelt like a name unless it is a keyword: an
//! alias may have a list of columns behind it.

use super::FunctionEffect;
use super::Functions;
use super::grammar::is_keyword;
use super::grammar::is_never_a_function;
use super::history::History;
use super::history::Seen;
use crate::sql::lexer::WORD_BYTES;

/// What a parenthesis opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// An expression, a list, a query, a type's length.
    Group,
    /// The same, and an expression may begin behind it: `OPERATOR(…)`, `DISTINCT ON (…)`.
    Prefix,
    /// The columns of a common table expression: `AS` comes behind it.
    Columns,
    /// Arguments of a function.
    Call,
}

/// What a parenthesis opens that comes now. `is_in_with`: between `WITH` and the statement that it
/// belongs to.
pub(super) fn opening(history: &History, is_in_with: bool) -> Opening {
    let last = history.seen(0);
    if !matches!(last, Seen::Word | Seen::Name) {
        return Opening::Group;
    }
    if history.is_mark(1, b'.') {
        return qualified(history);
    }
    if last == Seen::Word {
        let word = history.text(0);
        let is_prefix = match word {
            b"on" => history.is_word(1, "distinct"),
            b"operator" => ends_expression(history, 1),
            _ => false,
        };
        if is_prefix {
            return Opening::Prefix;
        }
        if is_never_a_function(word) {
            return Opening::Group;
        }
    }
    if is_in_with && begins_common_table(history) {
        return Opening::Columns;
    }
    let is_no_call = match history.seen(1) {
        // Behind a whole expression or table: `OVER (`, `FILTER (`, an alias.
        Seen::Mark(b')') => true,
        Seen::Mark(b':') => history.is_mark(2, b':'),
        // Two quoted names without anything between them may be one with a quote in it.
        Seen::Name => last == Seen::Word,
        Seen::Word => is_behind_word(history),
        Seen::Start | Seen::Mark(_) | Seen::Between => false,
    };
    if is_no_call {
        Opening::Group
    } else {
        Opening::Call
    }
}

/// `schema.name(`: a call, or the length of a type.
fn qualified(history: &History) -> Opening {
    let is_cast = history.is_mark(3, b':') && history.is_mark(4, b':');
    let is_behind_as = history.is_word(3, "as") && !history.is_mark(4, b'.');
    let is_named = matches!(history.seen(2), Seen::Word | Seen::Name);
    if is_named && (is_cast || is_behind_as) {
        Opening::Group
    } else {
        Opening::Call
    }
}

/// Whether the token is certainly the end of an expression, or a sign within one: a function behind
/// `FROM` may be called `operator` as well.
fn ends_expression(history: &History, back: usize) -> bool {
    match history.seen(back) {
        Seen::Word => match history.text(back) {
            b"end" | b"false" | b"null" | b"true" => true,
            word => !is_keyword(word) || history.is_mark(back + 1, b'.'),
        },
        Seen::Name | Seen::Between | Seen::Mark(b')' | b']') => true,
        Seen::Start | Seen::Mark(_) => false,
    }
}

fn begins_common_table(history: &History) -> bool {
    history.is_mark(1, b',')
        || history.is_word(1, "with")
        || history.is_word(1, "recursive") && history.is_word(2, "with")
}

/// What comes before the first of two words, the second of which stands before a parenthesis.
fn is_behind_word(history: &History) -> bool {
    // What stands behind a dot is a name, however it is spelt.
    if history.is_mark(2, b'.') || history.is_word(1, "as") {
        return true;
    }
    let before = |words: &[&str]| words.iter().any(|word| history.is_word(1, word));
    if history.seen(0) == Seen::Word {
        let is_clause = match history.text(0) {
            b"by" => before(&["group", "order", "partition"]),
            b"cube" | b"rollup" => before(&["by"]) && history.is_word(2, "group"),
            b"join" => before(&[
                "cross", "full", "inner", "left", "natural", "outer", "right",
            ]),
            b"materialized" => before(&["not"]) && history.is_word(2, "as"),
            b"second" => before(&["to"]),
            b"sets" => before(&["grouping"]),
            b"varying" => before(&["bit", "char", "character", "nchar"]),
            b"zone" => before(&["time"]) && history.is_word(2, "at"),
            _ => false,
        };
        if is_clause {
            return true;
        }
    }
    // An alias behind `WITH ORDINALITY`.
    before(&["ordinality"]) && history.is_word(2, "with") || !is_keyword(history.text(1))
}

/// What the function does whose arguments begin now.
pub(super) fn effect(history: &History, functions: &impl Functions) -> FunctionEffect {
    let name = history.text(0);
    let is_qualified = history.is_mark(1, b'.');
    // What stands before the dot; with another dot before it that is something else.
    let has_schema = is_qualified && !history.is_mark(3, b'.') && is_plain(history, 2);
    if !is_plain(history, 0) || is_qualified && !has_schema {
        return FunctionEffect::Unknown;
    }
    functions.effect(is_qualified.then(|| history.text(2)), name)
}

/// Whether a word or a name is certainly spelt as the server knows it.
fn is_plain(history: &History, back: usize) -> bool {
    // Longer names are cut, here and there.
    let text = history.text(back);
    let is_short = !text.is_empty() && text.len() < WORD_BYTES;
    let is_unicode = history.is_mark(back + 1, b'&') && history.is_word(back + 2, "u");
    is_short
        && match history.seen(back) {
            // Some servers fold other letters as well.
            Seen::Word => text.is_ascii(),
            Seen::Name => history.seen(back + 1) != Seen::Name && !is_unicode,
            Seen::Start | Seen::Mark(_) | Seen::Between => false,
        }
}
