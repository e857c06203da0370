//! `cargo xtask grammar`: holds what Tidegate takes for reads against PostgreSQL's own grammar.
//!
//! The grammar is C and takes minutes to build, so the program, `tests/grammar`, is no member of the
//! workspace. PostgreSQL's regression scripts are fetched where a server that has them can be
//! reached; without them there are still the statements that the program makes up.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use tidegate_harness::Failure;
use tidegate_harness::programs;

use crate::install;
use crate::say;

/// Sources of PostgreSQL, and where they may be: the project keeps them for ever, Debian for as long
/// as it has that version.
const SOURCES: [(&str, [&str; 2]); 2] = [
    (
        "postgresql-15.18",
        [
            "https://ftp.postgresql.org/pub/source/v15.18/postgresql-15.18.tar.bz2",
            "http://deb.debian.org/debian/pool/main/p/postgresql-15/postgresql-15_15.18.orig.tar.bz2",
        ],
    ),
    (
        "postgresql-18.6",
        [
            "https://ftp.postgresql.org/pub/source/v18.6/postgresql-18.6.tar.bz2",
            "http://deb.debian.org/debian/pool/main/p/postgresql-18/postgresql-18_18.6.orig.tar.bz2",
        ],
    ),
];

/// Fetches what can be fetched, builds the program and runs it.
///
/// # Errors
/// If a write was taken for a read, or something could not be installed or built.
pub(crate) fn run() -> Result<(), Failure> {
    // bindgen, with which the grammar is bound, needs clang's library and headers.
    install::install_packages(&["bzip2", "clang", "curl"])?;
    let scripts = target().join("tools/scripts");
    let folders: Vec<PathBuf> = SOURCES
        .into_iter()
        .filter_map(|(name, places)| fetched(&scripts.join(name), &places))
        .collect();
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "--locked", "--manifest-path"]);
    command.arg(root().join("tests/grammar/Cargo.toml"));
    command.arg("--target-dir").arg(target().join("grammar"));
    command.arg("--").args(&folders);
    let status = command.status().map_err(Failure::io("start cargo"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Unexpected("see above".to_owned()))
    }
}

/// The folder with the scripts of one version; `None`, and a line that says so, if there is none to
/// be had.
fn fetched(folder: &Path, places: &[&str]) -> Option<PathBuf> {
    if folder.is_dir() {
        return Some(folder.to_owned());
    }
    let place = places.iter().find(|place| fetch(place, folder).is_ok());
    if place.is_none() {
        say::line(&format!("without {}: not to be had", folder.display()));
    }
    place.map(|_| folder.to_owned())
}

fn fetch(place: &str, folder: &Path) -> Result<(), Failure> {
    let part = folder.with_extension("part");
    // What an earlier attempt has left.
    drop(fs::remove_dir_all(&part));
    fs::create_dir_all(&part).map_err(Failure::io("make the folder of the scripts"))?;
    let archive = part.join("source.tar.bz2");
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--fail",
        "--location",
        "--max-time",
        "300",
        "--output",
    ]);
    curl.arg(&archive).arg(place).stdin(Stdio::null());
    programs::output_of(curl)?;
    let mut tar = Command::new("tar");
    tar.arg("-xjf").arg(&archive).arg("-C").arg(&part);
    tar.args(["--strip-components=1", "--wildcards", "*/sql/*.sql"]);
    programs::output_of(tar)?;
    fs::remove_file(&archive).map_err(Failure::io("remove the archive"))?;
    fs::rename(&part, folder).map_err(Failure::io("keep the scripts"))
}

fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or_else(|| root().join("target"), PathBuf::from)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
