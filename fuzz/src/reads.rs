//! Arbitrary text in arbitrary pieces to the classifier of reads: the pieces do not matter, and no read
//! has a word in it that only writes have, nor becomes more than it was by what is put around it.
//!
//! The first byte says how the text is cut, and whether a backslash escapes.

use tidegate::sql::Session;
use tidegate::sql::reads::Access;
use tidegate::sql::reads::AccessKind;
use tidegate::sql::reads::FunctionEffect;
use tidegate::sql::reads::Functions;
use tidegate::sql::reads::Reads;

struct Sessions {
    has_backslash_escapes: bool,
}

impl Session for Sessions {
    fn is_reported(&self, _name: &str) -> bool {
        false
    }

    fn has_backslash_escapes(&self) -> bool {
        self.has_backslash_escapes
    }

    fn has_backslash_in_characters(&self) -> bool {
        false
    }
}

/// All functions read, or none.
struct All(FunctionEffect);

impl Functions for All {
    fn effect(&self, schema: Option<&[u8]>, name: &[u8]) -> FunctionEffect {
        assert!(!name.is_empty() && name.len() < 64);
        assert!(schema.is_none_or(|schema| !schema.is_empty() && schema.len() < 64));
        self.0
    }
}

/// Checks one input.
///
/// # Panics
/// If a promise of the classifier is broken.
pub fn run(data: &[u8]) {
    let Some((&first, text)) = data.split_first() else {
        return;
    };
    let session = Sessions {
        has_backslash_escapes: first & 1 == 1,
    };
    let size = usize::from(first >> 1) + 1;
    let most = All(FunctionEffect::Reads);
    let whole = access(text.chunks(text.len().max(1)), &session, &most);
    assert_eq!(access(text.chunks(size), &session, &most), whole);
    let none = access(text.chunks(size), &session, &All(FunctionEffect::Unknown));
    if none.kind == AccessKind::Reads {
        assert_eq!(whole.kind, AccessKind::Reads);
    }
    // Where no quote and no comment can be open, another statement is seen.
    if !text.iter().any(|byte| b"'\"$-/*".contains(byte)) {
        let more = [text, b"; delete from t"].concat();
        let more = access(more.chunks(size), &session, &most);
        assert!(matches!(more.kind, AccessKind::Primary(_)));
        check_words(text, whole);
    }
}

/// Without quotes and comments every word stands for itself.
fn check_words(text: &[u8], access: Access) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | 0x80..);
    let text = text.trim_ascii();
    let is_query = text.len() > 7 && text[..7].eq_ignore_ascii_case(b"select ");
    if !is_query || text.contains(&b';') || text.contains(&b'.') {
        return;
    }
    let words = text.split(|byte| !is_word(byte));
    for word in words {
        let is_write = [&b"insert"[..], b"update", b"delete", b"merge", b"into"]
            .iter()
            .any(|write| word.eq_ignore_ascii_case(write));
        assert!(!is_write || access.kind != AccessKind::Reads);
    }
}

fn access<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    session: &Sessions,
    functions: &All,
) -> Access {
    let mut reads = Reads::new();
    for piece in pieces {
        reads.feed(piece, session, functions);
    }
    reads.finish(functions)
}
