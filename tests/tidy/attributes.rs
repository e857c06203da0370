//! Rules on attributes: ignored tests, lint exceptions, and the names of tests.

use super::text::report;
use crate::source::SourceFile;

/// No `#[ignore]`: assert what happens today and say why it is wrong.
pub(crate) fn ignores_no_test(file: &SourceFile) -> Vec<String> {
    report(file, &file.code, |line| {
        let line = line.trim();
        let ignored = line.starts_with("#[ignore") || line.contains(", ignore");
        (ignored && line.starts_with("#[")).then(|| "a test is ignored".to_owned())
    })
}

/// Each `allow` and `expect` attribute carries a reason.
pub(crate) fn gives_reasons(file: &SourceFile) -> Vec<String> {
    let mut violations = Vec::new();
    for opening in ["[allow(", "[expect("] {
        for (at, _) in file.code.match_indices(opening) {
            let end = file.code[at..]
                .find(")]")
                .map_or(file.code.len(), |length| at + length);
            if !file.code[at..end].contains("reason =") {
                let line = file.code[..at].matches('\n').count() + 1;
                violations.push(format!(
                    "{}:{line}: a lint exception needs a reason",
                    file.path
                ));
            }
        }
    }
    violations
}

/// A test's name says what happens: no prefix that repeats that it is a test, no number in place
/// of a name.
pub(crate) fn names_tests_as_sentences(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.code.lines().map(str::trim).collect();
    let mut violations = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if *line != "#[test]" && !line.starts_with("#[tokio::test") {
            continue;
        }
        let rest = lines.iter().enumerate().skip(at + 1);
        let function = rest
            .take(4)
            .find_map(|(at, line)| Some((at, name_of_function(line)?)));
        let Some((at, name)) = function else { continue };
        if name.starts_with("test_") || !name.contains('_') {
            let path = &file.path;
            violations.push(format!(
                "{path}:{}: `{name}` is no sentence about behaviour",
                at + 1
            ));
        }
    }
    violations
}

fn name_of_function(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("fn ")?;
    rest.split('(').next()
}

mod tests {
    use super::*;

    fn sample(text: &str) -> SourceFile {
        SourceFile::new("src/a.rs", text)
    }

    #[test]
    fn an_ignored_test_is_reported() {
        assert_eq!(
            ignores_no_test(&sample("#[test]\n#[ignore]\nfn a() {}\n")).len(),
            1
        );
        assert_eq!(ignores_no_test(&sample("#[ignore = \"slow\"]\n")).len(), 1);
        assert_eq!(
            ignores_no_test(&sample("#[cfg_attr(miri, ignore)]\n")).len(),
            1
        );
        assert!(ignores_no_test(&sample("fn ignore() {} // #[ignore]\n")).is_empty());
    }

    #[test]
    fn a_lint_exception_without_a_reason_is_reported() {
        assert_eq!(
            gives_reasons(&sample("#[allow(dead_code)]\nfn a() {}\n")).len(),
            1
        );
        assert_eq!(
            gives_reasons(&sample("#![expect(clippy::x)]\nuse a; // reason = 1\n")).len(),
            1
        );
        assert!(
            gives_reasons(&sample("#[expect(\n  clippy::x,\n  reason = \"y\"\n)]\n")).is_empty()
        );
    }

    #[test]
    fn a_test_that_is_not_named_as_a_sentence_is_reported() {
        for name in ["test_limits", "test1", "limits"] {
            let text = format!("#[test]\nfn {name}() {{}}\n");
            assert_eq!(names_tests_as_sentences(&sample(&text)).len(), 1, "{name}");
        }
        assert!(names_tests_as_sentences(&sample("#[test]\nfn a_limit_holds() {}\n")).is_empty());
    }
}
