//! `DEALLOCATE` of one prepared statement by its name, as drivers write it.
//!
//! See <https://www.postgresql.org/docs/current/sql-deallocate.html>.

/// The name that a text deallocates, if that is all that it does: `DEALLOCATE [PREPARE] name`.
/// Names are cut nowhere, and folded to lower case unless they are quoted.
pub fn deallocated_name(text: &[u8]) -> Option<Vec<u8>> {
    let rest = keyword(text.trim_ascii(), b"deallocate")?;
    let rest = keyword(rest, b"prepare").unwrap_or(rest);
    let name = rest.strip_suffix(b";").unwrap_or(rest).trim_ascii();
    if let [b'"', quoted @ .., b'"'] = name {
        return unquoted(quoted);
    }
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_word = |byte: &u8| is_first(byte) || byte.is_ascii_digit() || *byte == b'$';
    let is_name = name.first().is_some_and(is_first) && name.iter().all(is_word);
    let is_all = name.eq_ignore_ascii_case(b"all") || name.eq_ignore_ascii_case(b"prepare");
    (is_name && !is_all).then(|| name.to_ascii_lowercase())
}

/// What stands behind a keyword and the space after it.
fn keyword<'a>(text: &'a [u8], keyword: &[u8]) -> Option<&'a [u8]> {
    let (word, rest) = text.split_at_checked(keyword.len())?;
    let is_it = word.eq_ignore_ascii_case(keyword);
    let is_over = rest
        .first()
        .is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'"');
    (is_it && is_over).then(|| rest.trim_ascii_start())
}

fn unquoted(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'"' && bytes.next() != Some(&b'"') {
            return None;
        }
        name.push(*byte);
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_a_server_reads_it() {
        let name = |text: &str| {
            let name = deallocated_name(text.as_bytes());
            name.map(|name| String::from_utf8(name).unwrap())
        };
        for (text, expected) in [
            ("DEALLOCATE s", Some("s")),
            ("deallocate prepare _Pg3_0 ;", Some("_pg3_0")),
            ("  DEALLOCATE \"A\"\"b\"", Some("A\"b")),
            ("DEALLOCATE\n\"a b\";", Some("a b")),
            ("DEALLOCATE\"s\"", Some("s")),
            ("DEALLOCATE ALL", None),
            ("DEALLOCATE PREPARE ALL", None),
            ("DEALLOCATE PREPARE", None),
            ("DEALLOCATE", None),
            ("DEALLOCATE s; SELECT 1", None),
            ("DEALLOCATE s;;", None),
            ("DEALLOCATE \"a\" \"b\"", None),
            ("DEALLOCATE s -- t", None),
            ("DEALLOCATE 1", None),
            ("DEALLOCATES", None),
            ("DEALLOCATE \"\"", None),
            ("SELECT 1", None),
        ] {
            assert_eq!(name(text).as_deref(), expected, "{text}");
        }
    }
}
