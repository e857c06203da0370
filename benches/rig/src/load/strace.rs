//! Counts the system calls of a process for a while. It makes the process slower, so nothing else is
//! measured meanwhile.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::error::RigError;

/// A running strace.
#[derive(Debug)]
pub(super) struct Strace {
    child: Child,
    output: PathBuf,
}

impl Strace {
    /// Attaches to a process and its threads; counts from now on.
    ///
    /// # Errors
    /// If there is no strace, or it may not.
    pub(super) fn attach(pid: u32, output: &Path) -> Result<Self, RigError> {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-c", "-p", &pid.to_string(), "-o"])
            .arg(output);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(RigError::io("start strace"))?;
        let mut line = String::new();
        if let Some(errors) = child.stderr.take() {
            let read = BufReader::new(errors).read_line(&mut line);
            read.map_err(RigError::io("hear from strace"))?;
        }
        if !line.contains("attached") {
            return Err(RigError::Refused(format!("strace says: {line}")));
        }
        Ok(Self {
            child,
            output: output.to_owned(),
        })
    }

    /// Ends it; the calls, by name and in all.
    ///
    /// # Errors
    /// If it left nothing.
    pub(super) fn finish(mut self) -> Result<Value, RigError> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let sent = rustix::process::kill_process(pid, Signal::INT);
            sent.map_err(|error| RigError::io("end strace")(error.into()))?;
        }
        self.child.wait().map_err(RigError::io("wait for strace"))?;
        let text = fs::read_to_string(&self.output);
        Ok(counts(
            &text.map_err(RigError::io("read what strace counted"))?,
        ))
    }
}

/// Calls by name from the table that `strace -c` prints; `total` is one of the names.
fn counts(table: &str) -> Value {
    let mut counts = Map::new();
    for line in table.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Time in percent, seconds, time per call, calls, and errors only if there were any.
        if let [_, _, _, calls, .., name] = fields[..]
            && let Ok(calls) = calls.parse::<u64>()
        {
            counts.insert(name.to_owned(), json!(calls));
        }
    }
    Value::Object(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_from_the_table() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.100000           5     20000           sendto
 40.00    0.060000           3     20100       100 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.160000           4     40100       100 total
";
        let expected = json!({"sendto": 20000, "recvfrom": 20100, "total": 40100});
        assert_eq!(counts(table), expected);
    }
}
