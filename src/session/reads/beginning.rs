//! Texts of several statements whose first one begins or ends a transaction block.
//!
//! What that statement is, is told from the text up to its first semicolon. Where nothing but words
//! stands before it, it is in no literal, name or comment.

use crate::session::reads::round::Deed;
use crate::sql;
use crate::sql::reads::AccessKind;
use crate::sql::reads::Reason;

/// What a text does, whose statements taken together are of this kind; `kind_of` tells that of others.
pub(super) fn deed_of_text(
    kind: AccessKind,
    text: &[u8],
    kind_of: impl Fn(&[u8]) -> AccessKind,
) -> Deed {
    let reads_first = || {
        let (first, rest) = first_statement(text)?;
        let begins = Deed::of(kind_of(first), first) == Deed::Begins;
        Some(begins && kind_of(rest) == AccessKind::Reads)
    };
    if kind == AccessKind::Primary(Reason::Mixed) && reads_first() == Some(true) {
        return Deed::BeginsReads;
    }
    Deed::of(kind, text)
}

/// Whether a text that does this ends a transaction block first, and then goes on.
pub(super) fn ends_first(deed: Deed, text: &[u8], session: &impl sql::Session) -> bool {
    deed == Deed::Unclear && sql::begins_with_block_end(text, session)
}

/// What begins the block, of a text that does that first.
pub(super) fn beginning_of(text: &[u8]) -> &[u8] {
    first_statement(text).map_or(text, |(first, _)| first)
}

/// What stands behind that, of a text that does this.
pub(super) fn behind_beginning(deed: Deed, text: &[u8]) -> &[u8] {
    let behind = first_statement(text).filter(|_| deed == Deed::BeginsReads);
    behind.map_or(text, |(_, rest)| rest)
}

/// The first of several statements, which is nothing but words, and what stands behind it.
fn first_statement(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b';', text)?;
    let first = text.get(..end)?;
    let is_of_words = |byte: &u8| byte.is_ascii_alphanumeric() || b" \t\r\n,".contains(byte);
    let is_plain = first.iter().all(is_of_words);
    is_plain.then(|| (first, text.get(end + 1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::reads::explain::Defaults;
    use crate::sql::reads::KnownFunctions;
    use crate::sql::reads::Reads;

    fn kind(text: &[u8]) -> AccessKind {
        let functions = KnownFunctions::default();
        let mut reads = Reads::new();
        reads.feed(text, &Defaults, &functions);
        reads.finish(&functions).kind
    }

    fn deed(text: &str) -> Deed {
        deed_of_text(kind(text.as_bytes()), text.as_bytes(), kind)
    }

    #[test]
    fn a_text_that_begins_a_block_and_reads_is_told_from_one_that_writes() {
        for text in [
            "begin; select 1",
            "BEGIN WORK;\nselect 1; table t;",
            "start transaction isolation level repeatable read, deferrable; select ';'",
        ] {
            assert_eq!(deed(text), Deed::BeginsReads, "{text}");
        }
        for text in [
            "begin; insert into t values (1)",
            "begin; select pg_is_in_recovery()",
            "begin; select 1; commit",
            "begin; begin",
            "begin read write; select 1",
            "begin isolation level serializable; select 1",
            "begin /* ; */; select 1",
            "select 1; begin",
        ] {
            assert_eq!(deed(text), Deed::Unclear, "{text}");
        }
        assert_eq!(deed("begin;"), Deed::Begins);
    }

    #[test]
    fn a_text_that_goes_on_behind_the_end_of_a_block_is_told_from_that_end() {
        let goes_on = |text: &str| ends_first(deed(text), text.as_bytes(), &Defaults);
        for text in [
            "commit; insert into t values (1)",
            "rollback; begin; select 1",
        ] {
            assert!(goes_on(text), "{text}");
        }
        for text in [
            "commit",
            "commit;",
            "select 1; commit; select 2",
            "commit and chain; select 1",
        ] {
            assert!(!goes_on(text), "{text}");
        }
    }

    #[test]
    fn what_begins_a_block_is_said_again_without_what_stands_behind_it() {
        assert_eq!(
            beginning_of(b"begin read only; select 1"),
            b"begin read only"
        );
        assert_eq!(beginning_of(b"begin"), b"begin");
        assert_eq!(beginning_of(b"/* ; */ begin"), b"/* ; */ begin");
        let behind = behind_beginning(Deed::BeginsReads, b"begin; select 1; select 2");
        assert_eq!(behind, b" select 1; select 2");
        let all = b"select 1; select 2";
        assert_eq!(behind_beginning(Deed::Reads, all), all);
    }
}
