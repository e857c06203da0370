//! Durations: text with a unit, or PgBouncer's plain seconds.

use std::time::Duration;

use toml::de::DeValue;

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

const EXPECTED: &str = "a duration such as \"500ms\", \"5s\", \"1h 30m\", or a number of seconds";

impl SettingValue for Duration {
    fn read(written: &Value<'_>) -> Option<Self> {
        match written.toml() {
            DeValue::Integer(integer) if integer.radix() == 10 => {
                let seconds = integer.as_str().parse().ok().map(Self::from_secs);
                seconds.or_else(|| written.malformed(EXPECTED))
            },
            DeValue::Float(fraction) => {
                let seconds = seconds(fraction.as_str());
                seconds.or_else(|| written.malformed(EXPECTED))
            },
            _ => {
                let text = written.text(EXPECTED)?;
                let duration = humantime::parse_duration(&text).ok();
                let is_reference = matches!(text, std::borrow::Cow::Owned(_));
                let plain = || if is_reference { seconds(&text) } else { None };
                duration.or_else(plain).or_else(|| written.malformed(EXPECTED))
            },
        }
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", humantime::format_duration(*self)))
    }

    /// Seconds, as PgBouncer shows them.
    fn console(&self) -> Option<String> {
        Some(self.as_secs_f64().to_string())
    }
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
}
