//! The right to install packages: as root, through sudo, or not at all.

use std::io::IsTerminal;
use std::process::Command;
use std::process::Stdio;

use tidegate_harness::tools::on_path;

/// How a command gets the rights of root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// We are root.
    Root,
    /// Through sudo, which may ask for a password.
    Sudo,
    /// Not at all.
    None,
}

impl Privilege {
    /// What this process may do.
    pub(crate) fn of_this_process() -> Self {
        let id = Command::new("id").arg("-u").output();
        if id.is_ok_and(|output| output.stdout == b"0\n") {
            return Self::Root;
        }
        if on_path("sudo").is_none() {
            return Self::None;
        }
        // Without a terminal nobody can answer sudo's question.
        if std::io::stdin().is_terminal() || runs("sudo", &["-n", "true"]) {
            return Self::Sudo;
        }
        Self::None
    }

    /// A command with the rights of root; `None` without any.
    pub(crate) fn command(self, program: &str) -> Option<Command> {
        match self {
            Self::Root => Some(Command::new(program)),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.arg(program);
                Some(command)
            },
            Self::None => None,
        }
    }
}

/// Whether a program runs and succeeds.
pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
