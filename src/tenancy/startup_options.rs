//! The tenant named in the startup parameter `options`, and what remains of the parameter.
//!
//! Tidegate's own options are taken out, because the server would refuse them; everything else is
//! handed on, and unchanged when there were none of ours.

use std::borrow::Cow;

use tidegate_proto::startup::Switch;
use tidegate_proto::startup::Switches;

/// The options that name a tenant: Tidegate's own word, and Supavisor's.
const TENANT_OPTIONS: [&[u8]; 2] = [b"tenant", b"reference"];

/// An equals sign, and the two ways in which some drivers leave it percent-encoded.
const EQUALS: [&[u8]; 3] = [b"=", b"%3D", b"%3d"];

/// What the parameter says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StartupOptions<'a> {
    /// Every value given for the tenant, in order; it may be anything.
    pub(super) tenants: Vec<Vec<u8>>,
    /// What to hand on to the server; `None` when nothing remains.
    pub(super) rest: Option<Cow<'a, [u8]>>,
}

/// Reads `tenant=…` and `reference=…`, each as a word of its own, after `-c`, or after `--`.
pub(super) fn read(options: &[u8]) -> StartupOptions<'_> {
    let mut tenants = Vec::new();
    let mut rest = Vec::new();
    let mut switches = Switches::new(options).peekable();
    while let Some(switch) = switches.next() {
        if let Some(tenant) = tenant_of(&switch) {
            tenants.push(tenant);
        } else if !(is_lone_c(&switch) && switches.peek().is_some_and(is_ours)) {
            hand_on(&switch, &mut rest);
        }
    }
    let rest = if tenants.is_empty() {
        Some(Cow::Borrowed(options))
    } else {
        (!rest.is_empty()).then_some(Cow::Owned(rest))
    };
    StartupOptions { tenants, rest }
}

/// The value, if this assigns to an option that names a tenant. Names of settings know no case.
fn tenant_of(switch: &Switch) -> Option<Vec<u8>> {
    let (name, value) = match switch {
        Switch::Setting { name, value } => (name.as_slice(), value.as_slice()),
        Switch::Other(word) => assignment(word)?,
    };
    TENANT_OPTIONS
        .iter()
        .any(|option| name.eq_ignore_ascii_case(option))
        .then(|| value.to_vec())
}

fn is_ours(switch: &Switch) -> bool {
    tenant_of(switch).is_some()
}

/// `-c` before a word that Postgres does not take for an assignment but we do: it goes with the
/// word, or it would take the next one.
fn is_lone_c(switch: &Switch) -> bool {
    *switch == Switch::Other(b"-c".to_vec())
}

/// A bare `name=value`, which is no switch of Postgres; Supavisor's clients write it so.
fn assignment(word: &[u8]) -> Option<(&[u8], &[u8])> {
    EQUALS.iter().find_map(|equals| {
        let at = word
            .windows(equals.len())
            .position(|part| part == *equals)?;
        let (name, value) = word.split_at_checked(at)?;
        Some((name, value.strip_prefix(*equals)?))
    })
}

/// Appends a switch as the server's own splitting reads it again.
fn hand_on(switch: &Switch, rest: &mut Vec<u8>) {
    if !rest.is_empty() {
        rest.push(b' ');
    }
    match switch {
        Switch::Setting { name, value } => {
            rest.extend_from_slice(b"-c ");
            escape(name, rest);
            rest.push(b'=');
            escape(value, rest);
        },
        Switch::Other(word) => escape(word, rest),
    }
}

fn escape(text: &[u8], rest: &mut Vec<u8>) {
    for byte in text {
        if matches!(byte, b'\\' | b' ' | b'\t'..=b'\r') {
            rest.push(b'\\');
        }
        rest.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(options: &str) -> (Vec<String>, Option<String>) {
        let StartupOptions { tenants, rest } = read(options.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (
            tenants.iter().map(|tenant| text(tenant)).collect(),
            rest.map(|rest| text(&rest)),
        )
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
            "tenant%3dacme",
            "-c tenant%3dacme",
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
            "-c  search_path=a\\ b",
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
        assert_eq!(
            read(b"-c a=\xff").rest,
            Some(Cow::Borrowed(&b"-c a=\xff"[..]))
        );
    }

    #[test]
    fn options_beside_the_tenant_keep_their_meaning() {
        let mixed = r"--geqo=off reference=acme -csearch_path=a\ b --tenant=other -d 2";
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

    /// The settings that the server would read, apart from our own.
    fn foreign(options: &[u8]) -> Vec<Switch> {
        Switches::new(options)
            .filter(|switch| matches!(switch, Switch::Setting { .. }) && !is_ours(switch))
            .collect()
    }

    proptest! {
        #[test]
        fn what_remains_is_what_was_not_ours(
            words in prop::collection::vec(
                prop_oneof![
                    "(-c |-c|--|)(tenant|reference|geqo|x)(=|%3D)[a-z\\\\ ]{0,5}",
                    "[-a-c=\\\\ \t%3D]{0,8}",
                ],
                0..6,
            ),
        ) {
            let options = words.join(" ").into_bytes();
            let read = read(&options);
            let rest = read.rest.unwrap_or_default();
            if read.tenants.is_empty() {
                prop_assert_eq!(&*rest, &options[..]);
            } else {
                prop_assert_eq!(foreign(&rest), foreign(&options));
                prop_assert!(!Switches::new(&rest).any(|switch| is_ours(&switch)));
            }
        }
    }
}
