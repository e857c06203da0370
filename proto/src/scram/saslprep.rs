//! What becomes of a password before it is hashed: `SASLprep`, in the way of `PostgreSQL`.
//!
//! `PostgreSQL` takes the password's raw bytes when they are not UTF-8 or when a step refuses
//! them, and it looks for prohibited and unassigned characters *before* it normalizes, where
//! RFC 4013 looks at the result. A secret that `PostgreSQL` made can only be met by doing the
//! same, so the steps stand here one by one, on the tables of the `stringprep` crate, instead of
//! one call to it.
//!
//! See [RFC 4013](https://www.rfc-editor.org/rfc/rfc4013) and
//! <https://www.postgresql.org/docs/current/sasl-authentication.html>.

use stringprep::tables;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// The bytes that are hashed for `password`.
pub(super) fn prepare(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = std::str::from_utf8(password)
        .ok()
        .filter(|text| !text.is_ascii())
        .and_then(saslprep);
    Zeroizing::new(match prepared {
        Some(text) => text.into_bytes(),
        None => password.to_vec(),
    })
}

/// `None` if a step of `SASLprep` refuses the text.
fn saslprep(text: &str) -> Option<String> {
    let mapped: Zeroizing<String> = Zeroizing::new(
        text.chars()
            .map(|character| match character {
                space if tables::non_ascii_space_character(space) => ' ',
                other => other,
            })
            .filter(|character| !tables::commonly_mapped_to_nothing(*character))
            .collect(),
    );
    let refused = mapped.is_empty()
        || mapped.chars().any(is_prohibited)
        || mapped.chars().any(tables::unassigned_code_point)
        || mixes_directions(&mapped);
    (!refused).then(|| mapped.nfkc().collect())
}

/// RFC 4013 §2.3.
fn is_prohibited(character: char) -> bool {
    tables::non_ascii_space_character(character)
        || tables::ascii_control_character(character)
        || tables::non_ascii_control_character(character)
        || tables::private_use(character)
        || tables::non_character_code_point(character)
        || tables::inappropriate_for_plain_text(character)
        || tables::inappropriate_for_canonical_representation(character)
        || tables::change_display_properties_or_deprecated(character)
        || tables::tagging_character(character)
}

/// Left-to-right in Unicode 3.2, which `SASLprep` and `PostgreSQL` go by, and neutral today.
const LEFT_TO_RIGHT_ONCE: [char; 10] = [
    '\u{1D6C1}',
    '\u{1D6DB}',
    '\u{1D6FB}',
    '\u{1D715}',
    '\u{1D735}',
    '\u{1D74F}',
    '\u{1D76F}',
    '\u{1D789}',
    '\u{1D7A9}',
    '\u{1D7C3}',
];

/// RFC 4013 §2.4: with a right-to-left character, no left-to-right one, and one at either end.
fn mixes_directions(text: &str) -> bool {
    let is_right_to_left = |character: Option<char>| character.is_some_and(tables::bidi_r_or_al);
    text.contains(tables::bidi_r_or_al)
        && (text.contains(tables::bidi_l)
            || text.contains(LEFT_TO_RIGHT_ONCE)
            || !is_right_to_left(text.chars().next())
            || !is_right_to_left(text.chars().next_back()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(password: &str) -> String {
        String::from_utf8(prepare(password.as_bytes()).to_vec()).unwrap()
    }

    #[test]
    fn the_examples_of_rfc_4013_section_3_hold() {
        assert_eq!(prepared("I\u{AD}X"), "IX");
        assert_eq!(prepared("user"), "user");
        assert_eq!(prepared("USER"), "USER");
        assert_eq!(prepared("\u{AA}"), "a");
        assert_eq!(prepared("\u{2168}"), "IX");
    }

    #[test]
    fn a_refused_password_is_taken_as_it_is() {
        // A control character, mixed directions, nothing left, an unassigned character.
        for password in [
            "\u{7}",
            "\u{627}1",
            "\u{AD}",
            "a\u{0221}",
            "\u{E000}",
            "é\u{7}",
        ] {
            assert_eq!(prepared(password), password);
        }
        assert_eq!(prepare(b"\xff\xc2\xa0").as_slice(), b"\xff\xc2\xa0");
    }

    #[test]
    fn prohibited_characters_are_looked_for_before_normalization() {
        // U+0340 is prohibited, though what it normalizes to (U+0300) is not.
        assert_eq!(prepared("a\u{340}"), "a\u{340}");
        // U+1F130 came after Unicode 3.2, though what it normalizes to is an A.
        assert_eq!(prepared("\u{1F130}"), "\u{1F130}");
    }

    #[test]
    fn exotic_spaces_become_spaces() {
        assert_eq!(prepared("a\u{A0}b\u{3000}c\u{200B}d"), "a b c d");
    }
}
