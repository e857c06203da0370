//! Settings that may be absent.

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

impl<T: SettingValue> SettingValue for Option<T> {
    const WORDS: &'static [&'static str] = T::WORDS;

    fn read(written: &Value<'_>) -> Option<Self> {
        T::read(written).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }

    fn console(&self) -> Option<String> {
        self.as_ref().and_then(T::console)
    }
}
