//! Reads the project's own source files for the tests that check them: which files there are, and
//! their text without comments and string contents.
//!
//! It never compiles or changes anything, and it knows no rule: the rules are in `tidy.rs` and
//! `architecture.rs`.

pub(crate) mod blank;

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// One file of the project.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// From the project's root, with `/`.
    pub(crate) path: String,
    /// As it is on disk.
    pub(crate) text: String,
    /// The same lines with comments as spaces and the inside of strings as quotes; see
    /// [`blank::blank`].
    pub(crate) code: String,
}

impl SourceFile {
    /// A file that exists only in a test of a check.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blank::blank(text),
        }
    }
}

/// The project's root folder. Asked for when the test runs: build output that is shared between
/// two checkouts may hold the program that the other one compiled.
pub(crate) fn root() -> PathBuf {
    let root = env::var_os("CARGO_MANIFEST_DIR");
    root.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// Every file under the given folders whose name ends in `extension`, by path. A folder that does
/// not exist has no files; build output is left out.
pub(crate) fn files(folders: &[&str], extension: &str) -> Vec<SourceFile> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root().join(folder), extension, &mut paths);
    }
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn collect(folder: &Path, extension: &str, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a folder of the project can be read").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, extension, paths);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
}

fn read(path: &Path) -> SourceFile {
    let text = fs::read_to_string(path).expect("a source file is UTF-8 and can be read");
    let name = path
        .strip_prefix(root())
        .expect("the file is inside the project");
    SourceFile::new(&name.to_string_lossy().replace('\\', "/"), &text)
}

/// The words of a line of code: runs of letters, digits and `_`.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !(character.is_alphanumeric() || character == '_'))
        .filter(|word| !word.is_empty())
}
