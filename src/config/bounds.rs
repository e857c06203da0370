//! Which values of a type a setting takes: the third column of the `settings!` rows.

use std::ops::RangeInclusive;

use crate::config::reading::problem::Problem;
use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

/// Which values of a type a setting takes.
pub(in crate::config) trait Bounds<T> {
    /// Why a value is not taken, if it is not.
    fn refuse(&self, value: &T, written: &Value<'_>) -> Option<Problem>;

    /// The limits in words, if there are any worth a word.
    fn describe(&self) -> Option<String> {
        None
    }
}

/// Every value.
pub(in crate::config) struct Any;

impl<T> Bounds<T> for Any {
    fn refuse(&self, _value: &T, _written: &Value<'_>) -> Option<Problem> {
        None
    }
}

impl<T: SettingValue + PartialOrd> Bounds<T> for RangeInclusive<T> {
    fn refuse(&self, value: &T, _written: &Value<'_>) -> Option<Problem> {
        let out_of_range = || Problem::OutOfRange {
            value: bare(value),
            limits: Bounds::<T>::describe(self).unwrap_or_default(),
        };
        (!self.contains(value)).then(out_of_range)
    }

    fn describe(&self) -> Option<String> {
        Some(format!("{} to {}", bare(self.start()), bare(self.end())))
    }
}

fn bare(value: &impl SettingValue) -> String {
    value
        .show()
        .unwrap_or_default()
        .trim_matches('"')
        .to_owned()
}

/// Applies limits to the value that may be absent, or to every one of a list.
pub(in crate::config) struct Each<L>(pub(in crate::config) L);

impl<T, L: Bounds<T>> Bounds<Option<T>> for Each<L> {
    fn refuse(&self, value: &Option<T>, written: &Value<'_>) -> Option<Problem> {
        value
            .as_ref()
            .and_then(|value| self.0.refuse(value, written))
    }

    fn describe(&self) -> Option<String> {
        self.0.describe()
    }
}

impl<T, L: Bounds<T>> Bounds<Vec<T>> for Each<L> {
    fn refuse(&self, values: &Vec<T>, written: &Value<'_>) -> Option<Problem> {
        values
            .iter()
            .find_map(|value| self.0.refuse(value, written))
    }

    fn describe(&self) -> Option<String> {
        self.0.describe()
    }
}
