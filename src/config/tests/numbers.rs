//! Whole numbers, booleans and words.

use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::mistakes;

fn node(line: &str) -> String {
    format!("[node]\n{line}\n{LISTENER}{TENANT}")
}

#[test]
fn numbers_are_taken_in_every_form_of_toml() {
    for written in ["4096", "4_096", "0x1000", "0o10000", "0b1000000000000"] {
        let node = node(&format!("max_client_conn = {written}"));
        assert_eq!(config(&node).node.max_client_conn, 4096, "{written}");
    }
}

#[test]
fn numbers_at_both_ends_of_the_range_are_taken_and_the_next_ones_refused() {
    let load = |number: u64| mistakes(&node(&format!("max_client_conn = {number}")));
    assert_eq!(load(1), [""; 0]);
    assert_eq!(load(10_000_000), [""; 0]);
    assert_eq!(
        load(0),
        ["2:19: node.max_client_conn: 0 is out of range (1 to 10_000_000)"]
    );
    assert_eq!(load(10_000_001).len(), 1);
}

#[test]
fn numbers_beyond_every_type_are_refused() {
    let huge = "9".repeat(60);
    for number in [
        "-1",
        "4294967296",
        "18446744073709551616",
        &huge,
        &format!("-{huge}"),
    ] {
        let found = mistakes(&node(&format!("max_client_conn = {number}")));
        assert_eq!(found.len(), 1, "{number}: {found:#?}");
    }
}

#[test]
fn a_number_in_quotes_is_refused_unless_a_variable_put_it_there() {
    assert_eq!(
        mistakes(&node("max_client_conn = \"5\"")),
        ["2:19: node.max_client_conn: expected a whole number, found text"]
    );
    let load = |value: &str| {
        let sample = Sample::default().with_variable("CLIENTS", value);
        sample.load(&node("max_client_conn = \"${CLIENTS}\"")).ok()
    };
    assert_eq!(
        load("5").map(|loaded| loaded.config.node.max_client_conn),
        Some(5)
    );
    for wrong in ["", " 5", "+5", "5x", "0x5", "-5", "5.0"] {
        assert_eq!(load(wrong), None, "{wrong:?}");
    }
}

#[test]
fn booleans_are_true_or_false() {
    assert!(!config(&node("tcp_keepalive = false")).node.tcp_keepalive);
    assert_eq!(
        mistakes(&node("tcp_keepalive = 1")),
        ["2:17: node.tcp_keepalive: expected true or false, found a whole number"]
    );
    let sample = Sample::default().with_variable("KEEP", "false");
    assert!(
        !sample
            .config(&node("tcp_keepalive = \"${KEEP}\""))
            .node
            .tcp_keepalive
    );
}

#[test]
fn an_unknown_word_is_told_with_the_words_there_are() {
    assert_eq!(
        mistakes(&node("refusals = \"Named\"")),
        ["2:12: node.refusals: unknown value \"Named\" (named, opaque)"]
    );
    assert_eq!(
        mistakes(&node("refusals = true")),
        ["2:12: node.refusals: expected one of the words named, opaque, found a boolean"]
    );
}

#[test]
fn long_values_are_quoted_in_part_and_on_one_line() {
    let word = format!("a\\n\\u001b{}", "x".repeat(5000));
    let found = mistakes(&node(&format!("refusals = \"{word}\"")));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].len() < 200 && !found[0].contains(['\n', '\u{1b}']),
        "{found:?}"
    );
}
