//! The account that runs Postgres: ourselves, or an unprivileged one when we are root, because
//! Postgres refuses root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::failure::Failure;

const PASSWD: &str = "/etc/passwd";

/// A user and a group of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The account for servers: `None` if this process may run them itself, otherwise `postgres`
    /// if there is one, else `nobody`.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] if we are root and the machine has neither.
    pub(crate) fn for_servers() -> Result<Option<Self>, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string(PASSWD).map_err(Failure::io("read the accounts"))?;
        let found = ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::find(&passwd, name));
        let none = || Failure::Unexpected("neither `postgres` nor `nobody` exists".to_owned());
        found.ok_or_else(none).map(Some)
    }

    fn find(passwd: &str, name: &str) -> Option<Self> {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Self {
            user: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    }

    /// Makes the command run as this account, without our other groups.
    pub(crate) fn run(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }

    /// Gives a file or folder to this account.
    ///
    /// # Errors
    /// [`Failure::Io`] if the system refuses.
    pub(crate) fn own(self, path: &Path) -> Result<(), Failure> {
        let action = format!("hand over {}", path.display());
        chown(path, Some(self.user), Some(self.group)).map_err(Failure::io(action))
    }

    /// Whether this account can execute a program, which fails below a private home folder.
    pub(crate) fn can_execute(self, program: &Path) -> bool {
        let mut command = Command::new("test");
        command
            .arg("-x")
            .arg(program)
            .stdin(Stdio::null())
            .current_dir("/");
        self.run(&mut command);
        command.status().is_ok_and(|status| status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0::/:/bin/sh\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:P,,,:/:\n";
        let found = Account::find(passwd, "postgres");
        assert_eq!(
            found,
            Some(Account {
                user: 101,
                group: 104
            })
        );
        assert_eq!(Account::find(passwd, "nobody"), None);
    }
}
