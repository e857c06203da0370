//! Odyssey with one worker: its routes are a database and a user, the default ones for all tenants.

use tidegate_harness::Failure;
use tidegate_harness::StopSignal;

use super::Peer;
use super::Running;
use super::Stand;
use super::peer;
use super::peer::Settings;

/// Starts Odyssey.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>) -> Result<Running, Failure> {
    let peer = Peer {
        name: "odyssey",
        program: stand.programs.odyssey.as_deref(),
        arguments: &["odyssey.conf"],
        stop: StopSignal::Interrupt,
    };
    peer::start(stand, &peer, |settings, folder| {
        vec![("odyssey.conf", configuration(settings, folder))]
    })
}

fn configuration(settings: &Settings, folder: &str) -> String {
    let Settings {
        port,
        server,
        pool_size,
        certificate,
        key,
        ..
    } = settings;
    format!(
        r#"daemonize no
pid_file "{folder}/odyssey.pid"
locks_dir "{folder}"
unix_socket_dir "{folder}"
unix_socket_mode "0644"
log_format "%p %t %l [%i %s] (%c) %m\n"
log_to_stdout yes
log_session no
log_stats no
workers 1
client_max 30000
listen {{
    host "127.0.0.1"
    port {port}
    backlog 1024
    tls "allow"
    tls_cert_file "{certificate}"
    tls_key_file "{key}"
}}
storage "server" {{
    type "remote"
    host "127.0.0.1"
    port {server}
}}
database default {{
    user default {{
        authentication "none"
        storage "server"
        storage_db "bench"
        storage_user "bench"
        pool "transaction"
        pool_size {pool_size}
        pool_reserve_prepared_statement yes
        client_fwd_error yes
    }}
}}
"#
    )
}
