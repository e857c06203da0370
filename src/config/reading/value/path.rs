//! Paths: relative ones are relative to the file in which they are written.

use std::path::PathBuf;

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;
use crate::config::reading::value::text;

impl SettingValue for PathBuf {
    fn read(written: &Value<'_>) -> Option<Self> {
        const EXPECTED: &str = "a path";
        let text = written.text(EXPECTED)?;
        if text.is_empty() || text.contains('\0') {
            return written.malformed(EXPECTED);
        }
        Some(written.resolve(&text))
    }

    fn show(&self) -> Option<String> {
        Some(text::quote(&self.display().to_string()))
    }

    fn console(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}
