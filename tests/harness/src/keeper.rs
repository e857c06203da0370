//! The keeper: a small shell process that ends our servers when we are gone.
//!
//! `Drop` does not run for a value in a `static`, nor when a process is killed or interrupted. The
//! keeper holds the reading end of a pipe; the kernel closes the writing end when this process
//! ends for whatever reason, and then the keeper ends what is left and removes its folders. There
//! is one keeper a process; it must never hold an output that somebody waits to be closed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::failure::Failure;
use crate::process::StopSignal;

const SCRIPT: &str = include_str!("keeper.sh");

static PIPE: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// Ends this process when ours is gone.
pub(crate) fn watch_process(pid: u32, signal: StopSignal) -> Result<(), Failure> {
    tell(&format!("process {pid} {}", signal.name()))
}

/// The process has ended; its number may soon be somebody else's.
pub(crate) fn forget_process(pid: u32) -> Result<(), Failure> {
    tell(&format!("forget {pid}"))
}

/// Kills whoever works in this folder when our process is gone.
pub(crate) fn watch_data(path: &Path) -> Result<(), Failure> {
    tell(&format!("data {}", path.display()))
}

/// Removes this folder when our process is gone.
pub(crate) fn watch_folder(path: &Path) -> Result<(), Failure> {
    tell(&format!("folder {}", path.display()))
}

fn tell(line: &str) -> Result<(), Failure> {
    let mut pipe = PIPE.lock().unwrap_or_else(PoisonError::into_inner);
    if pipe.is_none() {
        *pipe = Some(start()?);
    }
    match pipe.as_mut() {
        Some(pipe) => writeln!(pipe, "{line}").map_err(Failure::io("reach the keeper")),
        None => Err(Failure::Unexpected("the keeper has no pipe".to_owned())),
    }
}

fn start() -> Result<ChildStdin, Failure> {
    let mut command = Command::new("sh");
    command
        // By the environment, so that a list of processes shows a name and not the script.
        .args(["-c", "eval \"$KEEPER\"", "tidegate-keeper"])
        .env("KEEPER", SCRIPT)
        .stdin(Stdio::piped());
    // Its own group, so that Ctrl-C on a terminal reaches us and not the keeper.
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .current_dir("/");
    let mut child = command.spawn().map_err(Failure::io("start the keeper"))?;
    let pipe = child.stdin.take();
    pipe.ok_or_else(|| Failure::Unexpected("the keeper has no standard input".to_owned()))
}
