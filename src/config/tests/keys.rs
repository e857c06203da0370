//! Keys that no setting has, and sections of the wrong shape.

use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::listener_mistakes;
use crate::config::tests::mistakes;
use crate::config::tests::tenant_mistakes;

#[test]
fn an_unknown_key_is_told_with_the_nearest_one() {
    assert_eq!(
        listener_mistakes("proxy_protocl = \"v2\""),
        ["4:1: listener.proxy_protocl: unknown key; did you mean `proxy_protocol`?"]
    );
    assert_eq!(
        tenant_mistakes("[tenant.netwrk]\nallow = []"),
        ["8:9: tenant.netwrk: unknown key; did you mean `network`?"]
    );
}

#[test]
fn a_key_that_is_like_no_other_gets_no_guess() {
    assert_eq!(
        listener_mistakes("frobnicate = 1"),
        ["4:1: listener.frobnicate: unknown key"]
    );
    let long = "x".repeat(100_000);
    assert_eq!(listener_mistakes(&format!("{long} = 1")).len(), 1);
}

#[test]
fn a_key_of_another_section_is_sent_there() {
    assert_eq!(
        listener_mistakes("pool_size = 1"),
        ["4:1: listener.pool_size: unknown key; it belongs in [pool] or [[tenant.endpoint]]"]
    );
}

#[test]
fn a_key_of_pgbouncer_is_translated() {
    assert_eq!(
        mistakes(&format!(
            "[pool]\ndefault_pool_size = 5\n{LISTENER}{TENANT}"
        )),
        ["2:1: pool.default_pool_size: unknown key; here that is `pool_size` in [pool]"]
    );
}

#[test]
fn sections_in_the_wrong_brackets_are_told_the_right_ones() {
    assert_eq!(
        mistakes(&format!("[listener]\nname = \"main\"\n{TENANT}"))[0],
        "1:1: listener: expected [[listener]], found a table"
    );
    assert_eq!(
        mistakes(&format!("[[node]]\n{LISTENER}{TENANT}")),
        ["1:1: node: expected [node], found a list"]
    );
    assert_eq!(
        mistakes(&format!("node = 5\n{LISTENER}{TENANT}")),
        ["1:8: node: expected [node], found a whole number"]
    );
}

#[test]
fn a_setting_that_must_be_given_is_told_with_an_example() {
    assert_eq!(
        mistakes(&format!("[[listener]]\nname = \"main\"\n{TENANT}")),
        [
            "1:1: listener.address: required, but not given; for example: address = \"127.0.0.1:6432\""
        ]
    );
}

#[test]
fn every_mistake_is_told_in_the_order_of_the_file() {
    let found = mistakes(
        "[node]\nworkers = -1\nx = 1\n[pool]\npool_size = 0.5\n[[listener]]\naddress = 5\n[[tenant]]\nname = \"A\"\n",
    );
    let places: Vec<&str> = found
        .iter()
        .filter_map(|line| line.split(": ").next())
        .collect();
    assert_eq!(
        places,
        ["2:11", "3:1", "5:13", "6:1", "7:11", "8:1", "9:8"],
        "{found:#?}"
    );
}
