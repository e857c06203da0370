//! PgBouncer: one database or many, one port for all ways to come in.

use std::fmt::Write;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::StopSignal;
use tidegate_harness::programs;

use super::Peer;
use super::Running;
use super::Stand;
use super::peer;
use crate::bench::ground::HBA;
use crate::bench::ground::PASSWORD;
use crate::bench::ground::PROVEN;
use crate::bench::ground::TRUSTED;
use crate::bench::machine;

/// The account that it runs as if it is started by root, which it refuses to be.
const ACCOUNT: &str = "nobody";

/// Starts PgBouncer.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>) -> Result<Running, Failure> {
    let program = stand.programs.pgbouncer.as_deref();
    let peer = Peer {
        name: "pgbouncer",
        program,
        arguments: if is_root() {
            &["-u", ACCOUNT, "pgbouncer.ini"]
        } else {
            &["pgbouncer.ini"]
        },
        stop: StopSignal::Interrupt,
    };
    let version = program.and_then(machine::version).unwrap_or_default();
    let verifier = stand.ground.verifier_of(PROVEN)?;
    let users = format!("\"{TRUSTED}\" \"{PASSWORD}\"\n\"{PROVEN}\" \"{verifier}\"\n");
    peer::start(stand, &peer, |settings, folder| {
        vec![
            (
                "pgbouncer.ini",
                configuration(stand, settings.port, folder, &version),
            ),
            ("hba.conf", HBA.to_owned()),
            ("users.txt", users),
        ]
    })
}

/// Why this version of it cannot take part in a scenario, if so.
pub(super) fn cannot(stand: &Stand<'_>) -> Option<String> {
    if !stand.scenario.name.starts_with("prepared") {
        return None;
    }
    let version = machine::version(stand.programs.pgbouncer.as_deref()?)?;
    if has_prepared_statements(&version) {
        return None;
    }
    let why = "keeps no prepared statement over a transaction; name a newer one as PGBOUNCER";
    Some(format!("{version} {why}"))
}

fn configuration(stand: &Stand<'_>, port: u16, folder: &str, version: &str) -> String {
    let ground = stand.ground;
    let pool_size = stand.scenario.pool_size;
    let (certificate, key) = (ground.file("server.crt"), ground.file("server.key"));
    let (certificate, key) = (certificate.display(), key.display());
    let mut text = String::from("[databases]\n");
    let tenants = (0..stand.scenario.tenants).map(|tenant| (format!("t{tenant}"), tenant));
    for (name, tenant) in tenants.chain([(TRUSTED.to_owned(), 0)]) {
        let server = stand.server_port(tenant);
        // Writing to a string cannot fail.
        writeln!(
            text,
            "{name} = host=127.0.0.1 port={server} dbname={TRUSTED}"
        )
        .ok();
    }
    write!(
        text,
        "
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
listen_backlog = 1024
unix_socket_dir =
auth_type = hba
auth_hba_file = {folder}/hba.conf
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 30000
query_wait_timeout = 0
client_tls_sslmode = allow
client_tls_cert_file = {certificate}
client_tls_key_file = {key}
server_tls_sslmode = disable
log_connections = 0
log_disconnections = 0
log_stats = 0
"
    )
    .ok();
    if has_prepared_statements(version) {
        text.push_str("max_prepared_statements = 200\n");
    }
    text
}

/// Since 1.21 a statement that is prepared outlives a transaction.
fn has_prepared_statements(version: &str) -> bool {
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    version >= (1, 21)
}

fn is_root() -> bool {
    let mut command = Command::new("id");
    command.arg("-u");
    programs::output_of(command).is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_tells_whether_statements_can_be_prepared() {
        assert!(has_prepared_statements("PgBouncer 1.25.2\nlibevent 2.1"));
        assert!(has_prepared_statements("PgBouncer 1.21.0"));
        assert!(!has_prepared_statements("PgBouncer 1.18.0\n"));
        assert!(!has_prepared_statements(""));
    }
}
