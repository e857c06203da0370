//! `pg_doorman` with one worker.

use tidegate_harness::Failure;
use tidegate_harness::StopSignal;

use super::Peer;
use super::Running;
use super::Stand;
use super::peer;
use super::peer::Settings;
use crate::bench::ground::HBA;
use crate::bench::ground::PASSWORD;
use crate::bench::ground::PROVEN;
use crate::bench::ground::TRUSTED;

/// Starts `pg_doorman`.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>) -> Result<Running, Failure> {
    let peer = Peer {
        name: "pg_doorman",
        program: stand.programs.pg_doorman.as_deref(),
        arguments: &["pg_doorman.toml"],
        // SIGINT makes it start its successor, which would stay.
        stop: StopSignal::Terminate,
    };
    let verifier = stand.ground.verifier_of(PROVEN)?;
    peer::start(stand, &peer, |settings, _| {
        vec![
            ("pg_doorman.toml", configuration(settings, &verifier)),
            ("hba.conf", HBA.to_owned()),
        ]
    })
}

fn configuration(settings: &Settings, verifier: &str) -> String {
    let Settings {
        port,
        server,
        pool_size,
        certificate,
        key,
        ..
    } = settings;
    format!(
        r#"[general]
host = "127.0.0.1"
port = {port}
worker_threads = 1
max_connections = 30000
query_wait_timeout = 120000
prepared_statements = true
log_client_connections = false
log_client_disconnections = false
server_tls_mode = "disable"
admin_username = "admin"
admin_password = "admin"
tls_certificate = "{certificate}"
tls_private_key = "{key}"
pg_hba = {{ path = "hba.conf" }}

[pools.{TRUSTED}]
server_host = "127.0.0.1"
server_port = {server}
pool_mode = "transaction"

[pools.{TRUSTED}.users.0]
username = "{TRUSTED}"
password = ""
server_username = "{TRUSTED}"
server_password = "{PASSWORD}"
pool_size = {pool_size}

[pools.{TRUSTED}.users.1]
username = "{PROVEN}"
password = "{verifier}"
server_username = "{PROVEN}"
server_password = "{PASSWORD}"
pool_size = {pool_size}
"#
    )
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;
    use crate::bench::scenario::Way;

    #[test]
    fn no_client_is_logged_and_who_is_trusted_is_in_its_hba() {
        let text = configuration(&Settings::sample(Way::Plain), "SCRAM-SHA-256$4096:x$y:z");
        let table: Table = text.parse().unwrap();
        let general = &table["general"];
        assert_eq!(general["log_client_connections"].as_bool(), Some(false));
        assert_eq!(general["log_client_disconnections"].as_bool(), Some(false));
        assert_eq!(general["server_tls_mode"].as_str(), Some("disable"));
        assert_eq!(general["pg_hba"]["path"].as_str(), Some("hba.conf"));
    }

    #[test]
    fn each_user_has_a_pool_as_large_as_those_of_the_others() {
        let text = configuration(&Settings::sample(Way::Scram), "SCRAM-SHA-256$4096:x$y:z");
        let table: Table = text.parse().unwrap();
        let users = &table["pools"]["bench"]["users"];
        for (number, name, password) in [
            ("0", TRUSTED, ""),
            ("1", PROVEN, "SCRAM-SHA-256$4096:x$y:z"),
        ] {
            assert_eq!(users[number]["username"].as_str(), Some(name));
            assert_eq!(users[number]["password"].as_str(), Some(password));
            assert_eq!(users[number]["pool_size"].as_integer(), Some(20));
        }
    }
}
