//! What a reload leaves for a restart.

use crate::config::reload::reload;
use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::config;

#[test]
fn what_needs_a_restart_keeps_its_value_and_is_named() {
    let running = config(&format!("{LISTENER}{TENANT}"));
    let loaded = format!(
        "[node]\nworkers = 3\nregion = \"eu\"\nmax_client_conn = 5\nmock_key = \"canary\"\n[log]\nformat = \"json\"\n{LISTENER}{TENANT}"
    );
    let (next, changes) = reload(&running, config(&loaded));
    assert_eq!(
        changes.needs_restart,
        [
            "node: workers",
            "node: region",
            "node: mock_key",
            "log: format"
        ]
    );
    assert_eq!(changes.applied, ["node: max_client_conn"]);
    assert_eq!(
        (next.node.workers, &*next.node.region, &next.node.mock_key),
        (0, "", &None)
    );
    assert_eq!(next.node.max_client_conn, 5);
    assert_eq!(next.log, running.log);
    // The restart is still asked for at the next reload.
    let (_, again) = reload(&next, config(&loaded));
    assert_eq!(again.needs_restart, changes.needs_restart);
    assert_eq!(again.applied, [""; 0]);
}

#[test]
fn listeners_come_and_go_at_a_restart() {
    let running = config(&format!("{LISTENER}{TENANT}"));
    let other = LISTENER.replace("main", "other").replace("6432", "6433");
    let (next, changes) = reload(&running, config(&format!("{other}{TENANT}")));
    assert_eq!(
        changes.needs_restart,
        ["listener other: added", "listener main: removed"]
    );
    assert_eq!(next.listeners, running.listeners);
}

#[test]
fn a_public_address_never_gets_the_terms_of_a_private_one() {
    let public = LISTENER.replace("127.0.0.1", "0.0.0.0");
    let running = config(&format!("{public}{TENANT}"));
    let private =
        "[[listener]]\nname = \"main\"\naddress = \"/run/t.sock\"\nauth_type = \"trust\"\n";
    let (next, changes) = reload(&running, config(&format!("{private}{TENANT}")));
    assert_eq!(
        changes.needs_restart,
        ["listener main: address", "listener main: auth_type"]
    );
    assert_eq!(next.listeners, running.listeners);
}

#[test]
fn the_http_listener_changes_at_a_restart() {
    let without = config(&format!("{LISTENER}{TENANT}"));
    let with = |port: u16| {
        config(&format!(
            "[http]\naddress = \"127.0.0.1:{port}\"\n{LISTENER}{TENANT}"
        ))
    };
    let (next, changes) = reload(&without, with(1));
    assert_eq!(
        (next.http, &*changes.needs_restart),
        (None, &["http: added".to_owned()][..])
    );
    let (next, changes) = reload(&with(1), with(2));
    assert_eq!(
        (next.http, &*changes.needs_restart),
        (with(1).http, &["http: address".to_owned()][..])
    );
    let (next, changes) = reload(&with(1), without);
    assert_eq!(
        (next.http, &*changes.needs_restart),
        (with(1).http, &["http: removed".to_owned()][..])
    );
}
