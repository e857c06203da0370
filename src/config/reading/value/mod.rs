//! One value of a file, and the types of which settings are made.
//!
//! A value that is not understood is written down and refused; it never becomes another value.

mod address;
mod boolean;
mod duration;
mod list;
mod number;
mod optional;
mod path;
pub(in crate::config) mod text;

use std::borrow::Cow;
use std::path::PathBuf;

use toml::de::DeValue;

use crate::config::reading::interpolation;
use crate::config::reading::loading::Loading;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;

/// Values are quoted in the report up to this many characters.
const QUOTED_CHARACTERS_MAX: usize = 60;

/// A type that a setting can have.
pub(in crate::config) trait SettingValue: Clone + PartialEq {
    /// The words there are, for a type that is one of a few.
    const WORDS: &'static [&'static str] = &[];

    /// Reads a value; `None` if it cannot be, which is then in the report.
    fn read(written: &Value<'_>) -> Option<Self>;

    /// The value in TOML; `None` if there is none to show. Never a secret.
    fn show(&self) -> Option<String>;

    /// The value in the console: as in TOML, without quotes.
    fn console(&self) -> Option<String> {
        self.show().map(|text| text.trim_matches('"').to_owned())
    }
}

/// One value being read.
#[derive(Clone)]
pub(in crate::config) struct Value<'a> {
    loading: Loading<'a>,
    key: String,
    toml: &'a DeValue<'a>,
    start: usize,
}

impl<'a> Value<'a> {
    /// The value of a key, which begins at an offset of the text.
    pub(in crate::config) fn new(
        loading: Loading<'a>,
        key: String,
        toml: &'a DeValue<'a>,
        start: usize,
    ) -> Self {
        Self {
            loading,
            key,
            toml,
            start,
        }
    }

    /// The value as TOML has it.
    pub(in crate::config) fn toml(&self) -> &'a DeValue<'a> {
        self.toml
    }

    /// The text, if there is one, with environment variables put in: `Owned` if there were any.
    pub(in crate::config) fn text(&self, expected: &str) -> Option<Cow<'a, str>> {
        let DeValue::String(raw) = self.toml else {
            return self.wrong_type(expected);
        };
        interpolation::expand(raw, |name| self.loading.surroundings.variable(name))
            .map_err(|problem| self.mistake(problem))
            .ok()
    }

    /// The text, if environment variables were put in: then also a number may be one.
    pub(in crate::config) fn referenced_text(&self, expected: &str) -> Option<String> {
        match self.text(expected)? {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => self.wrong_type(expected),
        }
    }

    /// The items of a list.
    pub(in crate::config) fn items(&self, expected: &str) -> Option<Vec<Self>> {
        let DeValue::Array(items) = self.toml else {
            return self.wrong_type(expected);
        };
        let item = |item: &'a toml::Spanned<DeValue<'a>>| {
            Self::new(
                self.loading,
                self.key.clone(),
                item.get_ref(),
                item.span().start,
            )
        };
        Some(items.iter().map(item).collect())
    }

    /// The table it is.
    pub(in crate::config) fn section(&self, expected: &str) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.toml else {
            return self.wrong_type(expected);
        };
        Some(Section::new(
            self.loading,
            self.key.clone(),
            table,
            self.start,
        ))
    }

    /// Whether it is a table.
    pub(in crate::config) fn is_table(&self) -> bool {
        matches!(self.toml, DeValue::Table(_))
    }

    /// An environment variable.
    pub(in crate::config) fn variable(&self, name: &str) -> Option<String> {
        self.loading.surroundings.variable(name)
    }

    /// The contents of a file; if it cannot be read, that is in the report.
    pub(in crate::config) fn file(&self, path: &std::path::Path) -> Option<Vec<u8>> {
        let unreadable = |error: std::io::Error| Problem::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        self.loading
            .surroundings
            .read(path)
            .map_err(|error| self.mistake(unreadable(error)))
            .ok()
    }

    /// A path as written in this file.
    pub(in crate::config) fn resolve(&self, written: &str) -> PathBuf {
        self.loading.source.resolve(written)
    }

    /// The value as it was written, for a report; not for secrets.
    pub(in crate::config) fn quoted(&self) -> String {
        let DeValue::String(raw) = self.toml else {
            return self.found().to_owned();
        };
        let shown: String = raw.chars().take(QUOTED_CHARACTERS_MAX).collect();
        let more = if shown.len() < raw.len() { ".." } else { "" };
        format!("\"{}{more}\"", shown.escape_debug())
    }

    /// Writes a mistake down.
    pub(in crate::config) fn mistake(&self, problem: Problem) {
        self.loading.mistake(self.start, &self.key, problem);
    }

    /// Writes a mistake down and gives no value.
    pub(in crate::config) fn refuse<T>(&self, problem: Problem) -> Option<T> {
        self.mistake(problem);
        None
    }

    /// Writes down that the value has another form than the setting takes.
    pub(in crate::config) fn malformed<T>(&self, expected: &'static str) -> Option<T> {
        self.mistake(Problem::Malformed {
            value: self.quoted(),
            expected,
        });
        None
    }

    /// Writes down that the value has another type than the setting takes.
    pub(in crate::config) fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        self.mistake(Problem::WrongType {
            expected: expected.to_owned(),
            found: self.found(),
        });
        None
    }

    fn found(&self) -> &'static str {
        match self.toml {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }
}
