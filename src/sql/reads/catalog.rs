//! What the catalog of one database says of its functions: PostgreSQL's own, of its version, and
//! whoever else's.
//!
//! What is called without a schema is whichever function the `search_path` and the arguments lead
//! to, so all functions of a name count, PostgreSQL's own among them.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::BuiltinFunctions;
use super::FunctionEffect;
use super::Functions;
use super::overrides::Override;
use crate::limits::FUNCTIONS_BYTES_MAX;
use crate::limits::FUNCTIONS_COUNT_MAX;

/// The functions of one database.
#[derive(Debug, PartialEq, Eq)]
pub struct CatalogFunctions {
    builtin: BuiltinFunctions,
    names: HashMap<Box<[u8]>, Named, RandomState>,
    /// Those of one name beside one another, in the order of their schemas.
    places: Vec<Place>,
    is_cut: bool,
}

/// The functions of one name that are not PostgreSQL's own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    /// All of them read, in whatever schema.
    reads: bool,
    /// PostgreSQL has a function of that name.
    is_builtin: bool,
    places: Range<usize>,
}

#[derive(Debug, PartialEq, Eq)]
struct Place {
    schema: Box<[u8]>,
    reads: bool,
}

impl CatalogFunctions {
    /// How many names there are that are not PostgreSQL's own, or are somebody else's as well.
    pub fn names_count(&self) -> usize {
        self.names.len()
    }

    /// Whether there are more than are kept.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What a call does; `None` if no such function is known.
    #[inline]
    pub(super) fn effect(
        &self,
        schema: Option<&[u8]>,
        name: &[u8],
        said: Option<&Override>,
    ) -> Option<FunctionEffect> {
        let builtin = self.builtin.effect(schema, name);
        match self.names.get(name) {
            None => (builtin != FunctionEffect::Unknown).then_some(builtin),
            Some(named) => self.of_others(builtin, named, schema, said),
        }
    }

    /// The same, of a name that is not PostgreSQL's own alone.
    fn of_others(
        &self,
        builtin: FunctionEffect,
        named: &Named,
        schema: Option<&[u8]>,
        said: Option<&Override>,
    ) -> Option<FunctionEffect> {
        let reads = |place: &Place| {
            place.reads || said.is_some_and(|said| said.makes_a_read(&place.schema))
        };
        let places = self.places.get(named.places.clone()).unwrap_or_default();
        let (reads, may_be_builtin) = match schema {
            None => (named.reads || places.iter().all(reads), named.is_builtin),
            Some(schema) => {
                let place = places.binary_search_by(|place| (*place.schema).cmp(schema));
                let place = place.ok().and_then(|at| places.get(at));
                match place {
                    Some(place) => (reads(place), named.is_builtin && schema == b"pg_catalog"),
                    None if builtin == FunctionEffect::Unknown => return None,
                    None => return Some(builtin),
                }
            },
        };
        Some(match (reads, may_be_builtin) {
            (false, _) => FunctionEffect::Writes,
            (true, true) => builtin,
            (true, false) => FunctionEffect::Reads,
        })
    }
}

/// The rows of a catalog as they come.
#[derive(Debug, Default)]
pub struct Declarations {
    rows: Vec<Row>,
    bytes: usize,
    /// The name that had no room any more, and whether PostgreSQL has one like it.
    cut: Option<(Box<[u8]>, bool)>,
}

/// In the order that functions are kept in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    name: Box<[u8]>,
    schema: Box<[u8]>,
    reads: bool,
    is_builtin: bool,
}

impl Declarations {
    /// All functions of one name in one schema: whether none of them is volatile, and whether
    /// PostgreSQL has functions of that name. Rows of one name come one after the other, and first
    /// those of names that PostgreSQL has.
    pub fn add(&mut self, schema: &[u8], name: &[u8], reads: bool, is_builtin: bool) {
        self.bytes += schema.len() + name.len();
        if self.rows.len() >= FUNCTIONS_COUNT_MAX || self.bytes > FUNCTIONS_BYTES_MAX {
            self.cut.get_or_insert_with(|| (name.into(), is_builtin));
        }
        // What a client's bytes mean beyond ASCII depends on its session.
        if self.cut.is_none() && name.is_ascii() {
            self.rows.push(Row {
                name: name.into(),
                schema: schema.into(),
                reads,
                is_builtin,
            });
        }
    }

    /// All of them have come, from a server of this major version.
    pub fn finish(mut self, major: u32) -> CatalogFunctions {
        // Of a name that is there in part, nothing is known.
        if let Some((name, _)) = &self.cut {
            self.rows.retain(|row| row.name != *name);
        }
        // Nor of PostgreSQL's own, of any of which there may be others.
        let hides_builtin = self.cut.as_ref().is_some_and(|(_, is_builtin)| *is_builtin);
        let major = if hides_builtin { 0 } else { major };
        self.rows.sort_unstable();
        self.rows.dedup_by(|row, before| {
            let is_same = row.name == before.name && row.schema == before.schema;
            before.reads &= row.reads || !is_same;
            is_same
        });
        let mut functions = CatalogFunctions {
            builtin: BuiltinFunctions::of_version(major),
            names: HashMap::default(),
            places: Vec::with_capacity(self.rows.len()),
            is_cut: self.cut.is_some(),
        };
        for row in self.rows {
            let at = functions.places.len();
            let named = functions.names.entry(row.name).or_insert(Named {
                reads: true,
                is_builtin: false,
                places: at..at,
            });
            named.reads &= row.reads;
            named.is_builtin |= row.is_builtin;
            named.places.end = at + 1;
            functions.places.push(Place {
                schema: row.schema,
                reads: row.reads,
            });
        }
        functions.names.shrink_to_fit();
        functions
    }
}
