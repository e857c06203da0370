//! `PgDog` with one worker.

use tidegate_harness::Failure;
use tidegate_harness::StopSignal;

use super::Peer;
use super::Running;
use super::Stand;
use super::peer;
use super::peer::Settings;
use crate::bench::ground::PASSWORD;
use crate::bench::ground::PROVEN;
use crate::bench::ground::TRUSTED;
use crate::bench::scenario::Way;

/// Starts `PgDog`.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>) -> Result<Running, Failure> {
    let peer = Peer {
        name: "pgdog",
        program: stand.programs.pgdog.as_deref(),
        arguments: &["--config", "pgdog.toml", "--users", "users.toml"],
        stop: StopSignal::Terminate,
    };
    let verifier = stand.ground.verifier_of(PROVEN)?;
    peer::start(stand, &peer, |settings, _| {
        vec![
            ("pgdog.toml", configuration(settings)),
            ("users.toml", users(&verifier)),
        ]
    })
}

fn users(verifier: &str) -> String {
    format!(
        r#"[[users]]
name = "{TRUSTED}"
database = "{TRUSTED}"
password = "{PASSWORD}"

[[users]]
name = "{PROVEN}"
database = "{TRUSTED}"
password_hash = "{verifier}"
server_password = "{PASSWORD}"
"#
    )
}

fn configuration(settings: &Settings) -> String {
    let Settings {
        port,
        server,
        pool_size,
        certificate,
        key,
        ..
    } = settings;
    // It has one way for all users.
    let auth_type = match settings.way {
        Way::Scram => "scram",
        Way::Plain | Way::Tls => "trust",
    };
    format!(
        r#"[general]
host = "127.0.0.1"
port = {port}
workers = 1
default_pool_size = {pool_size}
pooler_mode = "transaction"
auth_type = "{auth_type}"
checkout_timeout = 120_000
log_connections = false
log_disconnections = false
tls_verify = "disabled"
tls_certificate = "{certificate}"
tls_private_key = "{key}"

[[databases]]
name = "{TRUSTED}"
host = "127.0.0.1"
port = {server}
"#
    )
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    #[test]
    fn clients_are_trusted_unless_scram_is_measured() {
        for (way, expected) in [
            (Way::Plain, "trust"),
            (Way::Tls, "trust"),
            (Way::Scram, "scram"),
        ] {
            let table: Table = configuration(&Settings::sample(way)).parse().unwrap();
            assert_eq!(table["general"]["auth_type"].as_str(), Some(expected));
        }
    }

    #[test]
    fn no_client_is_logged_and_servers_are_spoken_to_without_tls() {
        let text = configuration(&Settings::sample(Way::Plain));
        let table: Table = text.parse().unwrap();
        let general = &table["general"];
        assert_eq!(general["log_connections"].as_bool(), Some(false));
        assert_eq!(general["log_disconnections"].as_bool(), Some(false));
        assert_eq!(general["tls_verify"].as_str(), Some("disabled"));
    }

    #[test]
    fn who_proves_itself_is_known_by_the_verifier_alone() {
        let table: Table = users("SCRAM-SHA-256$4096:x$y:z").parse().unwrap();
        let proven = &table["users"][1];
        let verifier = proven["password_hash"].as_str();
        assert_eq!(verifier, Some("SCRAM-SHA-256$4096:x$y:z"));
        assert!(proven.get("password").is_none());
    }
}
