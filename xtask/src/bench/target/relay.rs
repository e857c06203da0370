//! The yardstick: a relay that parses nothing.

use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::StopSignal;
use tidegate_harness::free_port;

use super::Running;
use super::Stand;
use super::launch;

/// Starts the relay.
///
/// # Errors
/// If it cannot listen.
pub(super) fn start(stand: &Stand<'_>) -> Result<Running, Failure> {
    let folder = Folder::new()?;
    let port = free_port()?;
    let mut command = Command::new(&stand.programs.rig);
    command.args(["relay", "--listen", &format!("127.0.0.1:{port}")]);
    command.args(["--to", &format!("127.0.0.1:{}", stand.server_port(0))]);
    let process = launch(
        "the relay",
        command,
        folder.path(),
        port,
        StopSignal::Interrupt,
    )?;
    Ok(Running {
        process: Some(process),
        _folder: Some(folder),
        _relays: Vec::new(),
        routes: None,
        plain_port: port,
        scram_port: port,
        tls_port: port,
        tenant_user: "bench",
        tenant_database: "bench",
    })
}
