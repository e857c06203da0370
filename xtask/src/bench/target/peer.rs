//! What starting the other poolers has in common: files in a folder, one port for all clients.

use std::path::Path;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::StopSignal;
use tidegate_harness::free_port;

use super::Running;
use super::Stand;
use super::launch;
use crate::bench::ground::write_readable;
use crate::bench::scenario::Way;

/// A pooler of others.
#[derive(Debug)]
pub(super) struct Peer<'a> {
    /// What it is called.
    pub(super) name: &'static str,
    /// Where its program is.
    pub(super) program: Option<&'a Path>,
    /// How it is started in the folder of its files.
    pub(super) arguments: &'a [&'a str],
    /// What ends it at once: they do not agree on that.
    pub(super) stop: StopSignal,
}

/// What all of them are told.
#[derive(Debug)]
pub(super) struct Settings {
    /// The port it listens at.
    pub(super) port: u16,
    /// The port of its servers.
    pub(super) server: u16,
    /// Servers of a pool.
    pub(super) pool_size: u32,
    /// How clients come in.
    pub(super) way: Way,
    /// The paths of the certificate that clients are shown, and of its key.
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Settings {
    fn of(stand: &Stand<'_>, port: u16) -> Self {
        let [certificate, key] = stand.certificate();
        Self {
            port,
            server: stand.server_port(0),
            pool_size: stand.scenario.pool_size,
            way: stand.scenario.way,
            certificate,
            key,
        }
    }

    /// Those of a test.
    #[cfg(test)]
    pub(super) fn sample(way: Way) -> Self {
        Self {
            port: 6432,
            server: 5432,
            pool_size: 20,
            way,
            certificate: "/certificates/server.crt".to_owned(),
            key: "/certificates/server.key".to_owned(),
        }
    }
}

/// Writes its files, given its settings and its folder, and starts it.
///
/// # Errors
/// [`Failure::Missing`], or what it logged if it did not start.
pub(super) fn start(
    stand: &Stand<'_>,
    peer: &Peer<'_>,
    files: impl FnOnce(&Settings, &str) -> Vec<(&'static str, String)>,
) -> Result<Running, Failure> {
    let missing = || Failure::Missing {
        program: peer.name.to_owned(),
    };
    let program = peer.program.ok_or_else(missing)?;
    let folder = Folder::new()?;
    let port = free_port()?;
    let place = folder.path().display().to_string();
    let settings = Settings::of(stand, port);
    for (name, text) in files(&settings, &place) {
        write_readable(&folder.path().join(name), &text)?;
    }
    let mut command = Command::new(program);
    command.args(peer.arguments).current_dir(folder.path());
    let process = launch(peer.name, command, folder.path(), port, peer.stop)?;
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
