//! Texts that leave nothing behind, and that were said more than once: an application says the same few
//! again and again, and to compare one is less work than to read it.
//!
//! A text is known only if what it leaves behind follows from its bytes alone, whatever session says it.

use std::cell::Cell;

use crate::limits::FAMILIAR_TEXT_BYTES_MAX;
use crate::limits::FAMILIAR_TEXTS_COUNT_MAX;
use crate::sql::Leaves;
use crate::sql::Session;
use crate::sql::StateEffects;

/// Texts that are known to leave nothing behind.
#[derive(Debug, Default)]
pub struct FamiliarTexts {
    /// Each has one place where it can be.
    places: Box<[Place]>,
}

#[derive(Debug, Default, Clone)]
struct Place {
    /// That of the last text that was to be here: whoever comes twice in a row stays.
    sign: u64,
    /// The text with its zero byte, as it was sent; empty if nobody stays here yet.
    body: Vec<u8>,
}

/// What a text is looked for by, roughly.
#[derive(Debug, Clone, Copy)]
pub struct Sign(u64);

impl FamiliarTexts {
    /// Looks for the whole body of a `Query` among those that leave nothing behind.
    ///
    /// # Errors
    ///
    /// If it is not among them: it must be read.
    #[inline]
    pub fn find(&self, body: &[u8]) -> Result<(), Sign> {
        let sign = Sign::of(body);
        match self.places.get(sign.place()) {
            Some(place) if *place.body == *body => Ok(()),
            Some(_) | None => Err(sign),
        }
    }

    /// What the whole body of a `Query` leaves behind that was not found.
    pub fn read(&mut self, body: &[u8], sign: Sign, session: &impl Session) -> Leaves {
        let asked = Asked {
            session,
            is_asked: Cell::new(false),
        };
        // Behind the first zero byte nothing is read.
        let text = memchr::memchr(0, body).and_then(|end| body.get(..end));
        let mut effects = StateEffects::new();
        effects.feed(text.unwrap_or(body), &asked);
        let leaves = effects.finish(&asked);
        if !leaves.are_none() || asked.is_asked.get() || body.len() > FAMILIAR_TEXT_BYTES_MAX {
            return leaves;
        }
        match self.places.get_mut(sign.place()) {
            Some(place) if place.sign == sign.0 => {
                place.body.clear();
                place.body.extend_from_slice(body);
            },
            Some(place) => place.sign = sign.0,
            None => self.places = vec![Place::default(); FAMILIAR_TEXTS_COUNT_MAX].into(),
        }
        leaves
    }
}

impl Sign {
    /// Differs for most texts: by their length, their end, and their middle.
    #[inline]
    fn of(body: &[u8]) -> Self {
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let middle = body.get(body.len() / 2..).unwrap_or_default();
        let (end, middle) = (word(body.last_chunk()), word(middle.first_chunk()));
        Self((end ^ middle.rotate_left(32) ^ body.len() as u64).wrapping_mul(SPREAD))
    }

    /// Where a text with this sign can be.
    #[inline]
    fn place(self) -> usize {
        let first_bits = self.0 >> (u64::BITS - FAMILIAR_TEXTS_COUNT_MAX.ilog2());
        usize::try_from(first_bits).unwrap_or(usize::MAX)
    }
}

/// Odd, with no pattern in its digits: those of the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

const _: () = assert!(FAMILIAR_TEXTS_COUNT_MAX.is_power_of_two() && FAMILIAR_TEXTS_COUNT_MAX > 1);

/// A session that notes whether anybody asks about it.
struct Asked<'a, S> {
    session: &'a S,
    is_asked: Cell<bool>,
}

impl<S: Session> Session for Asked<'_, S> {
    fn is_reported(&self, name: &str) -> bool {
        self.is_asked.set(true);
        self.session.is_reported(name)
    }

    fn has_backslash_escapes(&self) -> bool {
        self.is_asked.set(true);
        self.session.has_backslash_escapes()
    }

    fn has_backslash_in_characters(&self) -> bool {
        self.is_asked.set(true);
        self.session.has_backslash_in_characters()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sql::tests::Plain;

    /// A session in which texts have backslashes.
    struct WithEscapes;

    impl Session for WithEscapes {
        fn is_reported(&self, _name: &str) -> bool {
            false
        }

        fn has_backslash_escapes(&self) -> bool {
            true
        }

        fn has_backslash_in_characters(&self) -> bool {
            false
        }
    }

    impl FamiliarTexts {
        fn query(&mut self, body: &[u8], session: &impl Session) -> Leaves {
            match self.find(body) {
                Ok(()) => Leaves::default(),
                Err(sign) => self.read(body, sign, session),
            }
        }
    }

    fn read(body: &[u8], session: &impl Session) -> Leaves {
        FamiliarTexts::default().query(body, session)
    }

    fn known(texts: &FamiliarTexts) -> usize {
        let bodies = texts.places.iter().map(|place| &place.body);
        bodies.filter(|body| !body.is_empty()).count()
    }

    #[test]
    fn a_text_that_comes_again_is_known_and_no_other() {
        let mut texts = FamiliarTexts::default();
        for expected in [0, 0, 1, 1] {
            assert!(texts.query(b"select a from b\0", &Plain).are_none());
            assert_eq!(known(&texts), expected);
        }
        // It ends the same, is as long, and the same stands in its middle.
        let other = b"listen a from b\0";
        assert_eq!(other.len(), b"select a from b\0".len());
        assert!(texts.query(other, &Plain).effects.pins);
        for _ in 0..4 {
            assert!(texts.query(b"listen b\0", &Plain).effects.pins);
        }
        assert_eq!(known(&texts), 1);
    }

    #[test]
    fn what_a_session_decides_is_read_each_time() {
        let mut texts = FamiliarTexts::default();
        let body = b"select '\\'; listen a; select '\0";
        for _ in 0..4 {
            assert!(texts.query(body, &WithEscapes).are_none());
        }
        assert!(texts.query(body, &Plain).effects.pins);
        assert_eq!(known(&texts), 0);
    }

    #[test]
    fn a_text_too_long_to_be_kept_is_read_each_time() {
        let mut texts = FamiliarTexts::default();
        let body = [&[b'x'; FAMILIAR_TEXT_BYTES_MAX][..], b"\0"].concat();
        for _ in 0..4 {
            assert!(texts.query(&body, &Plain).are_none());
        }
        assert_eq!(known(&texts), 0);
        for _ in 0..3 {
            assert!(texts.query(&body[1..], &Plain).are_none());
        }
        assert_eq!(known(&texts), 1);
    }

    /// Texts that are the same but for little.
    fn any_body() -> impl Strategy<Value = Vec<u8>> {
        let parts = prop::sample::select(vec![
            "select", "listen", "set", "reset", "commit", " a ", " a", "'", "\\", ";", "--", "\n",
            "\0", "execute", "do", "$$",
        ]);
        prop::collection::vec(parts, 1..5).prop_map(|parts| {
            let mut body = parts.concat().into_bytes();
            body.push(0);
            body
        })
    }

    proptest! {
        #[test]
        fn whatever_is_known_a_text_comes_to_the_same(
            bodies in prop::collection::vec(any_body(), 1..8),
            order in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..60),
        ) {
            let mut texts = FamiliarTexts::default();
            for (which, has_escapes) in order {
                let body = which.get(&bodies);
                if has_escapes {
                    prop_assert_eq!(texts.query(body, &WithEscapes), read(body, &WithEscapes));
                } else {
                    prop_assert_eq!(texts.query(body, &Plain), read(body, &Plain));
                }
            }
        }
    }
}
