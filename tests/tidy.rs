//! The style of the project as tests: what a reviewer would otherwise have to look for by eye.
//!
//! Each rule is a function from one file to violations (`file:line: why`), with a test that shows
//! it fail on a bad sample. Rules that the compiler or clippy can check are not repeated here.
#![cfg(test)]
#![expect(
    clippy::string_slice,
    reason = "offsets come from searches in the same text; a wrong one fails the test"
)]

mod source;

mod tidy {
    pub(crate) mod attributes;
    pub(crate) mod functions;
    pub(crate) mod imports;
    pub(crate) mod layout;
    pub(crate) mod regions;
    pub(crate) mod text;
    pub(crate) mod waiting;
}

use std::sync::OnceLock;

use source::SourceFile;
use tidy::regions::TestRegions;

/// Where the project's Rust code is; a folder that does not exist yet has no files.
const FOLDERS: [&str; 6] = ["src", "proto", "xtask", "tests", "fuzz", "benches"];

#[test]
fn every_file_says_what_it_is_for() {
    enforce(tidy::layout::opens_with_its_purpose);
}

#[test]
fn no_file_is_longer_than_its_limit() {
    enforce(tidy::layout::is_short);
}

#[test]
fn no_file_is_named_after_nothing() {
    enforce(tidy::layout::has_a_telling_name);
}

#[test]
fn nothing_is_left_to_do() {
    enforce(tidy::text::has_no_debt);
}

#[test]
fn no_path_of_a_machine_is_in_the_code() {
    enforce(tidy::text::names_no_machine);
}

#[test]
fn identifiers_are_ascii() {
    enforce(tidy::text::is_ascii);
}

#[test]
fn no_test_is_ignored() {
    enforce(tidy::attributes::ignores_no_test);
}

#[test]
fn lint_exceptions_have_a_reason() {
    enforce(tidy::attributes::gives_reasons);
}

#[test]
fn tests_are_named_as_sentences() {
    enforce(tidy::attributes::names_tests_as_sentences);
}

#[test]
fn no_path_climbs_twice() {
    enforce(tidy::imports::climbs_once);
}

#[test]
fn imports_come_in_groups() {
    enforce(tidy::imports::are_grouped);
}

#[test]
fn every_import_of_the_crate_names_its_layer() {
    enforce(tidy::imports::name_one_layer);
}

#[test]
fn globs_are_imported_in_tests_only() {
    let regions = TestRegions::of(project());
    enforce(|file| tidy::imports::have_no_glob(file, &regions));
}

#[test]
fn functions_fit_on_a_screen() {
    let regions = TestRegions::of(project());
    enforce(|file| tidy::functions::are_short(file, &regions));
}

#[test]
fn tests_do_not_sleep() {
    let regions = TestRegions::of(project());
    enforce(|file| tidy::waiting::does_not_sleep(file, &regions));
}

/// Every file, read once for all rules.
fn project() -> &'static [SourceFile] {
    static FILES: OnceLock<Vec<SourceFile>> = OnceLock::new();
    let files = FILES.get_or_init(|| source::files(&FOLDERS, "rs"));
    for folder in ["src/", "proto/", "tests/"] {
        assert!(
            files.iter().any(|file| file.path.starts_with(folder)),
            "no file in {folder}"
        );
    }
    files
}

fn enforce(rule: impl Fn(&SourceFile) -> Vec<String>) {
    let violations: Vec<String> = project().iter().flat_map(rule).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}
