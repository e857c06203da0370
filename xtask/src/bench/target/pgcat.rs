//! `PgCat` with one worker. It asks its clients for md5 and knows no SCRAM.

use tidegate_harness::Failure;

use super::Peer;
use super::Running;
use super::Stand;
use super::peer;
use crate::bench::ground::PASSWORD;
use crate::bench::ground::TRUSTED;

/// Starts `PgCat`.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>) -> Result<Running, Failure> {
    let peer = Peer {
        name: "pgcat",
        program: stand.programs.pgcat.as_deref(),
        arguments: &["pgcat.toml"],
    };
    peer::start(&peer, |port, _| {
        vec![("pgcat.toml", configuration(stand, port))]
    })
}

fn configuration(stand: &Stand<'_>, port: u16) -> String {
    let (server, pool_size) = (stand.server_port(0), stand.scenario.pool_size);
    let [certificate, key] = stand.certificate();
    format!(
        r#"[general]
host = "127.0.0.1"
port = {port}
admin_username = "admin"
admin_password = "admin"
worker_threads = 1
connect_timeout = 15000
log_client_connections = false
log_client_disconnections = false
tls_certificate = "{certificate}"
tls_private_key = "{key}"

[pools.{TRUSTED}]
pool_mode = "transaction"
query_parser_enabled = false
prepared_statements_cache_size = 200

[pools.{TRUSTED}.users.0]
username = "{TRUSTED}"
password = "{PASSWORD}"
pool_size = {pool_size}

[pools.{TRUSTED}.shards.0]
servers = [["127.0.0.1", {server}, "primary"]]
database = "{TRUSTED}"
"#
    )
}
