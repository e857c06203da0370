//! Rules on imports: how they are grouped, how far they climb, and what they may not swallow.

use super::regions::TestRegions;
use super::text::report;
use crate::source::SourceFile;

/// No `super::super`: name the place from the crate's root.
pub(crate) fn climbs_once(file: &SourceFile) -> Vec<String> {
    report(file, &file.code, |line| {
        line.contains("super::super")
            .then(|| "a path climbs twice; start at `crate`".to_owned())
    })
}

/// No `use crate::{…}`: one line names one layer.
pub(crate) fn name_one_layer(file: &SourceFile) -> Vec<String> {
    report(file, &file.code, |line| {
        line.contains("use crate::{")
            .then(|| "one `use crate::…` a line".to_owned())
    })
}

/// No glob import outside of tests.
pub(crate) fn have_no_glob(file: &SourceFile, regions: &TestRegions) -> Vec<String> {
    let tests = regions.lines(file);
    let mut violations = Vec::new();
    for (at, line) in file.code.lines().enumerate() {
        let import = line.trim().trim_start_matches("pub ").starts_with("use ");
        let glob = line.contains("::*") || line.contains("{*") || line.contains(", *}");
        if import && glob && !tests[at] {
            violations.push(format!(
                "{}:{}: a glob import hides its names",
                file.path,
                at + 1
            ));
        }
    }
    violations
}

/// The imports at the top of a file stand in the order std, external, crate; each blank line
/// starts a group, and no group mixes them.
pub(crate) fn are_grouped(file: &SourceFile) -> Vec<String> {
    let mut violations = Vec::new();
    let (mut last, mut new_group) = (Origin::None, true);
    for (at, line) in file.code.lines().enumerate() {
        let Some(path) = line.strip_prefix("use ") else {
            new_group |= line.trim().is_empty();
            continue;
        };
        let origin = Origin::of(path);
        let place = format!("{}:{}", file.path, at + 1);
        if origin < last {
            violations.push(format!(
                "{place}: imports go std, then external, then crate"
            ));
        } else if origin > last && !new_group && last != Origin::None {
            violations.push(format!(
                "{place}: a blank line goes between groups of imports"
            ));
        }
        (last, new_group) = (origin, false);
    }
    violations
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    None,
    Std,
    External,
    Crate,
}

impl Origin {
    fn of(path: &str) -> Self {
        let first = path.split(['.', ':', ';', ' ']).next().unwrap_or_default();
        match first {
            "std" | "core" | "alloc" => Self::Std,
            "crate" | "super" | "self" => Self::Crate,
            _ => Self::External,
        }
    }
}

mod tests {
    use super::*;

    fn sample(text: &str) -> SourceFile {
        SourceFile::new("src/a.rs", text)
    }

    #[test]
    fn a_path_that_climbs_twice_is_reported() {
        assert_eq!(climbs_once(&sample("use super::super::a;\n")).len(), 1);
        assert!(climbs_once(&sample("use super::a; // super::super\n")).is_empty());
    }

    #[test]
    fn a_group_at_the_root_of_the_crate_is_reported() {
        assert_eq!(name_one_layer(&sample("use crate::{a, b};\n")).len(), 1);
        assert!(name_one_layer(&sample("use crate::a::{b, c};\n")).is_empty());
    }

    #[test]
    fn a_glob_outside_of_tests_is_reported() {
        let regions = TestRegions::of(&[]);
        for line in [
            "use std::io::*;\n",
            "pub use crate::a::*;\n",
            "use a::{b::c, *};\n",
        ] {
            assert_eq!(have_no_glob(&sample(line), &regions).len(), 1, "{line}");
        }
        let text = "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
        assert!(have_no_glob(&sample(text), &regions).is_empty());
    }

    #[test]
    fn imports_out_of_order_are_reported() {
        for text in [
            "use tokio::a;\n\nuse std::b;\n",
            "use crate::a;\n\nuse tokio::b;\n",
            "use std::a;\nuse tokio::b;\n",
            "use tokio::b;\nuse crate::c;\n",
        ] {
            assert_eq!(are_grouped(&sample(text)).len(), 1, "{text}");
        }
        let good =
            "//! A.\n\nuse std::a;\n\nuse tokio::{\n    b,\n};\n\nuse crate::c;\nuse super::d;\n";
        assert_eq!(are_grouped(&sample(good)), [""; 0]);
    }
}
