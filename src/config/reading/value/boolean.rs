//! True and false.

use toml::de::DeValue;

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

impl SettingValue for bool {
    fn read(written: &Value<'_>) -> Option<Self> {
        const EXPECTED: &str = "true or false";
        if let DeValue::Boolean(boolean) = written.toml() {
            return Some(*boolean);
        }
        match written.referenced_text(EXPECTED)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => written.malformed(EXPECTED),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}
