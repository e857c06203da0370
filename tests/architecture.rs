//! Checks the layers of `src/`: every `crate::…` path leads to the same layer or to a lower one.
//!
//! The list is read from ARCHITECTURE.md, so the document and the code cannot drift apart. The
//! check reads text, not types: a path hidden in a macro's arguments counts as well.
#![cfg(test)]
#![expect(
    clippy::string_slice,
    reason = "offsets come from searches in the same text; a wrong one fails the test"
)]

mod source;

use std::collections::BTreeMap;
use std::fs;

use source::SourceFile;

#[test]
fn every_path_leads_downward() {
    let layers = layers_of_the_document();
    let files = source::files(&["src"], "rs");
    assert!(!files.is_empty(), "no source file was found");
    let violations: Vec<String> = files
        .iter()
        .flat_map(|file| upward(file, &layers))
        .collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// A layer's name and its place: 0 is the top; peers share a place.
type Layers = BTreeMap<String, usize>;

fn layers_of_the_document() -> Layers {
    let path = source::root().join("ARCHITECTURE.md");
    layers(&fs::read_to_string(path).expect("ARCHITECTURE.md can be read"))
}

/// The first fenced block below the heading `## Layers`: one layer a line, upper first, peers
/// joined by ` · `, then two spaces or more and what it is for.
fn layers(document: &str) -> Layers {
    let section = document
        .lines()
        .skip_while(|line| *line != "## Layers")
        .skip(1);
    let block = section.skip_while(|line| !line.starts_with("```")).skip(1);
    let mut layers = Layers::new();
    for (place, line) in block
        .take_while(|line| !line.starts_with("```"))
        .enumerate()
    {
        let names = line.split("  ").next().unwrap_or_default();
        for name in names.split(" · ") {
            let before = layers.insert(name.to_owned(), place);
            assert!(before.is_none(), "the layer `{name}` is listed twice");
        }
    }
    assert!(
        !layers.is_empty(),
        "ARCHITECTURE.md has no block of layers under `## Layers`"
    );
    layers
}

/// What is wrong with the paths of one file, as `file:line: why`.
fn upward(file: &SourceFile, layers: &Layers) -> Vec<String> {
    let Some(own) = layer_of(&file.path) else {
        return Vec::new();
    };
    let Some(own_place) = layers.get(own) else {
        return vec![format!("{}:1: `{own}` is not in the layer list", file.path)];
    };
    let mut violations = Vec::new();
    for (line, name) in references(file, own, layers) {
        let why = match layers.get(name) {
            _ if name == own => continue,
            None => "which is not in the layer list",
            Some(place) if place < own_place => "which is an upper layer",
            Some(place) if place == own_place => "which is its peer",
            Some(_) => continue,
        };
        let text = file.text.lines().nth(line - 1).unwrap_or_default().trim();
        let place = format!("{}:{line}", file.path);
        violations.push(format!("{place}: `{own}` names `{name}`, {why}: {text}"));
    }
    violations
}

/// `pool` for `src/pool/lease.rs` and for `src/pool.rs`; `None` for the roots of the crate, which
/// stand above all layers.
fn layer_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(inside, "lib.rs" | "main.rs")).then_some(name)
}

/// Each first name after `crate::` (also inside `crate::{…}`), and after `super::` where that is
/// the crate's root, with its line.
fn references<'a>(file: &'a SourceFile, own: &str, layers: &Layers) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (at, _) in file.code.match_indices("crate::") {
        let line = line_of(&file.code, at);
        found.extend(first_names(&file.code[at + "crate::".len()..]).map(|name| (line, name)));
    }
    if file.path == format!("src/{own}/mod.rs") || file.path == format!("src/{own}.rs") {
        for (at, _) in file.code.match_indices("super::") {
            let line = line_of(&file.code, at);
            let names = first_names(&file.code[at + "super::".len()..]);
            found.extend(
                names
                    .filter(|name| layers.contains_key(*name))
                    .map(|name| (line, name)),
            );
        }
    }
    found
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// `a` for `a::b`, and `a`, `c` for `{a::b, c::{d, e}}`.
fn first_names(path: &str) -> impl Iterator<Item = &str> {
    let mut parts = Vec::new();
    match path.strip_prefix('{') {
        None => parts.push(path),
        Some(group) => {
            let (mut depth, mut start) = (0_usize, 0);
            for (at, character) in group.char_indices() {
                match character {
                    '{' => depth += 1,
                    '}' if depth > 0 => depth -= 1,
                    ',' | '}' if depth == 0 => {
                        parts.push(&group[start..at]);
                        start = at + 1;
                    },
                    _ => {},
                }
                if character == '}' && start > at {
                    break;
                }
            }
        },
    }
    parts
        .into_iter()
        .filter_map(|part| source::words(part.trim_start()).next())
}

mod tests {
    use super::layers;
    use super::upward;
    use crate::source::SourceFile;

    const DOCUMENT: &str = "# A\n\n## Layers\n\nText.\n\n```text\nedge\npool        servers\nauth · restrictions\nlimits\n```\n";

    fn check(path: &str, text: &str) -> Vec<String> {
        upward(&SourceFile::new(path, text), &layers(DOCUMENT))
    }

    #[test]
    fn a_downward_path_is_accepted() {
        let text = "use crate::limits::A;\nuse crate::pool::Own;\n// crate::edge::Comment\n";
        assert_eq!(check("src/pool/lease.rs", text), [""; 0]);
    }

    #[test]
    fn an_upward_path_is_reported_with_its_line() {
        let text = "use crate::limits::A;\n\nfn f() { crate::edge::g(); }\n";
        assert_eq!(
            check("src/pool/lease.rs", text),
            [
                "src/pool/lease.rs:3: `pool` names `edge`, which is an upper layer: \
              fn f() { crate::edge::g(); }"
            ]
        );
    }

    #[test]
    fn a_group_is_looked_into() {
        let text = "use crate::{\n    limits::{A, edge},\n    edge::B,\n};\nuse std::{edge::C};\n";
        assert_eq!(
            check("src/pool.rs", text),
            ["src/pool.rs:1: `pool` names `edge`, which is an upper layer: use crate::{"]
        );
    }

    #[test]
    fn peers_may_not_name_each_other() {
        let violations = check("src/auth/mod.rs", "use crate::restrictions::Permit;\n");
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert!(violations[0].contains("which is its peer"));
    }

    #[test]
    fn a_folder_that_is_not_listed_is_reported() {
        assert_eq!(
            check("src/odd/mod.rs", ""),
            ["src/odd/mod.rs:1: `odd` is not in the layer list"]
        );
        assert_eq!(check("src/auth/a.rs", "use crate::odd::A;\n").len(), 1);
    }

    #[test]
    fn super_from_the_top_of_a_layer_is_the_root() {
        assert_eq!(
            check("src/limits/mod.rs", "use super::pool::Pool;\n").len(),
            1
        );
        assert_eq!(check("src/limits/inner.rs", "use super::pool;\n").len(), 0);
    }
}
