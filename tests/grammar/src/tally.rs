//! Compares the two verdicts on each statement, and counts.

use pg_query::ParserOptions;

use crate::sql::Session;
use crate::sql::reads::Access;
use crate::sql::reads::AccessKind;
use crate::sql::reads::BuiltinFunctions;
use crate::sql::reads::Reads;
use crate::sql::reads::Reason;
use crate::tree;
use crate::tree::Verdict;

/// The grammar is that of version 18.
pub(crate) const FUNCTIONS: fn() -> BuiltinFunctions = || BuiltinFunctions::of_version(18);

/// How many examples of each kind are shown.
const SHOWN: usize = 12;

/// A session as a server has it at first.
struct Plain;

impl Session for Plain {
    fn is_reported(&self, _name: &str) -> bool {
        false
    }

    fn has_backslash_escapes(&self) -> bool {
        false
    }

    fn has_backslash_in_characters(&self) -> bool {
        false
    }
}

/// What was counted.
#[derive(Default)]
pub(crate) struct Tally {
    refused: u32,
    writes: u32,
    of_node: u32,
    reads: u32,
    reads_recognised: u32,
    selects: u32,
    selects_recognised: u32,
    /// What must not be.
    mistaken: Vec<String>,
    not_recognised: Vec<String>,
}

impl Tally {
    /// Compares the verdicts on one text; a text that the grammar refuses counts as nothing.
    pub(crate) fn check(&mut self, text: &str) {
        let Ok(parsed) = pg_query::parse(text, ParserOptions::default()) else {
            self.refused += 1;
            return;
        };
        let access = access(text);
        let verdict = tree::verdict(&parsed.protobuf);
        let is_mistaken = match access.kind {
            AccessKind::Reads => matches!(verdict, Verdict::Writes(_)),
            AccessKind::Primary(_) => false,
            kind => !tree::is_control(&parsed.protobuf, kind),
        };
        if is_mistaken {
            self.mistaken.push(format!("{verdict:?}: {text}"));
        }
        let is_read = access.kind == AccessKind::Reads;
        match verdict {
            Verdict::Writes(_) => self.writes += 1,
            Verdict::Reads { .. } if access.kind == AccessKind::Primary(Reason::Node) => {
                self.of_node += 1;
            },
            Verdict::Reads { is_select, .. } => {
                self.reads += 1;
                self.reads_recognised += u32::from(is_read);
                self.selects += u32::from(is_select);
                self.selects_recognised += u32::from(is_select && is_read);
                if !is_read {
                    self.not_recognised
                        .push(format!("{:?}: {text}", access.kind));
                }
            },
        }
    }

    /// Prints the counts; whether no write was taken for a read.
    pub(crate) fn report(&self, name: &str) -> bool {
        let share = |part: u32, whole: u32| f64::from(part) * 100.0 / f64::from(whole.max(1));
        let statements = self.writes + self.of_node + self.reads;
        println!(
            "{name}: {statements} statements ({} are no SQL): {} writes, {} taken for reads; {} about a node; \
             {} reads, {:.2} % recognised; {} plain SELECTs, {:.2} % recognised",
            self.refused,
            self.writes,
            self.mistaken.len(),
            self.of_node,
            self.reads,
            share(self.reads_recognised, self.reads),
            self.selects,
            share(self.selects_recognised, self.selects),
        );
        let is_verbose = std::env::var_os("TIDEGATE_VERBOSE").is_some();
        let unrecognised = if is_verbose {
            &self.not_recognised[..]
        } else {
            &[]
        };
        for text in self.mistaken.iter().take(SHOWN) {
            println!("  taken for a read: {text}");
        }
        for text in unrecognised {
            println!("  not recognised: {}", text.replace('\n', " "));
        }
        self.mistaken.is_empty()
    }
}

fn access(text: &str) -> Access {
    let functions = FUNCTIONS();
    let mut reads = Reads::new();
    reads.feed(text.as_bytes(), &Plain, &functions);
    reads.finish(&functions)
}
