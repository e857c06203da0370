//! What the configuration says of functions, whatever a catalog says of them.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::FunctionEffect;

/// Functions that the configuration names as reads or as writes, by name, or by schema and name.
#[derive(Debug, Default)]
pub struct Overrides(HashMap<Box<[u8]>, Override, RandomState>);

/// What is said of one name.
#[derive(Debug, Default)]
pub(super) struct Override {
    /// Of the name in whatever schema.
    anywhere: Option<Said>,
    /// Of the name in some schemas.
    places: Vec<(Box<[u8]>, Said)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Reads,
    Writes,
}

impl Overrides {
    /// Each is a `name` or a `schema.name`, spelt as in the catalog. What is named as both is a write.
    pub fn new(reads: &[String], writes: &[String]) -> Self {
        let mut overrides = Self::default();
        for (names, said) in [(reads, Said::Reads), (writes, Said::Writes)] {
            for name in names {
                overrides.add(name, said);
            }
        }
        overrides
    }

    fn add(&mut self, name: &str, said: Said) {
        // What a client's bytes mean beyond ASCII depends on its session: such a call is never a read.
        let (schema, name) = match name.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, name),
        };
        if !name.is_ascii() {
            return;
        }
        let of_name = self.0.entry(name.as_bytes().into()).or_default();
        match schema {
            None => of_name.anywhere = Some(said),
            Some(schema) => of_name.places.push((schema.as_bytes().into(), said)),
        }
    }

    /// What is said of a name, if anything is.
    #[inline]
    pub(super) fn of(&self, name: &[u8]) -> Option<&Override> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(name)
    }
}

impl Override {
    /// What it makes of a call, if that alone decides it. Without a schema the `search_path` may lead
    /// to any.
    pub(super) fn effect(&self, schema: Option<&[u8]>) -> Option<FunctionEffect> {
        let is_meant = |place: &[u8]| schema.is_none_or(|schema| schema == place);
        let mut places = self.places.iter();
        let writes = places.any(|(place, said)| *said == Said::Writes && is_meant(place));
        if writes || self.anywhere == Some(Said::Writes) {
            return Some(FunctionEffect::Writes);
        }
        let reads = schema.is_some_and(|schema| self.makes_a_read(schema));
        (reads || self.anywhere == Some(Said::Reads)).then_some(FunctionEffect::Reads)
    }

    /// Whether the function of this schema is named as a read.
    pub(super) fn makes_a_read(&self, schema: &[u8]) -> bool {
        let mut places = self.places.iter();
        places.any(|(place, said)| **place == *schema && *said == Said::Reads)
    }
}
