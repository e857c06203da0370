//! A rate limit: `{ per_second = 10, burst = 20 }`.

use crate::config::reading::problem::Problem;
use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

/// How many events may happen.
///
/// **Units**: events; `per_second` 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many in a second in the long run; 0 is no limit.
    pub per_second: u32,
    /// How many at once; at least one if there is a limit.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        per_second: 0,
        burst: 0,
    };

    /// Whether there is no limit.
    pub const fn is_unlimited(self) -> bool {
        self.per_second == 0
    }
}

impl SettingValue for Rate {
    fn read(written: &Value<'_>) -> Option<Self> {
        let mut table = written.section("{ per_second = 10, burst = 20 }")?;
        let per_second = if let Some(number) = table.value("per_second") {
            u32::read(&number)
        } else {
            let example = "per_second = 10".to_owned();
            table.mistake_here("per_second", Problem::Missing { example });
            None
        };
        let burst = match table.value("burst") {
            Some(number) => u32::read(&number),
            // As many at once as in a second.
            None => per_second,
        };
        table.finish();
        let rate = Self {
            per_second: per_second?,
            burst: burst?,
        };
        if !rate.is_unlimited() && rate.burst == 0 {
            return written.refuse(Problem::Contradiction(
                "a burst of 0 would let nothing through; give 1 or more",
            ));
        }
        Some(rate)
    }

    fn show(&self) -> Option<String> {
        (!self.is_unlimited()).then(|| {
            format!(
                "{{ per_second = {}, burst = {} }}",
                self.per_second, self.burst
            )
        })
    }
}
