//! No pooler: every client has a server of its own.

use super::Running;
use super::Stand;

/// The server itself.
pub(super) fn start(stand: &Stand<'_>) -> Running {
    let port = stand.server_port(0);
    Running {
        process: None,
        _folder: None,
        _relays: Vec::new(),
        routes: None,
        plain_port: port,
        scram_port: port,
        tls_port: port,
        tenant_user: "bench",
        tenant_database: "bench",
    }
}
