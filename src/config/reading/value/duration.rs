//! Durations: text with a unit, or PgBouncer's plain seconds.

use std::borrow::Cow;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

const EXPECTED: &str = "a duration such as \"500ms\", \"5s\", \"1h 30m\", or a number of seconds";

impl SettingValue for Duration {
    fn read(written: &Value<'_>) -> Option<Self> {
        if let DeValue::Integer(integer) = written.toml() {
            let whole = integer
                .as_str()
                .parse()
                .ok()
                .filter(|_| integer.radix() == 10);
            return whole
                .map(Self::from_secs)
                .or_else(|| written.malformed(EXPECTED));
        }
        if let DeValue::Float(fraction) = written.toml() {
            return seconds(fraction.as_str()).or_else(|| written.malformed(EXPECTED));
        }
        let text = written.text(EXPECTED)?;
        let is_reference = matches!(text, Cow::Owned(_));
        let plain = || seconds(&text).filter(|_| is_reference);
        let duration = humantime::parse_duration(&text).ok().or_else(plain);
        duration.or_else(|| written.malformed(EXPECTED))
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", shortest(*self)))
    }

    /// Seconds, as PgBouncer shows them.
    fn console(&self) -> Option<String> {
        Some(self.as_secs_f64().to_string())
    }
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
}

/// In the largest unit in which it is a whole number.
fn shortest(duration: Duration) -> String {
    const UNITS: [(u128, &str); 6] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let whole = UNITS
        .iter()
        .find(|(unit, _name)| nanoseconds.is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or(&(1, "ns"));
    format!("{}{name}", nanoseconds / unit)
}
