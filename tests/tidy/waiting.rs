//! The rule on sleeping: a test waits for what it wants to see, or moves a virtual clock.

use super::regions::TestRegions;
use crate::source::SourceFile;
use crate::source::words;

/// The one place that may sleep between two looks; everything else polls through it.
const POLLING: &str = "tests/harness/src/polling.rs";

/// No `sleep` in test code, the harness or the project's commands, except in [`POLLING`].
pub(crate) fn does_not_sleep(file: &SourceFile, regions: &TestRegions) -> Vec<String> {
    if file.path == POLLING {
        return Vec::new();
    }
    let tests = regions.lines(file);
    let also = file.path.starts_with("tests/") || file.path.starts_with("xtask/");
    let mut violations = Vec::new();
    for (at, line) in file.code.lines().enumerate() {
        let names = |word| matches!(word, "sleep" | "sleep_until" | "sleep_ms");
        // Called, or brought in: a field may have the name.
        let is_function = ["sleep(", "sleep_until(", "sleep_ms(", "::sleep"];
        let is_function = is_function.iter().any(|text| line.contains(text));
        let sleeps = is_function && words(line).any(names);
        if sleeps && (also || tests[at]) {
            violations.push(format!(
                "{}:{}: wait for the event, do not sleep",
                file.path,
                at + 1
            ));
        }
    }
    violations
}

mod tests {
    use super::*;

    #[test]
    fn a_sleep_in_a_test_is_reported() {
        let regions = TestRegions::of(&[]);
        let text = "#[cfg(test)]\nmod tests {\n    fn a() { tokio::time::sleep(b).await; }\n}\n";
        assert_eq!(
            does_not_sleep(&SourceFile::new("src/a.rs", text), &regions).len(),
            1
        );
        let text = "use std::thread::sleep;\n";
        assert_eq!(
            does_not_sleep(&SourceFile::new("tests/a.rs", text), &regions).len(),
            1
        );
        assert!(does_not_sleep(&SourceFile::new("src/a.rs", text), &regions).is_empty());
        assert!(does_not_sleep(&SourceFile::new(POLLING, text), &regions).is_empty());
    }

    #[test]
    fn a_database_that_sleeps_is_no_sleep() {
        let file = SourceFile::new("tests/a.rs", "assert!(tenant.sleep.is_some());\n");
        assert!(does_not_sleep(&file, &TestRegions::of(&[])).is_empty());
    }

    #[test]
    fn a_query_that_sleeps_on_the_server_is_no_sleep() {
        let file = SourceFile::new("tests/a.rs", "query(\"select pg_sleep(1)\");\n");
        assert!(does_not_sleep(&file, &TestRegions::of(&[])).is_empty());
    }
}
