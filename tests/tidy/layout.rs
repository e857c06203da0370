//! Rules on a file as a whole: its first line, its length, its name.

use crate::source::SourceFile;

const LINES_MAX: usize = 500;

/// Names that say nothing of what a file does.
const EMPTY_NAMES: [&str; 9] = [
    "util", "utils", "helper", "helpers", "common", "misc", "types", "manager", "handler",
];

/// The first line is `//!` with a sentence.
pub(crate) fn opens_with_its_purpose(file: &SourceFile) -> Vec<String> {
    let first = file.text.lines().next().unwrap_or_default();
    match first.strip_prefix("//! ") {
        Some(sentence) if !sentence.trim().is_empty() => Vec::new(),
        _ => vec![format!(
            "{}:1: the file must open with `//!` and what it is for",
            file.path
        )],
    }
}

/// At most [`LINES_MAX`] lines.
pub(crate) fn is_short(file: &SourceFile) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    vec![format!(
        "{}:{lines}: more than {LINES_MAX} lines: split it by noun",
        file.path
    )]
}

/// No part of the path, nor a word of it, is one of [`EMPTY_NAMES`].
pub(crate) fn has_a_telling_name(file: &SourceFile) -> Vec<String> {
    let mut parts = file.path.split(['/', '.', '_', '-']);
    let empty = parts.find(|part| EMPTY_NAMES.contains(part));
    empty
        .map(|name| format!("{}:1: `{name}` does not say what it does", file.path))
        .into_iter()
        .collect()
}

mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_purpose_is_reported() {
        for text in ["use std::fs;\n", "", "//!\n//! Late.\n", "// Not a doc.\n"] {
            assert_eq!(
                opens_with_its_purpose(&SourceFile::new("src/a.rs", text)).len(),
                1
            );
        }
        assert!(opens_with_its_purpose(&SourceFile::new("src/a.rs", "//! A.\n")).is_empty());
    }

    #[test]
    fn a_long_file_is_reported() {
        assert_eq!(
            is_short(&SourceFile::new("a.rs", &"x\n".repeat(501))).len(),
            1
        );
        assert!(is_short(&SourceFile::new("a.rs", &"x\n".repeat(500))).is_empty());
    }

    #[test]
    fn an_empty_name_is_reported() {
        for path in ["src/utils.rs", "src/common/a.rs", "src/pool_manager.rs"] {
            assert_eq!(
                has_a_telling_name(&SourceFile::new(path, "")).len(),
                1,
                "{path}"
            );
        }
        assert!(has_a_telling_name(&SourceFile::new("src/commonwealth.rs", "")).is_empty());
    }
}
