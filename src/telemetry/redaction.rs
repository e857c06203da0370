//! Text from outside, made fit for a log line.
//!
//! A user name may hold a line break that forges a second log entry, an escape sequence that drives
//! an operator's terminal, or a bidirectional override that reverses what a reader sees. Nothing
//! here hides secrets: those never get near a log, by their types.

use std::fmt;

use crate::limits::UNTRUSTED_TEXT_BYTES_MAX;

/// Bytes that a client, a server or a balancer chose. Printed, they are one line of visible
/// characters in quotes, cut after [`UNTRUSTED_TEXT_BYTES_MAX`] bytes of input.
///
/// What is not printable, invalid UTF-8, quotes and backslashes are written as escapes, so that
/// different inputs (of the length that is shown) print differently.
#[derive(Clone, Copy)]
pub struct Untrusted<'a>(&'a [u8]);

impl<'a> Untrusted<'a> {
    /// Text, or bytes that may not be text.
    pub fn new(bytes: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self(bytes.as_ref())
    }
}

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown_bytes = self.0.len().min(UNTRUSTED_TEXT_BYTES_MAX);
        let (shown, cut) = self
            .0
            .split_at_checked(shown_bytes)
            .unwrap_or((self.0, &[]));
        formatter.write_str("\"")?;
        for chunk in shown.utf8_chunks() {
            for character in chunk.valid().chars() {
                // Escapes controls, format characters (bidirectional ones among them), separators
                // other than the space, quotes and backslashes.
                write!(formatter, "{}", character.escape_debug())?;
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        formatter.write_str("\"")?;
        if cut.is_empty() {
            Ok(())
        } else {
            write!(formatter, " and {} bytes more", cut.len())
        }
    }
}

impl fmt::Debug for Untrusted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_print_as_they_are() {
        assert_eq!(Untrusted::new("postgres").to_string(), "\"postgres\"");
        assert_eq!(Untrusted::new("Jürgen 李").to_string(), "\"Jürgen 李\"");
    }

    #[test]
    fn a_line_break_cannot_forge_a_second_entry() {
        assert_eq!(
            Untrusted::new("a\r\nb\u{2028}c").to_string(),
            r#""a\r\nb\u{2028}c""#
        );
    }

    #[test]
    fn escape_sequences_and_bidirectional_overrides_are_shown_not_obeyed() {
        assert_eq!(Untrusted::new("\x1b[31m").to_string(), r#""\u{1b}[31m""#);
        for hidden in [
            '\u{202e}', '\u{2066}', '\u{200f}', '\u{061c}', '\u{200b}', '\u{feff}', '\u{9b}',
            '\u{85}', '\u{ad}',
        ] {
            let text = Untrusted::new(hidden.to_string().as_str()).to_string();
            assert!(text.is_ascii(), "{text}");
        }
    }

    #[test]
    fn quotes_and_backslashes_cannot_fake_an_escape() {
        assert_eq!(
            Untrusted::new(r#"\n" x="y"#).to_string(),
            r#""\\n\" x=\"y""#
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_written_as_numbers() {
        assert_eq!(Untrusted::new(&[b'a', 0xff, 0]).to_string(), r#""a\xff\0""#);
    }

    #[test]
    fn long_text_is_cut_and_says_how_much_is_missing() {
        let long = "x".repeat(UNTRUSTED_TEXT_BYTES_MAX + 1000);
        let text = Untrusted::new(&long).to_string();
        assert!(text.ends_with("\" and 1000 bytes more"));
        assert!(text.len() < UNTRUSTED_TEXT_BYTES_MAX + 40);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_one_short_line_goes_out(bytes: Vec<u8>) {
            let text = Untrusted::new(&bytes).to_string();
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert!(text.len() <= UNTRUSTED_TEXT_BYTES_MAX * 10 + 40);
        }
    }
}
