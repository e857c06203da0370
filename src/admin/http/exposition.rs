//! The text format of Prometheus, version 0.0.4: families of samples, each family once and whole.
//!
//! See <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::fmt;
use std::fmt::Write as _;

/// The `Content-Type` of a page.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// They only grow, until the process ends.
    Counter,
    /// They rise and fall.
    Gauge,
}

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Page(String);

/// One family of a page.
#[derive(Debug)]
pub(super) struct Family<'a> {
    page: &'a mut String,
    name: &'a str,
}

impl Page {
    /// Begins a family. `name` is a name of a metric, and `help` has one line.
    pub(super) fn family<'a>(&'a mut self, kind: Kind, name: &'a str, help: &str) -> Family<'a> {
        debug_assert!(is_name(name), "{name}");
        debug_assert!(!help.contains(['\n', '\\']), "{help}");
        let Self(page) = self;
        page.push_str("# HELP ");
        line(page, name, help);
        page.push_str("# TYPE ");
        line(page, name, kind.word());
        Family { page, name }
    }

    /// A family of one sample without labels.
    pub(super) fn single(&mut self, kind: Kind, name: &str, help: &str, value: impl fmt::Display) {
        self.family(kind, name, help).sample(&[], value);
    }

    /// The page.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Adds a sample. A label without a value is left out, which means the same.
    pub(super) fn sample(
        &mut self,
        labels: &[(&str, &str)],
        value: impl fmt::Display,
    ) -> &mut Self {
        self.page.push_str(self.name);
        let mut before = '{';
        for (name, value) in labels.iter().filter(|(_name, value)| !value.is_empty()) {
            debug_assert!(is_name(name), "{name}");
            self.page.push(before);
            self.page.push_str(name);
            self.page.push_str("=\"");
            escape(value, self.page);
            self.page.push('"');
            before = ',';
        }
        if before == ',' {
            self.page.push('}');
        }
        // A String takes whatever is written.
        let _never_fails = writeln!(self.page, " {value}");
        self
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

fn line(page: &mut String, name: &str, rest: &str) {
    page.push_str(name);
    page.push(' ');
    page.push_str(rest);
    page.push('\n');
}

/// Labels hold names that clients chose: a quote or a line break in one must not make samples.
fn escape(value: &str, page: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => page.push_str("\\\\"),
            '"' => page.push_str("\\\""),
            '\n' => page.push_str("\\n"),
            other => page.push(other),
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_written_once_with_its_samples() {
        let mut page = Page::default();
        let mut family = page.family(Kind::Counter, "a_total", "Some.");
        family
            .sample(&[("x", "1"), ("y", "2")], 3)
            .sample(&[("x", ""), ("y", "")], 4);
        page.single(Kind::Gauge, "b", "Other.", 0.5);
        let expected = "# HELP a_total Some.\n# TYPE a_total counter\n\
            a_total{x=\"1\",y=\"2\"} 3\na_total 4\n\
            # HELP b Other.\n# TYPE b gauge\nb 0.5\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn a_name_that_a_client_chose_stays_in_its_quotes() {
        let mut page = Page::default();
        let mut family = page.family(Kind::Gauge, "a", "Some.");
        family.sample(&[("user", "x\"} 1\nfake{y=\"\\")], 1);
        let text = page.into_text();
        let last = text.lines().last().unwrap();
        assert_eq!(last, r#"a{user="x\"} 1\nfake{y=\"\\"} 1"#);
    }
}
