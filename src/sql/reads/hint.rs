//! The comment at the very beginning of a text that says where it wants to run.

/// Where a text wants to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// `/* tidegate:primary */`: on the primary, whatever it does.
    Primary,
    /// `/* tidegate:replica */`: on a hot standby, whatever is taken for granted about it.
    Replica,
    /// `/* tidegate:auto */`: wherever its tokens say.
    Auto,
}

/// White space and comment together are no longer than this, in bytes, or the comment is no hint.
const BEGINNING_BYTES: usize = 64;

/// The first bytes of a text.
#[derive(Debug)]
pub(super) struct Beginning {
    bytes: [u8; BEGINNING_BYTES],
    length: usize,
}

impl Beginning {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; BEGINNING_BYTES],
            length: 0,
        }
    }

    #[inline]
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        let length = bytes.len().min(free.len());
        if let (Some(free), Some(bytes)) = (free.get_mut(..length), bytes.get(..length)) {
            free.copy_from_slice(bytes);
            self.length += length;
        }
    }

    #[inline]
    pub(super) fn hint(&self) -> Option<Hint> {
        let text = self.bytes.get(..self.length)?.trim_ascii_start();
        let comment = text.strip_prefix(b"/*")?.trim_ascii_start();
        let rest = comment.strip_prefix(b"tidegate:")?;
        let hints = [
            (&b"primary"[..], Hint::Primary),
            (b"replica", Hint::Replica),
            (b"auto", Hint::Auto),
        ];
        hints.into_iter().find_map(|(word, hint)| {
            let end = rest.strip_prefix(word)?.trim_ascii_start();
            end.starts_with(b"*/").then_some(hint)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(text: &str) -> Option<Hint> {
        let mut beginning = Beginning::new();
        for byte in text.as_bytes() {
            beginning.feed(&[*byte]);
        }
        let mut whole = Beginning::new();
        whole.feed(text.as_bytes());
        assert_eq!(whole.hint(), beginning.hint(), "{text}");
        whole.hint()
    }

    #[test]
    fn only_the_comment_at_the_very_beginning_is_a_hint_and_only_spelt_exactly() {
        for (text, expected) in [
            ("/* tidegate:primary */ select 1", Some(Hint::Primary)),
            (" \n/*tidegate:replica*/", Some(Hint::Replica)),
            ("/*\t tidegate:auto\n*/ select 1", Some(Hint::Auto)),
            ("/* tidegate:replica", None),
            ("/* tidegate:replica * /", None),
            ("/* tidegate:replicas */", None),
            ("/* tidegate: replica */", None),
            ("/* Tidegate:replica */", None),
            ("/* tidegate:replica, please */", None),
            ("/* x */ /* tidegate:replica */", None),
            ("-- tidegate:replica\n", None),
            ("select 1 /* tidegate:replica */", None),
            ("; /* tidegate:replica */", None),
            ("'/* tidegate:replica */'", None),
            ("", None),
        ] {
            assert_eq!(hint(text), expected, "{text}");
        }
        let late = format!("{}/* tidegate:replica */", " ".repeat(60));
        assert_eq!(hint(&late), None);
    }
}
