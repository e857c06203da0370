//! How many sockets and files a process may have open: as many as a test needs, or few on purpose.

use std::path::Path;
use std::process::Command;

use rustix::process::Resource;
use rustix::process::Rlimit;

/// Lets this process have `count` descriptors open, if the system does. What it starts inherits that.
pub fn allow(count: u64) -> bool {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= count) {
        return true;
    }
    let raised = Rlimit {
        current: Some(count),
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, raised).is_ok()
}

/// A command that runs the program with at most `count` descriptors, under its own process number.
pub(crate) fn limited(program: &Path, count: u32) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$0\" && exec \"$@\""]);
    command.arg(count.to_string()).arg(program);
    command
}
