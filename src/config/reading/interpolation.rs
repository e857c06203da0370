//! Environment variables in text: `${NAME}` and `${NAME:-default}`.
//!
//! Only `${` is special, and `$${` stands for those two characters: SCRAM verifiers and queries
//! are full of dollar signs that must come through as they are.

use std::borrow::Cow;

use crate::config::reading::problem::Problem;

/// Puts the variables in. As in a shell, `:-` gives the value for a variable that is not set or
/// empty. What a variable contains is not looked at again.
///
/// # Errors
/// [`Problem::VariableUnset`] and [`Problem::VariableReference`].
pub(in crate::config) fn expand(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Cow<'_, str>, Problem> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(literal) = before.strip_suffix('$') {
            expanded.push_str(literal);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let (reference, remainder) = after.split_once('}').ok_or(Problem::VariableReference)?;
        expanded.push_str(&resolve(reference, &variable)?);
        rest = remainder;
    }
    expanded.push_str(rest);
    Ok(Cow::Owned(expanded))
}

fn resolve(reference: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, Problem> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    if !is_name(name) {
        return Err(Problem::VariableReference);
    }
    match (variable(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Problem::VariableUnset {
            name: name.to_owned(),
        }),
    }
}

/// Whether it can be the name of a variable: letters, digits and `_`, no digit first.
pub(in crate::config) fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, Problem> {
        let variable = |name: &str| match name {
            "HOST" => Some("db.internal".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".to_owned()),
            _ => None,
        };
        expand(text, variable).map(Cow::into_owned)
    }

    #[test]
    fn variables_are_put_in() {
        assert_eq!(expanded("${HOST}").as_deref(), Ok("db.internal"));
        assert_eq!(
            expanded("a ${HOST}:${HOST}.").as_deref(),
            Ok("a db.internal:db.internal.")
        );
        assert_eq!(expanded("${EMPTY}").as_deref(), Ok(""));
    }

    #[test]
    fn a_default_stands_in_for_a_variable_that_is_unset_or_empty() {
        assert_eq!(
            expanded("${NONE:-x}${EMPTY:-y}${HOST:-z}").as_deref(),
            Ok("xydb.internal")
        );
        assert_eq!(expanded("${NONE:-}").as_deref(), Ok(""));
    }

    #[test]
    fn an_unset_variable_is_named() {
        assert_eq!(
            expanded("${NONE}"),
            Err(Problem::VariableUnset {
                name: "NONE".to_owned()
            })
        );
    }

    #[test]
    fn what_a_variable_contains_is_not_expanded_again() {
        assert_eq!(expanded("${NESTED}").as_deref(), Ok("${HOST}"));
    }

    #[test]
    fn dollar_signs_that_begin_no_reference_stay() {
        for text in [
            "SCRAM-SHA-256$4096:salt$stored:server",
            "$1",
            "$$",
            "a$",
            "$HOST",
            "{}",
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(text));
        }
        assert_eq!(expanded("$${HOST}").as_deref(), Ok("${HOST}"));
        assert_eq!(expanded("$$${HOST}").as_deref(), Ok("$${HOST}"));
    }

    #[test]
    fn a_broken_reference_is_refused() {
        for text in [
            "${",
            "${HOST",
            "${}",
            "${1A}",
            "${A B}",
            "${HOST:x}",
            "${:-x}",
        ] {
            assert_eq!(expanded(text), Err(Problem::VariableReference), "{text}");
        }
    }
}
