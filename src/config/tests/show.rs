//! The rows of `SHOW CONFIG`.

use std::collections::BTreeSet;

use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::config;

fn row(text: &str, key: &str) -> (Option<String>, Option<String>, bool) {
    let shown = config(text).show();
    let row = shown
        .into_iter()
        .find(|row| row.key == key)
        .unwrap_or_else(|| panic!("no {key}"));
    (row.value, row.default, row.changeable)
}

#[test]
fn rows_have_value_default_and_changeability() {
    let text = format!(
        "[node]\nmax_client_conn = 20000\n[pool]\nquery_wait_timeout = \"1m\"\nmax_user_connections = 7\n{LISTENER}{TENANT}"
    );
    let owned = |text: &str| Some(text.to_owned());
    assert_eq!(
        row(&text, "max_client_conn"),
        (owned("20000"), owned("1000"), true)
    );
    assert_eq!(
        row(&text, "query_wait_timeout"),
        (owned("60"), owned("120"), true)
    );
    assert_eq!(
        row(&text, "max_user_connections"),
        (owned("7"), owned("0"), true)
    );
    assert_eq!(row(&text, "workers"), (owned("0"), owned("0"), false));
    assert_eq!(
        row(&text, "server_reset_query"),
        (owned("DISCARD ALL"), owned("DISCARD ALL"), true)
    );
    assert_eq!(
        row(&text, "listener.main.address").0,
        owned("127.0.0.1:6432")
    );
    assert_eq!(
        row(&text, "listener.main.tls"),
        (owned("disable"), owned("disable"), true)
    );
}

#[test]
fn no_key_is_shown_twice() {
    let text = format!(
        "[http]\n[console]\n{LISTENER}[[listener]]\nname = \"two\"\naddress = \"/tmp/s\"\n{TENANT}"
    );
    let shown = config(&text).show();
    let keys: BTreeSet<&str> = shown.iter().map(|row| &*row.key).collect();
    assert_eq!(keys.len(), shown.len());
}
