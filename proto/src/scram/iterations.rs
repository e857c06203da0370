//! The iteration count: read, and held against a limit before anything is iterated.

use std::num::NonZeroU32;

use super::error::Defect;
use super::error::ScramError;
use super::error::ScramMessage;

/// The count in `text`.
///
/// # Errors
/// The fault of whoever wrote `message`: [`ScramError::Malformed`] if it is not a number,
/// [`ScramError::IterationsRefused`] if it is zero or above `iterations_max`.
pub(super) fn parse(
    text: &[u8],
    message: ScramMessage,
    iterations_max: u32,
) -> Result<NonZeroU32, ScramError> {
    // One count has one spelling, so no zeros go before it.
    let is_padded = text.len() > 1 && text.starts_with(b"0");
    if text.is_empty() || is_padded || !text.iter().all(u8::is_ascii_digit) {
        return Err(message.malformed(Defect::Number));
    }
    let iterations = text.iter().fold(0_u32, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'))
    });
    match NonZeroU32::new(iterations) {
        Some(iterations) if iterations.get() <= iterations_max => Ok(iterations),
        _ => Err(ScramError::IterationsRefused {
            message,
            iterations,
            iterations_max,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<u32, ScramError> {
        parse(text.as_bytes(), ScramMessage::ServerFirst, 100_000).map(NonZeroU32::get)
    }

    #[test]
    fn a_count_within_the_limit_is_read() {
        assert_eq!(parsed("1"), Ok(1));
        assert_eq!(parsed("4096"), Ok(4096));
        assert_eq!(parsed("100000"), Ok(100_000));
    }

    #[test]
    fn zero_and_too_many_are_refused_however_long_the_number() {
        let endless = "9".repeat(1000);
        let counts = [
            ("0", 0),
            ("100001", 100_001),
            ("4294967296", u32::MAX),
            (&endless, u32::MAX),
        ];
        for (text, iterations) in counts {
            let refused = ScramError::IterationsRefused {
                message: ScramMessage::ServerFirst,
                iterations,
                iterations_max: 100_000,
            };
            assert_eq!(parsed(text), Err(refused), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_malformed() {
        for text in ["", "-1", "+1", "1 ", "0x10", "00", "04096", "1e3", "٣"] {
            let malformed = ScramMessage::ServerFirst.malformed(Defect::Number);
            assert_eq!(parsed(text), Err(malformed), "{text:?}");
        }
    }
}
