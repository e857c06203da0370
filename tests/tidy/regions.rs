//! Which lines are test code: some rules hold only there, some only elsewhere.
//!
//! Test code is the integration tests (but not the harness, which is a library), a module behind
//! `#[cfg(test)]`, and the file or folder that such a module names.

use std::collections::BTreeSet;

use crate::source::SourceFile;

const HARNESS: &str = "tests/harness/src/";

/// What is test code in the project.
pub(crate) struct TestRegions {
    /// `src/pool/tests.rs` and `src/pool/tests/`, for each module file behind `#[cfg(test)]`.
    modules: BTreeSet<String>,
}

impl TestRegions {
    /// Looks for the modules behind `#[cfg(test)]` in all files.
    pub(crate) fn of(files: &[SourceFile]) -> Self {
        let mut modules = BTreeSet::new();
        for file in files {
            let lines: Vec<&str> = file.code.lines().collect();
            for pair in lines.windows(2) {
                let Some(name) = test_module(pair).and_then(|rest| rest.strip_suffix(';')) else {
                    continue;
                };
                let folder = folder_of_modules(&file.path);
                modules.insert(format!("{folder}{name}.rs"));
                modules.insert(format!("{folder}{name}/"));
            }
        }
        Self { modules }
    }

    /// For each line of the file, whether it is test code.
    pub(crate) fn lines(&self, file: &SourceFile) -> Vec<bool> {
        let lines: Vec<&str> = file.code.lines().collect();
        let mut inside = vec![self.is_test_file(file); lines.len()];
        for at in 0..lines.len().saturating_sub(1) {
            if test_module(&lines[at..at + 2]).is_some_and(|rest| rest.ends_with('{')) {
                let end = end_of_block(&lines, at + 1);
                inside[at..=end].fill(true);
            }
        }
        inside
    }

    fn is_test_file(&self, file: &SourceFile) -> bool {
        let integration = file.path.starts_with("tests/") && !file.path.starts_with(HARNESS);
        let crate_tests = file.path.contains("/tests/") && !file.path.starts_with(HARNESS);
        let named = self
            .modules
            .iter()
            .any(|module| file.path.starts_with(module));
        integration || crate_tests || named
    }
}

/// `tests;` or `tests {` for the two lines `#[cfg(test)]` and `mod tests…`.
fn test_module<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let (attribute, module) = (lines.first()?.trim(), lines.get(1)?.trim());
    let visible = module.strip_prefix("pub(crate) ").unwrap_or(module);
    visible
        .strip_prefix("mod ")
        .filter(|_| attribute == "#[cfg(test)]")
}

/// Where the modules declared in a file are looked for.
fn folder_of_modules(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => format!("{folder}/"),
        _ => format!("{folder}/{}/", name.trim_end_matches(".rs")),
    }
}

/// The line of the `}` that closes the first `{` on or after the line `start`.
pub(crate) fn end_of_block(lines: &[&str], start: usize) -> usize {
    let (mut depth, mut opened) = (0_usize, false);
    for (at, line) in lines.iter().enumerate().skip(start) {
        for character in line.chars() {
            match character {
                '{' => (depth, opened) = (depth + 1, true),
                '}' => depth = depth.saturating_sub(1),
                _ => {},
            }
            if opened && depth == 0 {
                return at;
            }
        }
    }
    lines.len().saturating_sub(1)
}

mod tests {
    use super::TestRegions;
    use crate::source::SourceFile;

    #[test]
    fn a_module_behind_cfg_test_is_test_code() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
        let file = SourceFile::new("src/a.rs", text);
        assert_eq!(
            TestRegions::of(&[]).lines(&file),
            [false, true, true, true, true, true, false]
        );
    }

    #[test]
    fn the_file_of_such_a_module_is_test_code() {
        let parent = SourceFile::new("src/pool/mod.rs", "#[cfg(test)]\nmod model;\n");
        let child = SourceFile::new("src/pool/model.rs", "fn a() {}\n");
        let other = SourceFile::new("src/pool/lease.rs", "fn a() {}\n");
        let regions = TestRegions::of(&[parent]);
        assert_eq!(regions.lines(&child), [true]);
        assert_eq!(regions.lines(&other), [false]);
    }

    #[test]
    fn integration_tests_are_test_code_and_the_harness_is_not() {
        let regions = TestRegions::of(&[]);
        assert_eq!(regions.lines(&SourceFile::new("tests/a.rs", "x\n")), [true]);
        assert_eq!(
            regions.lines(&SourceFile::new("tests/harness/src/a.rs", "x\n")),
            [false]
        );
    }
}
