//! Text.

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

impl SettingValue for String {
    fn read(written: &Value<'_>) -> Option<Self> {
        read(written, "text")
    }

    fn show(&self) -> Option<String> {
        Some(quote(self))
    }

    fn console(&self) -> Option<String> {
        Some(self.clone())
    }
}

/// Text of which something more is expected.
pub(in crate::config) fn read(written: &Value<'_>, expected: &str) -> Option<String> {
    Some(written.text(expected)?.into_owned())
}

/// Text as TOML writes it.
pub(in crate::config) fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}
