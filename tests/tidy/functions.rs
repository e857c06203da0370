//! The rule on the length of functions, as clippy counts it, but without exceptions.

use super::regions::TestRegions;
use super::regions::end_of_block;
use crate::source::SourceFile;
use crate::source::words;

const CODE_LINES_MAX: usize = 70;

/// The body of a function outside of tests has at most [`CODE_LINES_MAX`] lines, blank lines and
/// comments not counted.
pub(crate) fn are_short(file: &SourceFile, regions: &TestRegions) -> Vec<String> {
    let lines: Vec<&str> = file.code.lines().collect();
    let tests = regions.lines(file);
    let mut violations = Vec::new();
    for at in 0..lines.len() {
        if tests[at] || !declares_function(lines[at]) || !has_body(&lines, at) {
            continue;
        }
        let end = end_of_block(&lines, at);
        let start = (at..end)
            .find(|line| lines[*line].contains('{'))
            .unwrap_or(at);
        let body = &lines[(start + 1).min(end)..end];
        let code = body.iter().filter(|line| !line.trim().is_empty()).count();
        if code > CODE_LINES_MAX {
            violations.push(format!(
                "{}:{}: a function of {code} lines",
                file.path,
                at + 1
            ));
        }
    }
    violations
}

fn declares_function(line: &str) -> bool {
    let before: Vec<&str> = words(line).take_while(|word| *word != "fn").collect();
    let modifiers = [
        "pub", "crate", "super", "in", "const", "async", "unsafe", "extern", "self",
    ];
    let only_modifiers = before.iter().all(|word| modifiers.contains(word));
    only_modifiers && words(line).any(|word| word == "fn") && !line.trim().starts_with("type")
}

/// Whether a `{` comes before the `;` that would end a declaration without a body.
fn has_body(lines: &[&str], at: usize) -> bool {
    let mut depth = 0_i32;
    for character in lines[at..].iter().flat_map(|line| line.chars()) {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return true,
            ';' if depth == 0 => return false,
            _ => {},
        }
    }
    false
}

mod tests {
    use super::*;

    fn function(body_lines: usize) -> String {
        let body = "    a();\n\n    // Why.\n".repeat(body_lines);
        format!("/// A.\npub(crate) async fn f(\n    a: [u8; 4],\n) {{\n{body}}}\n")
    }

    #[test]
    fn a_long_function_is_reported_where_it_begins() {
        let regions = TestRegions::of(&[]);
        let file = SourceFile::new("src/a.rs", &function(71));
        assert_eq!(
            are_short(&file, &regions),
            ["src/a.rs:2: a function of 71 lines"]
        );
        assert!(are_short(&SourceFile::new("src/a.rs", &function(70)), &regions).is_empty());
    }

    #[test]
    fn a_test_may_be_long() {
        let text = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(100));
        let file = SourceFile::new("src/a.rs", &text);
        assert!(are_short(&file, &TestRegions::of(&[])).is_empty());
    }

    #[test]
    fn a_declaration_without_a_body_has_no_length() {
        let text = format!(
            "trait A {{\n    fn b(&self);\n{}}}\n",
            "    // C.\n    const D: u8;\n".repeat(80)
        );
        let file = SourceFile::new("src/a.rs", &text);
        assert!(are_short(&file, &TestRegions::of(&[])).is_empty());
    }
}
