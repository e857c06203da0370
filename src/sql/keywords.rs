//! Words compared with keywords, in any case; and most words told apart from all of them by their
//! length and first letter alone.

/// Whether a word is this keyword, which is in lower case.
#[inline]
pub(super) fn is(word: &[u8], keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword.as_bytes())
}

/// Whether a word is one of these keywords.
#[inline]
pub(super) fn is_one_of(word: &[u8], keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| is(word, keyword))
}

/// Words as long as this, or longer, may always be keywords, in bytes.
const LENGTHS: usize = 16;

/// For each length, the letters that keywords of that length begin with.
#[derive(Debug)]
pub(super) struct Filter([u32; LENGTHS]);

impl Filter {
    /// Of all keywords of these lists, each in lower case, beginning with a letter.
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, which refuses what is out of bounds"
    )]
    pub(super) const fn of(lists: &[&[&str]]) -> Self {
        let mut letters = [0; LENGTHS];
        let mut rest = lists;
        while let [list, lists @ ..] = rest {
            let mut words = *list;
            while let [word, others @ ..] = words {
                let bytes = word.as_bytes();
                if bytes.len() < LENGTHS {
                    letters[bytes.len()] |= 1 << (bytes[0] - b'a');
                }
                words = others;
            }
            rest = lists;
        }
        Self(letters)
    }

    /// False if a word is certainly none of them.
    #[inline]
    pub(super) fn may_have(&self, word: &[u8]) -> bool {
        let Some(letters) = self.0.get(word.len()) else {
            return true;
        };
        let first = word.first().copied().unwrap_or_default();
        let letter = (first | b' ').wrapping_sub(b'a');
        letter < b' ' && letters >> letter & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lets_every_keyword_pass_in_any_case_and_few_other_words() {
        const WORDS: [&str; 3] = ["set", "hold", "pg_settings"];
        const FILTER: Filter = Filter::of(&[&WORDS, &["a_word_that_is_much_longer"]]);
        for word in WORDS {
            assert!(FILTER.may_have(word.as_bytes()), "{word}");
            assert!(FILTER.may_have(word.to_ascii_uppercase().as_bytes()));
        }
        assert!(FILTER.may_have(b"A_WORD_THAT_IS_MUCH_LONGER"));
        for word in [
            "",
            "s",
            "get",
            "3et",
            "_et",
            "\u{e9}t",
            "holds",
            "pg_temporary",
        ] {
            assert!(!FILTER.may_have(word.as_bytes()), "{word}");
        }
    }
}
