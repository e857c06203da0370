//! The tenant named in the startup parameter `options`, and what remains of the parameter.
//!
//! Tidegate's own options are taken out, because the server would refuse them; everything else is
//! handed on as it was written. The syntax is that of `pg_split_opts`: words between white space, a
//! backslash takes the next character as it is.
//!
//! See <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS>.

use std::borrow::Cow;

/// The options that name a tenant: Tidegate's own word, and Supavisor's.
const TENANT_OPTIONS: [&str; 2] = ["tenant", "reference"];

/// What the parameter says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StartupOptions<'a> {
    /// Every value given for the tenant, in order; it may be anything.
    pub(super) tenants: Vec<String>,
    /// What to hand on to the server; `None` when nothing remains.
    pub(super) rest: Option<Cow<'a, str>>,
}

/// Reads `tenant=…` and `reference=…`, each as a word of its own, after `-c`, `-c` with the word
/// attached, or `--`. The equals sign may be percent-encoded, as some drivers leave it.
pub(super) fn read(options: &str) -> StartupOptions<'_> {
    let mut tenants = Vec::new();
    let mut rest: Vec<&str> = Vec::new();
    let mut words = words(options).peekable();
    while let Some(word) = words.next() {
        let text = unescape(word);
        if text == "-c" {
            if let Some(tenant) = words.peek().and_then(|next| tenant_of(&unescape(next))) {
                tenants.push(tenant);
                words.next();
            } else {
                rest.push(word);
                // The next word is this option's value, whatever it looks like.
                rest.extend(words.next());
            }
        } else if let Some(tenant) = tenant_of(without_dashes(&text)) {
            tenants.push(tenant);
        } else {
            rest.push(word);
        }
    }
    let rest = if tenants.is_empty() {
        Some(Cow::Borrowed(options))
    } else {
        (!rest.is_empty()).then(|| Cow::Owned(rest.join(" ")))
    };
    StartupOptions { tenants, rest }
}

/// The words as they are written, escapes included.
fn words(options: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    options
        .split(move |character| {
            let ends = !escaped && is_space(character);
            escaped = !escaped && character == '\\';
            ends
        })
        .filter(|word| !word.is_empty())
}

/// `isspace` in the C locale.
const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

fn unescape(word: &str) -> Cow<'_, str> {
    if !word.contains('\\') {
        return Cow::Borrowed(word);
    }
    let mut text = String::with_capacity(word.len());
    let mut characters = word.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

fn without_dashes(word: &str) -> &str {
    word.strip_prefix("--")
        .or_else(|| word.strip_prefix("-c"))
        .unwrap_or(word)
}

/// The value, if this assigns to an option that names a tenant. Names of settings know no case.
fn tenant_of(assignment: &str) -> Option<String> {
    let (name, value) = ["=", "%3D", "%3d"]
        .iter()
        .find_map(|equals| assignment.split_once(equals))?;
    TENANT_OPTIONS
        .iter()
        .any(|option| name.eq_ignore_ascii_case(option))
        .then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(options: &str) -> (Vec<String>, Option<String>) {
        let StartupOptions { tenants, rest } = read(options);
        (tenants, rest.map(Cow::into_owned))
    }

    #[test]
    fn every_way_to_write_the_option_is_read_and_taken_out() {
        for options in [
            "tenant=acme",
            "reference=acme",
            "-c tenant=acme",
            "-c reference=acme",
            "-creference=acme",
            "--tenant=acme",
            "--reference=acme",
            "reference%3Dacme",
            "-c  Tenant=acme ",
            r"-c ten\ant=ac\me",
        ] {
            assert_eq!(parts(options), (vec!["acme".to_owned()], None), "{options}");
        }
    }

    #[test]
    fn other_options_are_handed_on_as_they_were_written() {
        for options in [
            "",
            "  ",
            "-c search_path=a\\ b",
            "-c geqo=off -c",
            "--application_name=tenant=x",
            "-c application_name=tenant=x",
            "tenant",
            "-c mytenant=x",
        ] {
            assert_eq!(
                parts(options),
                (vec![], Some(options.to_owned())),
                "{options}"
            );
        }
        let mixed = r"-c geqo=off reference=acme -c search_path=a\ b --tenant=other -d 2";
        assert_eq!(
            parts(mixed),
            (
                vec!["acme".to_owned(), "other".to_owned()],
                Some(r"-c geqo=off -c search_path=a\ b -d 2".to_owned())
            )
        );
    }

    #[test]
    fn an_escaped_space_does_not_start_an_option() {
        let options = r"-c application_name=x\ tenant=evil";
        assert_eq!(parts(options), (vec![], Some(options.to_owned())));
        let options = r"-c application_name=x\\ tenant=acme";
        assert_eq!(
            parts(options),
            (
                vec!["acme".to_owned()],
                Some(r"-c application_name=x\\".to_owned())
            )
        );
    }

    #[test]
    fn the_value_of_another_option_is_never_taken_for_a_tenant() {
        assert_eq!(
            parts("-c -c tenant=acme"),
            (vec!["acme".to_owned()], Some("-c -c".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn what_remains_names_no_tenant(options in r"[-c =\\tenarfD%3\t ]{0,40}|(-c |--|)(tenant|reference|x)(=|%3D)[a-z ]{0,5}( -c geqo=off){0,2}") {
            let first = read(&options);
            if let Some(rest) = &first.rest {
                let again = read(rest);
                prop_assert!(first.tenants.is_empty() || again.tenants.is_empty(), "{rest}");
            }
        }
    }
}
