//! All processes of a Postgres, whoever started it: they work in the folder of its data.

use std::fs;
use std::path::Path;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

/// Those that have this as their working directory, as all of a server have its data.
pub(crate) fn of(data: &Path) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let within = processes.filter_map(|process| {
        let folder = fs::read_link(process.path().join("cwd")).ok()?;
        let pid = process.file_name().to_str()?.parse().ok()?;
        (folder == data).then(|| Pid::from_raw(pid)).flatten()
    });
    within.collect()
}

/// As if the machine had lost them.
pub(crate) fn kill(backends: &[Pid]) {
    for backend in backends {
        // One that is gone already is as good as killed.
        kill_process(*backend, Signal::KILL).ok();
    }
}
