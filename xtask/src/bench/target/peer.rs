//! What starting the other poolers has in common: files in a folder, one port for all clients.

use std::path::Path;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::free_port;

use super::Running;
use super::launch;
use crate::bench::ground::write_readable;

/// A pooler of others.
#[derive(Debug)]
pub(super) struct Peer<'a> {
    /// What it is called.
    pub(super) name: &'static str,
    /// Where its program is.
    pub(super) program: Option<&'a Path>,
    /// How it is started in the folder of its files.
    pub(super) arguments: &'a [&'a str],
}

/// Writes its files, given its port and its folder, and starts it.
///
/// # Errors
/// [`Failure::Missing`], or what it logged if it did not start.
pub(super) fn start(
    peer: &Peer<'_>,
    files: impl FnOnce(u16, &str) -> Vec<(&'static str, String)>,
) -> Result<Running, Failure> {
    let missing = || Failure::Missing {
        program: peer.name.to_owned(),
    };
    let program = peer.program.ok_or_else(missing)?;
    let folder = Folder::new()?;
    let port = free_port()?;
    let place = folder.path().display().to_string();
    for (name, text) in files(port, &place) {
        write_readable(&folder.path().join(name), &text)?;
    }
    let mut command = Command::new(program);
    command.args(peer.arguments).current_dir(folder.path());
    let process = launch(peer.name, command, folder.path(), port)?;
    Ok(Running {
        process: Some(process),
        _folder: Some(folder),
        _relays: Vec::new(),
        routes: None,
        plain_port: port,
        scram_port: port,
        tls_port: port,
        tenant_user: "bench",
        tenant_database: "t{}",
    })
}
