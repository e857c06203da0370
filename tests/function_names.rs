//! The functions that count as reads, against the catalog of a real PostgreSQL: none of them may write
//! there, and each is there.
#![cfg(test)]

use std::collections::BTreeMap;

use tidegate::sql::reads::BuiltinFunctions;
use tidegate::sql::reads::FunctionEffect;
use tidegate::sql::reads::Functions;
use tidegate_harness::Cluster;

/// Volatile ones that only compute, or read what a hot standby has as well. Each was looked at by hand.
const VOLATILE: [&str; 16] = [
    "array_sample",
    "array_shuffle",
    "bernoulli",
    "clock_timestamp",
    "gen_random_uuid",
    "pg_partition_ancestors",
    "pg_partition_tree",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "random",
    "random_normal",
    "system",
    "timeofday",
    "uuidv4",
    "uuidv7",
];

/// All names of `pg_catalog`, each with whether one of its functions is volatile or a procedure;
/// and keywords, with `k`.
const NAMES: &str = "\
    select proname || ' ' || bool_or(provolatile = 'v' or prokind = 'p') from pg_proc \
    where pronamespace = 'pg_catalog'::regnamespace group by proname \
    union all select word || ' k' from pg_get_keywords() where catcode = 'C'";

/// What calls a function without its name.
const UNNAMED: &str = "\
    select oprname from pg_operator join pg_proc p on p.oid = oprcode where provolatile = 'v' \
    union all select castfunc::regproc::text from pg_cast join pg_proc p on p.oid = castfunc where provolatile = 'v' \
    union all select typname from pg_type join pg_proc p on p.oid in (typinput, typoutput, typmodin) \
    where provolatile = 'v'";

#[test]
fn what_counts_as_a_read_is_volatile_in_no_overload_unless_it_was_looked_at() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let rows = cluster.psql(NAMES).unwrap();
    let pairs = rows.lines().filter_map(|row| row.split_once(' '));
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, kind) in pairs {
        // A function is worth more than a keyword.
        if kind != "k" || !names.contains_key(name) {
            names.insert(name, kind);
        }
    }
    let major = cluster.binaries().major();
    let functions = BuiltinFunctions::of_version(major);
    for (name, kind) in &names {
        let effect = functions.effect(None, name.as_bytes());
        let may_read = *kind != "true" || VOLATILE.contains(name);
        assert!(effect != FunctionEffect::Reads || may_read, "{name}");
    }
    for name in functions.reading_names() {
        assert!(names.contains_key(name), "{name}");
    }
}

#[test]
fn no_operator_cast_or_type_of_its_own_calls_what_is_volatile() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    assert_eq!(cluster.psql(UNNAMED).unwrap(), "");
}
