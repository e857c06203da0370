//! What a configuration may look at besides its own text: files and environment variables.
//!
//! Nothing else in `config` reads either, so that tests and the fuzzer can withhold both.

use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// The largest file that is read, in bytes: a hundred thousand tenants fit.
pub(in crate::config) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The most entries of a folder that are looked at.
pub(in crate::config) const FOLDER_ENTRIES_MAX: usize = 100_000;

/// Files and environment variables.
pub trait Surroundings {
    /// The value of an environment variable, if it is set and is text.
    fn variable(&self, name: &str) -> Option<String>;

    /// The contents of a file.
    ///
    /// # Errors
    /// As the system says, and if the file is too large.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The entries of a folder, in any order.
    ///
    /// # Errors
    /// As the system says, and if there are too many.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
}

/// The machine on which the process runs.
#[derive(Debug, Clone, Copy)]
pub struct Machine;

impl Surroundings for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = std::fs::File::open(path)?;
        let mut contents = Vec::new();
        // Devices and pipes have no length to ask for in advance, so the limit is on what is read.
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut contents)?;
        if contents.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the file is too large",
            ));
        }
        Ok(contents)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let entries: Vec<PathBuf> = std::fs::read_dir(folder)?
            .take(FOLDER_ENTRIES_MAX + 1)
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        if entries.len() > FOLDER_ENTRIES_MAX {
            return Err(io::Error::other("the folder has too many entries"));
        }
        Ok(entries)
    }
}

/// No files and no environment variables: what a configuration says by itself.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Surroundings for Nowhere {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn read(&self, _path: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _folder: &Path) -> io::Result<Vec<PathBuf>> {
        Err(io::ErrorKind::NotFound.into())
    }
}
