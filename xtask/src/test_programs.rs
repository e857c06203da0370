//! The programs of integration tests, and which of them another version of PostgreSQL could make a
//! difference to.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use tidegate_harness::Failure;

/// Whoever starts a server names one of these; the second is a file of tests that names the first.
const NAMES: [&str; 2] = ["tidegate_harness", "mod gate;"];

/// Long ones, about what nodes and clusters do to each other and not about what one version says. What
/// depends on that of reads at replicas is in `tests/replicas/`.
const ON_ONE_VERSION: [&str; 2] = ["patroni", "reads"];

/// The names of those whose sources name what starts servers, but for long ones that another version
/// makes no difference to.
///
/// # Errors
/// If a source cannot be read.
pub(crate) fn that_may_start_servers() -> Result<Vec<String>, Failure> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let mut names = Vec::new();
    for path in entries(&folder)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = path.with_extension("");
        let is_file = path.extension().is_some_and(|extension| extension == "rs");
        let is_program = is_file || path.join("main.rs").is_file();
        let is_short = !ON_ONE_VERSION.contains(&&*name);
        if is_program && is_short && (is_file && names_servers(&path)? || names_servers(&folder)?) {
            names.push(name.into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Whether this file, or one in this folder, does.
fn names_servers(path: &Path) -> Result<bool, Failure> {
    if path.is_dir() {
        for path in entries(path)? {
            if names_servers(&path)? {
                return Ok(true);
            }
        }
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return Ok(false);
    }
    let text = fs::read_to_string(path);
    let text = text.map_err(Failure::io(format!("read {}", path.display())))?;
    Ok(NAMES.iter().any(|name| text.contains(name)))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failure = || Failure::io(format!("list {}", folder.display()));
    let entries = fs::read_dir(folder).map_err(failure())?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(failure())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_may_start_a_server_is_told_from_one_that_cannot() {
        let names = that_may_start_servers().unwrap();
        for name in ["cancel", "transcripts", "soak", "drivers", "authentication"] {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        for name in [
            "simulation",
            "tidy",
            "architecture",
            "harness",
            "gate",
            "reads",
        ] {
            assert!(!names.iter().any(|known| known == name), "{name}");
        }
    }
}
