//! The file of a unix socket: its permissions, and its end.
//!
//! A file that another process listens on is never taken away, and neither is one that is no
//! socket.

use std::fs;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use socket2::Domain;
use socket2::SockAddr;
use socket2::Socket;
use socket2::Type;

/// The file of a socket that this process bound; removed when dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and number: a file that somebody else put in its place is left alone.
    identity: (u64, u64),
}

impl SocketFile {
    /// Removes what a process that is gone left at `path`.
    ///
    /// # Errors
    /// `AddrInUse` if something listens there, `AlreadyExists` if the file is no socket; else the
    /// operating system's.
    pub(super) fn remove_stale(path: &Path) -> io::Result<()> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if !metadata.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the path exists and is not a socket",
            ));
        }
        let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // A listener whose queue is full must not hold up the start.
        probe.set_nonblocking(true)?;
        match probe.connect(&SockAddr::unix(path)?) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process listens on the socket",
            )),
        }
    }

    /// Takes charge of the file of a socket that was just bound, and sets its permissions.
    ///
    /// # Errors
    /// The operating system's.
    pub(super) fn adopt(path: PathBuf, mode: u32) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(&path)?;
        let file = Self {
            identity: (metadata.dev(), metadata.ino()),
            path,
        };
        fs::set_permissions(&file.path, Permissions::from_mode(mode))?;
        Ok(file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the unix socket could not be removed");
        }
    }
}
