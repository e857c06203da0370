//! Replays every file of every corpus through the body of its target, without instrumentation.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::Path;
use std::path::PathBuf;

use tidegate_fuzz::TARGETS;
use tidegate_fuzz::Target;

/// A corpus is a sample to start from, kept small enough to replay on every commit.
const CORPUS_FILES_MAX: usize = 300;
const CORPUS_BYTES_MAX: usize = 1 << 20;

#[test]
fn every_file_of_every_corpus_passes_its_target() {
    let mut failures = Vec::new();
    for target in TARGETS {
        for path in files_of(&corpus_of(target.name)) {
            let data = fs::read(&path).expect("a corpus file can be read");
            if panic::catch_unwind(|| (target.run)(&data)).is_err() {
                failures.push(path);
            }
        }
    }
    assert!(
        failures.is_empty(),
        "these inputs break their target: {failures:#?}"
    );
}

#[test]
fn every_target_has_a_corpus_that_is_neither_empty_nor_large() {
    for Target { name, .. } in TARGETS {
        let files = files_of(&corpus_of(name));
        assert!(!files.is_empty(), "fuzz/corpus/{name} is missing or empty");
        assert!(
            files.len() <= CORPUS_FILES_MAX,
            "fuzz/corpus/{name} has {} files: minimise it",
            files.len()
        );
        let bytes: usize = files
            .iter()
            .map(|path| fs::read(path).expect("a corpus file can be read").len())
            .sum();
        assert!(
            bytes <= CORPUS_BYTES_MAX,
            "fuzz/corpus/{name} has {bytes} bytes: minimise it"
        );
    }
}

#[test]
fn targets_binaries_and_corpora_have_the_same_names() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.into()).collect();
    assert_eq!(
        targets.len(),
        TARGETS.len(),
        "two targets share one name in TARGETS"
    );
    assert_eq!(targets, stems_in("fuzz_targets"), "fuzz_targets/NAME.rs");
    assert_eq!(targets, stems_in("corpus"), "corpus/NAME/");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus_of(name: &str) -> PathBuf {
    root().join("corpus").join(name)
}

/// The entries of a folder, in a stable order; none if there is no such folder.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder entry can be read").path())
        .collect();
    files.sort();
    files
}

fn stems_in(folder: &str) -> BTreeSet<String> {
    files_of(&root().join(folder))
        .iter()
        .filter_map(|path| path.file_stem())
        .map(|stem| stem.to_string_lossy().into_owned())
        .collect()
}
