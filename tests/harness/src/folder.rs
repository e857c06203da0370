//! A temporary folder that is gone with its owner, or at the latest with this process.

use std::path::Path;

use tempfile::TempDir;

use crate::account::Account;
use crate::failure::Failure;
use crate::keeper;

/// A private temporary folder. Removed when dropped.
#[derive(Debug)]
pub struct Folder {
    directory: TempDir,
}

impl Folder {
    /// Makes a folder for this process.
    ///
    /// # Errors
    /// [`Failure::Io`] if there is no place for it.
    pub fn new() -> Result<Self, Failure> {
        // A short name: a unix socket's path may have 107 bytes.
        let directory = tempfile::Builder::new().prefix("tg-").tempdir();
        let directory = directory.map_err(Failure::io("make a temporary folder"))?;
        keeper::watch_folder(directory.path())?;
        Ok(Self { directory })
    }

    /// Makes a folder that belongs to the account which runs the servers.
    ///
    /// # Errors
    /// [`Failure::Io`] if there is no place for it, or it cannot be handed over.
    pub(crate) fn owned_by(account: Option<Account>) -> Result<Self, Failure> {
        let folder = Self::new()?;
        if let Some(account) = account {
            account.own(folder.path())?;
        }
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
