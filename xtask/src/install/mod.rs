//! Installs what the tests and the demo need and the machine lacks.
//!
//! Packages of the distribution as root or through sudo; what Python and Node.js bring goes into
//! the folder `tools` beside the build output. What could not be installed for want of rights is reported
//! with the command that would do it. It never starts a server, nor leaves one that a package
//! started.

mod node;
mod packages;
mod privilege;
mod python;

use tidegate_harness::Failure;

use crate::say;

/// What the machine has after the installation.
#[derive(Debug)]
pub(crate) struct Installed {
    /// One sentence for each thing that is missing, with the command that installs it.
    pub(crate) missing: Vec<String>,
}

/// Installs what is lacking.
///
/// # Errors
/// What a package manager said, if it was allowed to install and failed.
pub(crate) fn install() -> Result<Installed, Failure> {
    let lacking = packages::lacking();
    let mut missing = Vec::new();
    if !lacking.is_empty() {
        let names = lacking.join(" ");
        match packages::install(&lacking)? {
            packages::Outcome::Installed => say::line(&format!("installed {names}")),
            packages::Outcome::NoRights => missing.push(format!(
                "{names}: needs root; run  sudo apt-get install --no-install-recommends {names}"
            )),
            packages::Outcome::NoPackageManager => missing.push(format!(
                "{names} (as Debian calls them): no apt-get here; install what your system has"
            )),
        }
    }
    if packages::has_python() {
        python::install()?;
    }
    if packages::has_node() {
        node::install()?;
    }
    Ok(Installed { missing })
}
