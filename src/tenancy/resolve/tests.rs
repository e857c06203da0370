//! How a tenant is named: the whole table of places, and the edges of each.

use super::*;

const LISTENER: ListenerNaming<'static> = ListenerNaming {
    default_tenant: None,
    sni_suffix: Some("db.example.com"),
};

fn named(
    user: &str,
    options: Option<&str>,
    server_name: Option<&str>,
) -> Result<String, ResolveError> {
    let names = Names {
        user,
        options: options.map(str::as_bytes),
        server_name,
    };
    resolve(&LISTENER, &names).map(|named| format!("{}@{}", named.user, named.tenant))
}

fn one(user: &str) -> Result<String, ResolveError> {
    named(user, None, None)
}

/// Nothing, the tenant `a`, or the tenant `b`.
const CHOICES: [Option<&str>; 3] = [None, Some("a"), Some("b")];

#[test]
fn every_combination_of_places_agrees_or_is_refused() {
    for by_user in CHOICES {
        for by_options in CHOICES {
            for by_server_name in CHOICES {
                for default_tenant in CHOICES {
                    check([by_user, by_options, by_server_name], default_tenant);
                }
            }
        }
    }
}

fn check(places: [Option<&str>; 3], default_tenant: Option<&str>) {
    let [by_user, by_options, by_server_name] = places;
    let user = by_user.map_or("app".to_owned(), |tenant| format!("app.{tenant}"));
    let options = by_options.map(|tenant| format!("-c tenant={tenant} -c geqo=off"));
    let server_name = by_server_name.map(|tenant| format!("{tenant}.db.example.com"));
    let listener = ListenerNaming {
        default_tenant,
        ..LISTENER
    };
    let names = Names {
        user: &user,
        options: options.as_deref().map(str::as_bytes),
        server_name: server_name.as_deref(),
    };
    let result = resolve(&listener, &names);

    let given: Vec<&str> = places.into_iter().flatten().collect();
    let case = format!("{places:?} default {default_tenant:?}");
    match (given.first(), default_tenant) {
        (None, None) => assert_eq!(result, Err(ResolveError::Unnamed), "{case}"),
        (Some(first), _) if given.iter().any(|other| other != first) => {
            assert!(
                matches!(result, Err(ResolveError::Disagreement(_, _))),
                "{case}"
            );
        },
        (first, default) => {
            let expected = first.copied().or(default).unwrap();
            let named = result.expect(&case);
            assert_eq!((&*named.tenant, named.user), (expected, "app"), "{case}");
            assert_eq!(
                named.named_by == NamedBy::Listener,
                first.is_none(),
                "{case}"
            );
            assert_eq!(
                named.options.as_deref(),
                by_options.map(|_| &b"-c geqo=off"[..]),
                "{case}"
            );
        },
    }
}

#[test]
fn the_user_name_is_split_at_its_last_dot() {
    assert_eq!(one("first.last.acme"), Ok("first.last@acme".to_owned()));
    assert_eq!(
        one("j@example.com.acme"),
        Ok("j@example.com@acme".to_owned())
    );
    assert_eq!(one("a..acme"), Ok("a.@acme".to_owned()));
}

#[test]
fn a_dot_always_names_a_tenant_even_where_another_place_does() {
    assert_eq!(
        named("first.last", Some("tenant=acme"), None),
        Err(ResolveError::Disagreement(NamedBy::User, NamedBy::Options))
    );
    assert_eq!(
        named("first.last.acme", Some("tenant=acme"), None),
        Ok("first.last@acme".to_owned())
    );
}

#[test]
fn what_cannot_be_a_tenant_is_refused_where_it_stands() {
    for user in ["app.", "app.Acme", "app.ac me", "app.ac\u{e9}", "app.\n"] {
        assert_eq!(
            one(user),
            Err(ResolveError::NoName(NamedBy::User)),
            "{user}"
        );
    }
    for options in ["tenant=", "-c reference=../x", "tenant=%61"] {
        assert_eq!(
            named("app", Some(options), None),
            Err(ResolveError::NoName(NamedBy::Options)),
            "{options}"
        );
    }
    assert_eq!(
        named("app", None, Some("a*b.db.example.com")),
        Err(ResolveError::NoName(NamedBy::ServerName))
    );
}

#[test]
fn an_empty_user_is_refused() {
    assert_eq!(one(".acme"), Err(ResolveError::NoUser));
    assert_eq!(
        named("", Some("tenant=acme"), None),
        Err(ResolveError::NoUser)
    );
}

#[test]
fn two_options_must_agree_too() {
    assert_eq!(
        named("app", Some("tenant=acme --reference=acme"), None),
        Ok("app@acme".to_owned())
    );
    assert_eq!(
        named("app", Some("tenant=acme reference=globex"), None),
        Err(ResolveError::Disagreement(
            NamedBy::Options,
            NamedBy::Options
        ))
    );
}

#[test]
fn a_server_name_counts_only_one_label_below_the_suffix() {
    for server_name in [
        "acme.db.example.com",
        "ACME.DB.Example.COM",
        "acme.db.example.com.",
    ] {
        assert_eq!(
            named("app", None, Some(server_name)),
            Ok("app@acme".to_owned()),
            "{server_name}"
        );
    }
    for server_name in [
        "db.example.com",
        ".db.example.com",
        "eu.acme.db.example.com",
        "acmedb.example.com",
        "acme.db.example.com.evil.net",
        "localhost",
        "",
    ] {
        assert_eq!(
            named("app", None, Some(server_name)),
            Err(ResolveError::Unnamed),
            "{server_name}"
        );
    }
}

#[test]
fn without_a_suffix_no_server_name_counts() {
    for sni_suffix in [None, Some(""), Some(".")] {
        let listener = ListenerNaming {
            sni_suffix,
            ..ListenerNaming::default()
        };
        let names = Names {
            user: "app",
            server_name: Some("acme."),
            ..Names::default()
        };
        assert_eq!(resolve(&listener, &names), Err(ResolveError::Unnamed));
    }
}

#[test]
fn options_without_a_tenant_are_handed_on_unchanged() {
    let names = Names {
        user: "app.acme",
        options: Some(b"-c  geqo=off"),
        server_name: None,
    };
    let named = resolve(&LISTENER, &names).unwrap();
    assert_eq!(named.options.as_deref(), Some(&b"-c  geqo=off"[..]));
}
