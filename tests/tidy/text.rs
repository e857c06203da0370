//! Rules on plain text: words that must not be on the main branch, and characters.
//!
//! The words are put together at compile time, so that this file does not contain them.

use crate::source::SourceFile;
use crate::source::words;

const DEBT: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
];

/// Folders of one person's machine.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
];

/// No word of [`DEBT`], not even in a comment.
pub(crate) fn has_no_debt(file: &SourceFile) -> Vec<String> {
    report(file, &file.text, |line| {
        let word = words(line).find(|word| DEBT.contains(word))?;
        Some(format!(
            "`{word}`: fix it, or say in the documentation what is limited and why"
        ))
    })
}

/// None of [`MACHINE_PATHS`].
pub(crate) fn names_no_machine(file: &SourceFile) -> Vec<String> {
    report(file, &file.text, |line| {
        let path = MACHINE_PATHS.iter().find(|path| line.contains(**path))?;
        Some(format!("`{path}` exists on some machines only"))
    })
}

/// Only ASCII outside of comments and strings.
pub(crate) fn is_ascii(file: &SourceFile) -> Vec<String> {
    report(file, &file.code, |line| {
        let odd = line.chars().find(|character| !character.is_ascii())?;
        Some(format!("`{odd}` in the code is not ASCII"))
    })
}

/// `file:line: why` for every line that the rule objects to.
pub(crate) fn report(
    file: &SourceFile,
    text: &str,
    rule: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let objections = text
        .lines()
        .enumerate()
        .filter_map(|(at, line)| Some((at + 1, rule(line)?)));
    objections
        .map(|(line, why)| format!("{}:{line}: {why}", file.path))
        .collect()
}

mod tests {
    use super::*;

    #[test]
    fn debt_is_reported_with_its_line() {
        for word in DEBT {
            let file = SourceFile::new("src/a.rs", &format!("fn a() {{}}\n// {word}: later\n"));
            let violations = has_no_debt(&file);
            assert_eq!(violations.len(), 1);
            assert!(violations[0].starts_with("src/a.rs:2: "));
        }
        assert!(has_no_debt(&SourceFile::new("src/a.rs", "// XX000 is an SQLSTATE.\n")).is_empty());
    }

    #[test]
    fn a_path_of_a_machine_is_reported() {
        for path in MACHINE_PATHS {
            let file = SourceFile::new("src/a.rs", &format!("const A: &str = \"{path}x\";\n"));
            assert_eq!(names_no_machine(&file).len(), 1);
        }
        assert!(names_no_machine(&SourceFile::new("src/a.rs", "\"/var/run/x\"\n")).is_empty());
    }

    #[test]
    fn an_identifier_that_is_not_ascii_is_reported() {
        assert_eq!(
            is_ascii(&SourceFile::new("src/a.rs", "let caf\u{e9} = 1;\n")).len(),
            1
        );
        assert!(is_ascii(&SourceFile::new("src/a.rs", "x(\"\u{e9}\"); // \u{e9}\n")).is_empty());
    }
}
