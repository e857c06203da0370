//! What one tenant's functions do: by its configuration, else by its database's catalog.
//!
//! A catalog says whether a function is volatile. One that is not may contain no command but `SELECT`,
//! whoever's rights it runs with; what it calls may write all the same, and a hot standby refuses
//! that. One in a language that PostgreSQL cannot look into is what it is declared as: where that is
//! wrong, the configuration says so.
//!
//! See "Function Volatility Categories", <https://www.postgresql.org/docs/current/xfunc-volatility.html>.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::CatalogFunctions;
use super::FunctionEffect;
use super::Functions;
use super::Overrides;

/// Knows the functions of one database of one tenant. Looking one up allocates nothing.
#[derive(Debug, Default)]
pub struct KnownFunctions {
    overrides: Rc<Overrides>,
    /// None as long as it has not been asked for: then nothing else is known, PostgreSQL's own
    /// functions neither, which somebody may have made others like.
    catalog: Option<Arc<CatalogFunctions>>,
    is_old: Cell<bool>,
    has_missed: Cell<bool>,
}

impl KnownFunctions {
    /// What the configuration and the catalog say.
    pub fn new(overrides: Rc<Overrides>, catalog: Option<Arc<CatalogFunctions>>) -> Self {
        Self {
            overrides,
            catalog,
            is_old: Cell::new(false),
            has_missed: Cell::new(false),
        }
    }

    /// What the catalog says, if it has been asked.
    pub fn catalog(&self) -> Option<&Arc<CatalogFunctions>> {
        self.catalog.as_ref()
    }

    /// Whether a function was looked up that is not known, or may be another one by now: the catalog
    /// is to be asked again.
    #[inline]
    pub fn has_missed(&self) -> bool {
        self.has_missed.get()
    }

    /// It is being asked, or was a short time ago.
    pub(crate) fn forgive(&self) {
        self.has_missed.set(false);
    }

    /// What the catalog said is old: whoever looks something up that it decides wants to know anew.
    pub(crate) fn grow_old(&self) {
        self.is_old.set(true);
    }
}

impl Functions for KnownFunctions {
    #[inline]
    fn effect(&self, schema: Option<&[u8]>, name: &[u8]) -> FunctionEffect {
        // Whether the client's bytes mean what the catalog's do is not known of other letters. No such
        // name is kept.
        if schema.is_some_and(|schema| !schema.is_ascii()) {
            return FunctionEffect::Unknown;
        }
        let said = self.overrides.of(name);
        if let Some(effect) = said.and_then(|said| said.effect(schema)) {
            return effect;
        }
        let catalog = self.catalog.as_ref();
        let known = catalog.and_then(|catalog| catalog.effect(schema, name, said));
        if self.is_old.get() || known.is_none() && name.is_ascii() {
            self.has_missed.set(true);
        }
        known.unwrap_or(FunctionEffect::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::FunctionEffect::Reads;
    use super::FunctionEffect::ReadsNode;
    use super::FunctionEffect::Unknown;
    use super::FunctionEffect::Writes;
    use super::*;
    use crate::limits::FUNCTIONS_BYTES_MAX;
    use crate::limits::FUNCTIONS_COUNT_MAX;
    use crate::sql::reads::Declarations;

    /// What a call does, and whether it was missed.
    fn call(known: &KnownFunctions, text: &str) -> (FunctionEffect, bool) {
        known.forgive();
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema.as_bytes()), name),
            None => (None, text),
        };
        let effect = known.effect(schema, name.as_bytes());
        (effect, known.has_missed())
    }

    fn overrides(reads: &[&str], writes: &[&str]) -> Rc<Overrides> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        Rc::new(Overrides::new(&owned(reads), &owned(writes)))
    }

    fn catalog(rows: &[(&str, &str, bool, bool)]) -> Arc<CatalogFunctions> {
        let mut declared = Declarations::default();
        for (schema, name, reads, is_builtin) in rows {
            declared.add(schema.as_bytes(), name.as_bytes(), *reads, *is_builtin);
        }
        Arc::new(declared.finish(18))
    }

    const ROWS: [(&str, &str, bool, bool); 14] = [
        ("public", "lower", true, true),
        ("public", "upper", false, true),
        ("pg_catalog", "md5", false, true),
        ("public", "version", true, true),
        ("public", "nextval", true, true),
        ("public", "table_to_xml", true, true),
        ("pg_catalog", "orafce", true, false),
        ("app", "total", true, false),
        ("public", "total", true, false),
        ("public", "mixed", true, false),
        ("app", "mixed", false, false),
        ("app", "pay", false, false),
        ("public", "\u{e9}", true, false),
        ("\u{e9}", "total", true, false),
    ];

    #[test]
    fn nothing_is_known_before_the_catalog_was_asked_but_what_the_configuration_says() {
        let known = KnownFunctions::new(overrides(&["total"], &["app.pay"]), None);
        for (text, expected) in [
            ("lower", (Unknown, true)),
            ("pg_catalog.lower", (Unknown, true)),
            ("app.other", (Unknown, true)),
            ("total", (Reads, false)),
            ("app.total", (Reads, false)),
            ("pay", (Writes, false)),
            ("app.pay", (Writes, false)),
            ("public.pay", (Unknown, true)),
        ] {
            assert_eq!(call(&known, text), expected, "{text}");
        }
    }

    #[test]
    fn a_call_is_a_read_only_if_all_that_it_may_mean_are() {
        let known = KnownFunctions::new(Rc::default(), Some(catalog(&ROWS)));
        for (text, expected) in [
            ("lower", Reads),
            ("public.lower", Reads),
            ("upper", Writes),
            ("pg_catalog.upper", Reads),
            ("md5", Writes),
            ("pg_catalog.md5", Writes),
            ("version", ReadsNode),
            ("public.version", Reads),
            ("nextval", Writes),
            ("public.nextval", Reads),
            ("pg_catalog.orafce", Reads),
            ("orafce", Reads),
            ("count", Reads),
            ("total", Reads),
            ("app.total", Reads),
            ("mixed", Writes),
            ("public.mixed", Reads),
            ("app.mixed", Writes),
            ("app.pay", Writes),
            // PostgreSQL's own may be meant, of which nothing is known.
            ("table_to_xml", Unknown),
            ("public.table_to_xml", Reads),
        ] {
            assert_eq!(call(&known, text), (expected, false), "{text}");
        }
    }

    #[test]
    fn what_is_not_found_is_missed_and_so_is_all_that_is_old() {
        let known = KnownFunctions::new(overrides(&["sure"], &[]), Some(catalog(&ROWS)));
        for text in [
            "other",
            "app.other",
            "app.lower",
            "other.total",
            "pg_catalog.total",
            "pg_catalog.pay",
        ] {
            assert_eq!(call(&known, text), (Unknown, true), "{text}");
        }
        // Of these no catalog can tell.
        assert_eq!(call(&known, "\u{e9}"), (Unknown, false));
        assert_eq!(call(&known, "\u{e9}.total"), (Unknown, false));
        known.grow_old();
        assert_eq!(call(&known, "total"), (Reads, true));
        assert_eq!(call(&known, "lower"), (Reads, true));
        assert_eq!(call(&known, "sure"), (Reads, false));
    }

    #[test]
    fn the_configuration_is_worth_more_than_the_catalog_and_its_writes_more_than_its_reads() {
        let reads = ["app.pay", "app.mixed", "nextval", "both", "other.upper"];
        let writes = ["both", "app.total", "count", "new.pay"];
        let known = KnownFunctions::new(overrides(&reads, &writes), Some(catalog(&ROWS)));
        for (text, expected) in [
            ("app.pay", (Reads, false)),
            ("pay", (Writes, false)),
            ("app.mixed", (Reads, false)),
            // Now none of them writes.
            ("mixed", (Reads, false)),
            ("nextval", (Reads, false)),
            ("pg_catalog.nextval", (Reads, false)),
            ("both", (Writes, false)),
            ("app.both", (Writes, false)),
            ("total", (Writes, false)),
            ("app.total", (Writes, false)),
            ("public.total", (Reads, false)),
            ("count", (Writes, false)),
            ("other.upper", (Reads, false)),
            ("upper", (Writes, false)),
        ] {
            assert_eq!(call(&known, text), expected, "{text}");
        }
    }

    #[test]
    fn of_a_name_that_is_there_in_part_nothing_is_known() {
        let mut declared = Declarations::default();
        declared.add(b"public", b"upper", false, true);
        declared.add(b"a", b"total", true, false);
        for number in 0..FUNCTIONS_COUNT_MAX {
            let schema = format!("schema_{number:05}");
            declared.add(schema.as_bytes(), b"of_all", true, false);
        }
        declared.add(b"z", b"z", true, false);
        let catalog = declared.finish(18);
        assert!(catalog.is_cut());
        assert_eq!(catalog.names_count(), 2);
        let known = KnownFunctions::new(Rc::default(), Some(Arc::new(catalog)));
        for (text, expected) in [
            ("upper", (Writes, false)),
            ("lower", (Reads, false)),
            ("total", (Reads, false)),
            ("of_all", (Unknown, true)),
            ("schema_00000.of_all", (Unknown, true)),
            ("z", (Unknown, true)),
        ] {
            assert_eq!(call(&known, text), expected, "{text}");
        }
    }

    #[test]
    fn if_not_even_those_fit_that_are_called_like_postgresqls_own_none_of_these_is_known() {
        let mut declared = Declarations::default();
        let long = "s".repeat(60);
        for number in 0..=FUNCTIONS_BYTES_MAX / 64 {
            declared.add(long.as_bytes(), b"lower", true, true);
            declared.add(long.as_bytes(), number.to_string().as_bytes(), true, true);
        }
        let catalog = declared.finish(18);
        assert!(catalog.is_cut());
        let known = KnownFunctions::new(Rc::default(), Some(Arc::new(catalog)));
        assert_eq!(call(&known, "upper"), (Unknown, true));
        assert_eq!(call(&known, "lower"), (Unknown, false));
    }
}
