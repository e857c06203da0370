//! Whole numbers.

use toml::de::DeValue;

use crate::config::reading::problem::Problem;
use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

macro_rules! whole_numbers {
    ($($number:ty),+) => {
        $(
            impl SettingValue for $number {
                fn read(written: &Value<'_>) -> Option<Self> {
                    let number = whole_number(written)?;
                    let limits = || format!("{} to {}", Self::MIN, Self::MAX);
                    Self::try_from(number)
                        .map_err(|_too_large| written.mistake(Problem::OutOfRange {
                            value: number.to_string(),
                            limits: limits(),
                        }))
                        .ok()
                }

                fn show(&self) -> Option<String> {
                    Some(grouped(&self.to_string()))
                }

                fn console(&self) -> Option<String> {
                    Some(self.to_string())
                }
            }
        )+
    };
}
whole_numbers!(u16, u32, usize);

/// A number as written, or in a variable.
fn whole_number(written: &Value<'_>) -> Option<i128> {
    const EXPECTED: &str = "a whole number";
    if let DeValue::Integer(integer) = written.toml() {
        // Longer than any setting's range in every radix, so a failure means out of range.
        return i128::from_str_radix(integer.as_str(), integer.radix())
            .or_else(|_too_long| written.malformed(EXPECTED).ok_or(()))
            .ok();
    }
    let text = written.referenced_text(EXPECTED)?;
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_plain => Some(number),
        _ => written.malformed(EXPECTED),
    }
}

/// Long numbers with an underscore after every third digit from the right.
fn grouped(digits: &str) -> String {
    const UNGROUPED_DIGITS_MAX: usize = 4;
    if digits.len() <= UNGROUPED_DIGITS_MAX {
        return digits.to_owned();
    }
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}
