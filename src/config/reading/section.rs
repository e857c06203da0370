//! One table of a file: hands out the values of its settings, and reports every key that nobody
//! asked for.
//!
//! It knows no setting by itself, so a key is known exactly if some reader asked for it.

use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::bounds::Bounds;
use crate::config::reading::finding::Place;
use crate::config::reading::loading::Loading;
use crate::config::reading::problem::Problem;
use crate::config::reading::suggestion;
use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;
use crate::config::setting::Presence;
use crate::config::setting::Scope;
use crate::config::setting::Setting;

/// One table being read.
pub(in crate::config) struct Section<'a> {
    loading: Loading<'a>,
    path: String,
    table: &'a DeTable<'a>,
    start: usize,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The table of a whole file.
    pub(in crate::config) fn root(loading: Loading<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(loading, String::new(), table, 0)
    }

    /// A table at a path, which begins at an offset of the text.
    pub(in crate::config) fn new(
        loading: Loading<'a>,
        path: String,
        table: &'a DeTable<'a>,
        start: usize,
    ) -> Self {
        Self {
            loading,
            path,
            table,
            start,
            asked: Vec::new(),
        }
    }

    /// The same table under another name: a tenant's own file is what `[[tenant]]` is elsewhere.
    pub(in crate::config) fn named(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The value of a setting, or `base` if it is not given, or not to be given here, or wrong
    /// (which is then in the report).
    pub(in crate::config) fn setting<T: SettingValue>(
        &mut self,
        setting: &'static Setting,
        scope: Scope,
        limits: &impl Bounds<T>,
        base: &T,
    ) -> T {
        if !scope.includes(setting.presence) {
            return base.clone();
        }
        let Some(written) = self.value(setting.name) else {
            if setting.presence == Presence::Required {
                let example = setting.example.unwrap_or_default();
                let example = format!("{} = {example}", setting.name);
                self.mistake_here(setting.name, Problem::Missing { example });
            }
            return base.clone();
        };
        let Some(value) = T::read(&written) else {
            return base.clone();
        };
        if let Some(problem) = limits.refuse(&value, &written) {
            written.mistake(problem);
        }
        value
    }

    /// The value of a key, if it is given.
    pub(in crate::config) fn value(&mut self, name: &'static str) -> Option<Value<'a>> {
        self.asked.push(name);
        let value = self.table.get(name)?;
        Some(Value::new(
            self.loading,
            self.key(name),
            value.get_ref(),
            value.span().start,
        ))
    }

    /// The table under a key, if it is given.
    pub(in crate::config) fn section(&mut self, name: &'static str) -> Option<Self> {
        let key = self.key(name);
        self.value(name)?.section(&format!("[{key}]"))
    }

    /// The array of tables under a key; none if it is not given.
    pub(in crate::config) fn sections(&mut self, name: &'static str) -> Vec<Self> {
        let expected = format!("[[{}]]", self.key(name));
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let items = value.items(&expected).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item.section(&expected))
            .collect()
    }

    /// Every key of the table with its value: for tables whose keys are names of the operator's.
    pub(in crate::config) fn entries(self) -> Vec<(&'a str, Value<'a>)> {
        let value = |name: &'a str, value: &'a toml::Spanned<DeValue<'a>>| {
            Value::new(
                self.loading,
                self.key(name),
                value.get_ref(),
                value.span().start,
            )
        };
        let entries = self.table.iter();
        entries
            .map(|(name, written)| (name.get_ref().as_ref(), value(name.get_ref(), written)))
            .collect()
    }

    /// Whether a key is given.
    pub(in crate::config) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Whether `[]` is given for a key.
    pub(in crate::config) fn is_empty_list(&self, name: &str) -> bool {
        let written = self.table.get(name).map(toml::Spanned::get_ref);
        matches!(written, Some(DeValue::Array(items)) if items.is_empty())
    }

    /// Where a key is given, or where the table begins.
    pub(in crate::config) fn place(&self, name: &str) -> Place {
        self.loading.source.place(self.offset(name))
    }

    /// Writes a mistake down where the key is given, or where the table begins.
    pub(in crate::config) fn mistake_here(&self, name: &str, problem: Problem) {
        self.loading
            .mistake(self.offset(name), &self.key(name), problem);
    }

    /// Writes a warning down where the key is given, or where the table begins.
    pub(in crate::config) fn warning_here(&self, name: &str, problem: Problem) {
        self.loading
            .warning(self.offset(name), &self.key(name), problem);
    }

    /// Reports every key that was not asked for.
    pub(in crate::config) fn finish(self) {
        for name in self.table.keys() {
            let unknown = name.get_ref().as_ref();
            if !self.asked.contains(&unknown) {
                let suggestion = suggestion::for_key(unknown, &self.asked);
                let problem = Problem::UnknownKey { suggestion };
                self.loading
                    .mistake(name.span().start, &self.key(unknown), problem);
            }
        }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn offset(&self, name: &str) -> usize {
        self.table
            .get_key_value(name)
            .map_or(self.start, |(key, _value)| key.span().start)
    }
}
