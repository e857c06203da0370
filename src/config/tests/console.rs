//! Who may use the console.

use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::mistakes;

const USER: &str = "[[console.user]]\nname = \"op\"\nsecret = \"x\"\n";

#[test]
fn users_have_a_list_and_a_secret() {
    let config = config(&format!(
        "[console]\nadmin_users = [\"op\"]\nstats_users = [\"exporter\"]\n{USER}{LISTENER}console = true\n{TENANT}"
    ));
    let console = config.console.expect("a console");
    assert_eq!(console.admin_users, ["op"]);
    assert_eq!(console.users["op"].reveal(), "x");
}

#[test]
fn a_user_on_no_list_is_refused() {
    let found = mistakes(&format!(
        "[console]\nadmin_users = [\"oq\"]\n{USER}{LISTENER}{TENANT}"
    ));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("4:1: console.user.name: this user may do nothing"));
}

#[test]
fn a_listener_for_a_console_that_is_not_there_is_refused() {
    let found = mistakes(&format!("{LISTENER}console = true\n{TENANT}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("4:1: listener.console: there is no section [console]"));
}
