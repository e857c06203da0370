//! `PgDog` with one worker.

use tidegate_harness::Failure;

use super::Peer;
use super::Running;
use super::Stand;
use super::peer;
use crate::bench::ground::PASSWORD;
use crate::bench::ground::TRUSTED;

/// Starts `PgDog`.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>) -> Result<Running, Failure> {
    let peer = Peer {
        name: "pgdog",
        program: stand.programs.pgdog.as_deref(),
        arguments: &["--config", "pgdog.toml", "--users", "users.toml"],
    };
    peer::start(&peer, |port, _| {
        let users = format!(
            "[[users]]\nname = \"{TRUSTED}\"\ndatabase = \"{TRUSTED}\"\npassword = \"{PASSWORD}\"\n"
        );
        vec![
            ("pgdog.toml", configuration(stand, port)),
            ("users.toml", users),
        ]
    })
}

fn configuration(stand: &Stand<'_>, port: u16) -> String {
    let (server, pool_size) = (stand.server_port(0), stand.scenario.pool_size);
    let [certificate, key] = stand.certificate();
    format!(
        r#"[general]
host = "127.0.0.1"
port = {port}
workers = 1
default_pool_size = {pool_size}
pooler_mode = "transaction"
auth_type = "trust"
checkout_timeout = 120_000
tls_certificate = "{certificate}"
tls_private_key = "{key}"

[[databases]]
name = "{TRUSTED}"
host = "127.0.0.1"
port = {server}
"#
    )
}
