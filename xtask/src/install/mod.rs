//! Installs what the tests, the demo and the benchmark need and the machine lacks.
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
use tidegate_harness::tools::on_path;

use crate::say;

/// What the machine has after the installation.
#[derive(Debug)]
pub(crate) struct Installed {
    /// One sentence for each thing that is missing, with the command that installs it.
    pub(crate) missing: Vec<String>,
}

/// Installs those of the programs that are lacking, each of which is a package of the same name.
///
/// # Errors
/// What a package manager said, or that there is no right to install.
pub(crate) fn install_packages(programs: &[&str]) -> Result<(), Failure> {
    let lacking = programs.iter().filter(|program| on_path(program).is_none());
    let lacking: Vec<&str> = lacking.copied().collect();
    match try_packages(&lacking)? {
        Some(missing) => Err(Failure::Unexpected(missing)),
        None => Ok(()),
    }
}

/// Installs packages; what is missing, if there is no way to.
fn try_packages(packages: &[&str]) -> Result<Option<String>, Failure> {
    if packages.is_empty() {
        return Ok(None);
    }
    let names = packages.join(" ");
    Ok(match packages::install(packages)? {
        packages::Outcome::Installed => {
            say::line(&format!("installed {names}"));
            None
        },
        packages::Outcome::NoRights => Some(format!(
            "{names}: needs root; run  sudo apt-get install --no-install-recommends {names}"
        )),
        packages::Outcome::NoPackageManager => Some(format!(
            "{names} (as Debian calls them): no apt-get here; install what your system has"
        )),
    })
}

/// Installs what is lacking.
///
/// # Errors
/// What a package manager said, if it was allowed to install and failed.
pub(crate) fn install() -> Result<Installed, Failure> {
    let mut missing = Vec::new();
    missing.extend(try_packages(&packages::lacking())?);
    if packages::has_python() {
        python::install()?;
    }
    if packages::has_node() {
        node::install()?;
    }
    Ok(Installed { missing })
}

/// Installs what the demo needs: PostgreSQL and HAProxy.
///
/// # Errors
/// As [`install`].
pub(crate) fn install_for_demo() -> Result<Installed, Failure> {
    let mut missing = Vec::new();
    missing.extend(try_packages(&packages::lacking_for_demo())?);
    Ok(Installed { missing })
}

/// Installs what the benchmark needs, and what it can only compare with if it is there.
///
/// # Errors
/// As [`install`].
pub(crate) fn install_for_bench(has_pgbouncer: bool) -> Result<Installed, Failure> {
    let mut missing = Vec::new();
    missing.extend(try_packages(&packages::lacking_for_bench(has_pgbouncer))?);
    Ok(Installed { missing })
}
