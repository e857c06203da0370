//! Tidegate: one tenant or many, a listener for each way to come in.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::StopSignal;
use tidegate_harness::free_port;

use super::Running;
use super::Stand;
use super::launch;
use crate::bench::ground::PASSWORD;
use crate::bench::ground::PROVEN;
use crate::bench::ground::TRUSTED;

/// Starts Tidegate with so many workers.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>, workers: u32) -> Result<Running, Failure> {
    let folder = Folder::new()?;
    let ports = [free_port()?, free_port()?, free_port()?];
    let path = folder.path().join("tidegate.toml");
    let verifier = stand.ground.verifier_of(PROVEN)?;
    let text = configuration(stand, workers, ports, &verifier);
    fs::write(&path, text).map_err(Failure::io("write tidegate.toml"))?;
    let mut command = Command::new(&stand.programs.tidegate);
    command.arg(path).current_dir(folder.path());
    let [plain_port, scram_port, tls_port] = ports;
    let process = launch(
        "tidegate",
        command,
        folder.path(),
        tls_port,
        StopSignal::Interrupt,
    )?;
    Ok(Running {
        process: Some(process),
        _folder: Some(folder),
        _relays: Vec::new(),
        routes: None,
        plain_port,
        scram_port,
        tls_port,
        tenant_user: "bench.t{}",
        tenant_database: "bench",
    })
}

fn configuration(stand: &Stand<'_>, workers: u32, ports: [u16; 3], verifier: &str) -> String {
    let [plain, scram, tls] = ports;
    let (ground, pool_size) = (stand.ground, stand.scenario.pool_size);
    let shares_unnamed = stand.scenario.shares_unnamed;
    let (certificate, key) = (ground.file("server.crt"), ground.file("server.key"));
    let (certificate, key) = (certificate.display(), key.display());
    let mut text = format!(
        r#"[node]
workers = {workers}
max_client_conn = 30_000
max_unauthenticated = 30_000
max_unauthenticated_per_address = 30_000

[log]
level = "warn"

[pool]
pool_size = {pool_size}
share_unnamed_statements = {shares_unnamed}

[[listener]]
name = "plain"
address = "127.0.0.1:{plain}"
default_tenant = "t0"
auth_type = "trust"

[[listener]]
name = "scram"
address = "127.0.0.1:{scram}"
default_tenant = "t0"

[[listener]]
name = "tls"
address = "127.0.0.1:{tls}"
default_tenant = "t0"
auth_type = "trust"
tls = "require"
tls_certificates = [{{ certificate = "{certificate}", key = "{key}" }}]
"#
    );
    for tenant in 0..stand.scenario.tenants {
        let port = stand.server_port(tenant);
        // Writing to a string cannot fail.
        write!(
            text,
            r#"
[[tenant]]
name = "t{tenant}"

[[tenant.endpoint]]
host = "127.0.0.1"
port = {port}

[tenant.endpoint.server_tls]
mode = "disable"

[[tenant.user]]
name = "{TRUSTED}"
secret = "{PASSWORD}"

[[tenant.user]]
name = "{PROVEN}"
secret = "{verifier}"
"#
        )
        .ok();
    }
    text
}
