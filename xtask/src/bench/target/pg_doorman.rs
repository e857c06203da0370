//! `pg_doorman` with one worker. Its clients prove themselves with SCRAM, once.

use tidegate_harness::Failure;

use super::Peer;
use super::Running;
use super::Stand;
use super::peer;
use crate::bench::ground::PASSWORD;
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
    };
    let verifier = stand.ground.verifier_of(TRUSTED)?;
    peer::start(&peer, |port, _| {
        vec![("pg_doorman.toml", configuration(stand, port, &verifier))]
    })
}

fn configuration(stand: &Stand<'_>, port: u16, verifier: &str) -> String {
    let (server, pool_size) = (stand.server_port(0), stand.scenario.pool_size);
    let [certificate, key] = stand.certificate();
    format!(
        r#"[general]
host = "127.0.0.1"
port = {port}
worker_threads = 1
max_connections = 30000
prepared_statements = true
admin_username = "admin"
admin_password = "admin"
tls_certificate = "{certificate}"
tls_private_key = "{key}"

[pools.{TRUSTED}]
server_host = "127.0.0.1"
server_port = {server}
pool_mode = "transaction"

[pools.{TRUSTED}.users.0]
username = "{TRUSTED}"
password = "{verifier}"
server_username = "{TRUSTED}"
server_password = "{PASSWORD}"
pool_size = {pool_size}
"#
    )
}
