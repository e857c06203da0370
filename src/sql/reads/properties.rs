//! What holds for every text, however it is made up and cut.

use proptest::prelude::*;

use super::tests::READING;
use super::tests::WRITING;
use super::tests::access;
use super::tests::kind;
use super::*;

/// What texts are made of, and what makes them hard to read.
#[rustfmt::skip] // Several a line.
const FRAGMENTS: [&str; 40] = [
    "select ", "with ", "x(a) ", "as ", "(", ")", "insert ", "into ", "for ", "update ", "share ", "lower", "nextval",
    "\"lower\"", "\"", "'", "\\", "e'", "$$", "$a$", "$1", "; ", "-- c\n", "/* ", "*/", "-", "/", "::", ".", ",",
    "operator(pg_catalog.+)", "distinct on ", "copy ", "to stdout", "explain ", "begin ", "values ", "u&", "1", " ",
];

fn is_read(text: &str) -> bool {
    kind(text) == AccessKind::Reads
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm_and_the_same_however_they_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        has_backslash_escapes: bool,
    ) {
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let whole = access(&[&bytes], has_backslash_escapes);
        prop_assert_eq!(access(&single, has_backslash_escapes), whole);
    }

    #[test]
    fn pieces_of_statements_mean_the_same_however_they_are_cut_and_a_write_behind_them_is_seen(
        pieces in prop::collection::vec(prop::sample::select(FRAGMENTS.to_vec()), 0..14),
    ) {
        let text = pieces.concat();
        let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        prop_assert_eq!(access(&single, false), access(&[text.as_bytes()], false));
        // Only what is open may hide what comes behind.
        if !text.contains(['\'', '"', '$', '/', '*', '-']) {
            prop_assert!(!is_read(&format!("{text}; delete from t")), "{}", text);
        }
    }

    #[test]
    fn a_write_in_a_second_statement_is_always_one(
        text in prop::sample::select(READING.to_vec()),
        (write, _) in prop::sample::select(WRITING.to_vec()),
    ) {
        let text = format!("{text}\n; {write}");
        prop_assert!(!is_read(&text), "{}", text);
    }

    #[test]
    fn what_stands_in_parentheses_or_in_a_common_table_expression_stays_what_it_is(
        text in prop::sample::select(
            READING.into_iter().chain(WRITING.map(|(text, _)| text)).collect::<Vec<_>>()
        ),
        wrapping in prop::sample::select(vec![
            ("(", "\n)"),
            ("with w as (", "\n) select * from w"),
            ("select * from (", "\n) w"),
            ("copy (", "\n) to stdout"),
            ("explain ", ""),
        ]),
    ) {
        let is_query = ["select ", "with ", "values ", "table t"].iter().any(|word| text.starts_with(word));
        let is_one = !text.contains(';') && !text.ends_with(')');
        let wrapped = format!("{}{text}{}", wrapping.0, wrapping.1);
        if is_query && is_one {
            prop_assert_eq!(is_read(&wrapped), is_read(text), "{}", wrapped);
        }
    }
}
