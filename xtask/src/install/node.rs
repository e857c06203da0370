//! What comes from npm: the drivers of Node.js, in the versions of `tests/drivers/node/`.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::programs;
use tidegate_harness::tools;

use crate::say;

const LOCK: &str = "package-lock.json";

/// Installs the drivers, unless those of the same lock file are there.
///
/// # Errors
/// [`Failure::Exited`] with what npm said.
pub(crate) fn install() -> Result<(), Failure> {
    let (wanted, folder) = (source(), tools::node_folder()?);
    if is_same(&wanted.join(LOCK), &folder.join(LOCK)) {
        return Ok(());
    }
    say::line(&format!(
        "installing the drivers of Node.js into {} …",
        folder.display()
    ));
    // Moved to its place when complete: an interrupted download leaves nothing half-done.
    let part = folder.with_extension("part");
    remove(&part)?;
    fs::create_dir_all(&part).map_err(Failure::io("make a folder of the tools"))?;
    for file in ["package.json", LOCK] {
        let copied = fs::copy(wanted.join(file), part.join(file));
        copied.map_err(Failure::io(format!("copy {file}")))?;
    }
    let mut command = Command::new("npm");
    // None of these packages needs to run anything to be installed.
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    command.current_dir(&part);
    programs::output_of(command)?;
    remove(&folder)?;
    fs::rename(&part, &folder).map_err(Failure::io("keep the drivers of Node.js"))
}

/// The folder of the project that says what is wanted.
fn source() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/drivers/node")
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

fn remove(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::io(format!("remove {}", folder.display())))?;
    }
    Ok(())
}
