//! Texts that leave nothing behind, and that were said more than once: an application says the same few
//! again and again, but for the numbers in them, and to compare one is less work than to read it.
//!
//! A text is known only if what it leaves behind follows from its bytes alone, whatever session says it.

use std::cell::Cell;
use std::ops::Range;

use crate::limits::FAMILIAR_NUMBERS_COUNT_MAX;
use crate::limits::FAMILIAR_TEXT_BYTES_MAX;
use crate::limits::FAMILIAR_TEXTS_COUNT_MAX;
use crate::sql::Leaves;
use crate::sql::Session;
use crate::sql::StateEffects;
use crate::sql::numbers;

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
    /// Where numbers stand in it, for which others may stand.
    numbers: Vec<Range<usize>>,
}

/// Where a text can be.
#[derive(Debug, Clone, Copy)]
pub struct PlaceNumber(usize);

impl FamiliarTexts {
    /// Looks for the whole body of a `Query` among those that leave nothing behind.
    ///
    /// # Errors
    ///
    /// If it is not among them: it must be read.
    #[inline]
    pub fn find(&self, body: &[u8]) -> Result<(), PlaceNumber> {
        let number = PlaceNumber::of(body);
        match self.places.get(number.0) {
            Some(place) if place.fits(body) => Ok(()),
            Some(_) | None => Err(number),
        }
    }

    /// What the whole body of a `Query` leaves behind that was not found.
    pub fn read(&mut self, body: &[u8], number: PlaceNumber, session: &impl Session) -> Leaves {
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
        let sign = sign(body);
        match self.places.get_mut(number.0) {
            Some(place) if place.sign == sign => place.keep(body),
            Some(place) => place.sign = sign,
            None => self.places = vec![Place::default(); FAMILIAR_TEXTS_COUNT_MAX].into(),
        }
        leaves
    }
}

impl Place {
    fn keep(&mut self, body: &[u8]) {
        self.body.clear();
        self.body.extend_from_slice(body);
        self.numbers.clear();
        if numbers::can_be_told(body) {
            // Behind these each text is its own.
            self.numbers
                .extend(numbers::of(body).take(FAMILIAR_NUMBERS_COUNT_MAX));
        }
    }

    /// Whether a text is the one that is kept here, but for its numbers.
    #[inline]
    fn fits(&self, body: &[u8]) -> bool {
        let (mut rest, mut from) = (body, 0);
        for number in &self.numbers {
            let piece = self.body.get(from..number.start).unwrap_or_default();
            let Some(behind) = rest.strip_prefix(piece) else {
                return false;
            };
            let digits = numbers::count_digits(behind);
            if digits == 0 {
                return false;
            }
            rest = behind.get(digits..).unwrap_or_default();
            from = number.end;
        }
        self.body.get(from..) == Some(rest)
    }
}

/// Differs for most texts, and is the same for those that differ only in their numbers.
fn sign(body: &[u8]) -> u64 {
    if !numbers::can_be_told(body) {
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let middle = body.get(body.len() / 2..).unwrap_or_default();
        let (end, middle) = (word(body.last_chunk()), word(middle.first_chunk()));
        return (end ^ middle.rotate_left(32) ^ body.len() as u64).wrapping_mul(SPREAD);
    }
    let mut sign = SPREAD;
    let mut add = |piece: &[u8]| {
        for byte in piece {
            sign = (sign ^ u64::from(*byte)).wrapping_mul(SPREAD);
        }
    };
    let mut from = 0;
    for number in numbers::of(body) {
        add(body.get(from..number.start).unwrap_or_default());
        add(b"0");
        from = number.end;
    }
    add(body.get(from..).unwrap_or_default());
    sign
}

impl PlaceNumber {
    /// By how a text begins, up to the first digit.
    #[inline]
    fn of(body: &[u8]) -> Self {
        let mut hash = SPREAD;
        for bytes in body.chunks(size_of::<u64>()).take(BEGINNING_WORDS) {
            let word = match bytes.first_chunk() {
                Some(whole) => u64::from_le_bytes(*whole),
                None => bytes
                    .iter()
                    .rfold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            // The first byte whose upper half is that of digits has its highest bit set here, and no
            // bit below that is.
            let others = (word & 0xf0f0_f0f0_f0f0_f0f0) ^ 0x3030_3030_3030_3030;
            let found =
                others.wrapping_sub(0x0101_0101_0101_0101) & !others & 0x8080_8080_8080_8080;
            if found != 0 {
                let bits_before = found.trailing_zeros() & !7;
                hash = spread(hash ^ (word & ((1 << bits_before) - 1)));
                break;
            }
            hash = spread(hash ^ word);
        }
        let first_bits = hash >> (u64::BITS - FAMILIAR_TEXTS_COUNT_MAX.ilog2());
        Self(usize::try_from(first_bits).unwrap_or(usize::MAX))
    }
}

/// A bit that differs makes all above it differ, and those below by the next step.
fn spread(word: u64) -> u64 {
    word.wrapping_mul(SPREAD).rotate_left(32)
}

/// So many bytes of a text, eight each, tell where it can be.
const BEGINNING_WORDS: usize = 4;

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
    fn a_text_is_known_by_whatever_number_it_comes_with() {
        let mut texts = FamiliarTexts::default();
        let body = |number: &str| format!("select a from b7 where c = {number} and d<9\0");
        for number in ["1", "23", "4567"] {
            assert!(texts.query(body(number).as_bytes(), &Plain).are_none());
        }
        assert_eq!(known(&texts), 1);
        for number in ["0", "987654321"] {
            assert!(texts.find(body(number).as_bytes()).is_ok(), "{number}");
        }
        for other in ["", "x", "1x", "1.5", "1;listen a", "-- 1"] {
            assert!(texts.find(body(other).as_bytes()).is_err(), "{other}");
        }
        let of_another_table = body("1").replace("b7", "b8");
        assert!(texts.find(of_another_table.as_bytes()).is_err());
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
            "\0", "execute", "do", "$$", "5", "67", "1", "$1", "/*", "*/", ".", "=",
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
