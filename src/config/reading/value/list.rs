//! Lists: all entries, or no list.

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

impl<T: SettingValue> SettingValue for Vec<T> {
    fn read(written: &Value<'_>) -> Option<Self> {
        let items = written.items("a list, as in [..]")?;
        // Every entry is read before one failure refuses the list, so that all are reported.
        let entries: Vec<Option<T>> = items.iter().map(T::read).collect();
        entries.into_iter().collect()
    }

    fn show(&self) -> Option<String> {
        let entries: Vec<String> = self.iter().filter_map(T::show).collect();
        Some(format!("[{}]", entries.join(", ")))
    }

    fn console(&self) -> Option<String> {
        let entries: Vec<String> = self.iter().filter_map(T::console).collect();
        Some(entries.join(","))
    }
}
