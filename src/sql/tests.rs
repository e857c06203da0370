//! Texts that leave something behind, texts that do not, and texts that are hard to tell apart.

use proptest::prelude::*;

use super::*;

/// A session in which nothing is out of the ordinary, and of which nothing is reported.
pub(super) struct Plain;

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

/// A session as a server has it at first, but for what a test sets.
#[derive(Default)]
struct Known {
    has_backslash_escapes: bool,
    has_backslash_in_characters: bool,
}

impl Session for Known {
    fn is_reported(&self, name: &str) -> bool {
        ["TimeZone", "application_name", "client_encoding"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    fn has_backslash_escapes(&self) -> bool {
        self.has_backslash_escapes
    }

    fn has_backslash_in_characters(&self) -> bool {
        self.has_backslash_in_characters
    }
}

fn leaves_in(session: &Known, pieces: &[&[u8]]) -> Leaves {
    let mut text = StateEffects::new();
    for piece in pieces {
        text.feed(piece, session);
    }
    text.finish(session)
}

fn leaves(text: &str) -> Leaves {
    leaves_in(&Known::default(), &[text.as_bytes()])
}

fn effects(text: &str) -> Effects {
    leaves(text).effects
}

/// The parameters that a text may change, those that it resets with a `-`.
fn touched(text: &str) -> String {
    let leaves = leaves(text);
    let words = leaves.touches.iter().map(|touch| {
        let sign = if touch.is_reset { "-" } else { "" };
        format!("{sign}{}", touch.name)
    });
    words.collect::<Vec<_>>().join(" ")
}

const HARMLESS: [&str; 37] = [
    "",
    "SELECT 1",
    "select * from t where name = 'temp; listen x'",
    "SET LOCAL statement_timeout = 1",
    "set transaction read only",
    "SET TimeZone = 'UTC'",
    "SET \"TimeZone\" = 'UTC'",
    "SET SESSION application_name TO 'x'",
    "SET TIME ZONE 'UTC'",
    "SET NAMES 'utf8'",
    "SET CONSTRAINTS ALL DEFERRED",
    "BEGIN; SET LOCAL role x; SELECT 1; COMMIT",
    "-- listen\nSELECT 1 /* listen */",
    "PREPARE TRANSACTION 'x'",
    "SELECT set_config('a.b', '1', true)",
    "SELECT set_config('a.b', coalesce(f(1, 2), ')'), TRUE), 2",
    "SELECT pg_advisory_xact_lock(1)",
    "DECLARE c CURSOR FOR SELECT 1",
    "SELECT temperature, temp, hold FROM t",
    "SELECT \"temp\" FROM t",
    "UPDATE t SET a = 1",
    "INSERT INTO t SELECT set, listen FROM s",
    "SELECT * FROM pg_settings",
    "DISCARD PLANS",
    "SELECT $$; SET a = 1; $$",
    "SELECT $a$ $$ ; SET a = 1 $b$ ; $a$",
    "SELECT $1; SELECT $2",
    "SELECT 'it''s; SET a = 1'",
    "SELECT E'it\\'s; SET a = 1'",
    "SELECT 'a'\n'; SET a = 1'",
    "SELECT E'a'\n'\\'; SET a = 1'",
    "SELECT \"; SET a = 1\"",
    "SELECT /* /* */ ; SET a = 1 */ 1",
    "SELECT 1 - 1 / 1 * 2",
    "SELECT a$b$ FROM t; SELECT c$b$ FROM t",
    "DO $$ BEGIN RAISE NOTICE 'hello'; PERFORM f(1); END $$",
    "create function f() returns int language sql as 'select 1; set a = 1'",
];

const PINNING: [&str; 44] = [
    "SELECT U&\"set!005fconfig\" UESCAPE '!' ('a.b', '1', false)",
    "SET U&\"a!0062\" UESCAPE '!' = 1",
    "DO E'begin perform s\\x65t_config(''a.b'', ''1'', false); end'",
    "SELECT E'a' --\n'\\'', set_config('a.b', '1', false)",
    "SELECT t.execute, pg_advisory_lock(1) FROM t",
    "set session authorization x",
    "SET session_authorization = x",
    "RESET SESSION AUTHORIZATION",
    "SET seed = 0.5",
    "SET a. = 1",
    "SET U&\"a\\0062\" = 1",
    "LISTEN x",
    "PREPARE s AS SELECT 1",
    "CREATE TEMP TABLE t (a int)",
    "create or replace temporary view v as select 1",
    "create local temp table t (a int)",
    "CREATE TABLE pg_temp.t (a int)",
    "SET search_path = pg_temp, public",
    "SET search_path TO \"pg_temp\"",
    "SET search_path TO 'pg_temp', 'public'",
    "SET SCHEMA 'pg_temp'",
    "SELECT set_config('search_path', 'pg_temp, public', false)",
    "SELECT setseed(0.5)",
    "SELECT 1 INTO TEMPORARY t",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock_shared(1)",
    "SELECT set_config(a, '1', false)",
    "SELECT set_config('a' || 'b', '1', false)",
    "SELECT set_config($1, '1', false)",
    "SELECT set_config('a.b'::text, '1', false)",
    "SELECT set_config(E'a\\056b', '1', false)",
    "SELECT set_config('a''b', '1', false)",
    "SELECT set_config('session_authorization', 'x', false)",
    "SELECT set_config(f('a.b'), '1', false)",
    "SELECT set_config('a.b', '1', false",
    "SELECT U&\"set\\005fconfig\"('a.b', '1', false)",
    "UPDATE pg_settings SET setting = 1 WHERE name = 'a.b'",
    "WITH x AS (UPDATE pg_catalog.pg_settings SET setting = 1) SELECT 1",
    "LOAD 'x'",
    "CALL p(1)",
    "DO $$ begin perform set_config('a.b', '1', false); end $$",
    "do language plpgsql 'begin execute ''se'' || ''t a.b = 1''; end'",
    "SET aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b = 1",
];

/// Texts, and the parameters that they may change, those that they reset with a `-`.
const TOUCHING: [(&str, &str); 45] = [
    (
        "SELECT 1 AS execute, set_config('work_mem', '1GB', false)",
        "work_mem",
    ),
    ("SET statement_timeout = 1", "statement_timeout"),
    ("set search_path to a, b", "search_path"),
    ("SET SESSION statement_timeout TO 1", "statement_timeout"),
    ("SET statement_timeout TO DEFAULT", "-statement_timeout"),
    ("SET statement_timeout = default", "-statement_timeout"),
    ("SET a.b = \"default\"", "a.b"),
    ("SET a.b = 1", "a.b"),
    ("SET \"a\".\"b c\" = 1", "a.b c"),
    ("SET a . b = 1", "a.b"),
    ("SET \"local\" = 1", "local"),
    ("SET ROLE x", "role"),
    ("SET SESSION ROLE NONE", "role"),
    ("SET role TO x", "role"),
    ("SET SCHEMA 'x'", "search_path"),
    ("SET XML OPTION DOCUMENT", "xmloption"),
    ("SET TIME ZONE DEFAULT", "-TimeZone"),
    ("SET TIME ZONE LOCAL", "-TimeZone"),
    ("SET NAMES DEFAULT", "-client_encoding"),
    ("RESET statement_timeout", "-statement_timeout"),
    ("RESET TimeZone", "-TimeZone"),
    ("reset time zone", "-TimeZone"),
    ("RESET a.b", "-a.b"),
    (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "default_transaction_deferrable default_transaction_isolation default_transaction_read_only",
    ),
    (
        "SET a.b = 1; RESET a.c; SET a.b TO DEFAULT",
        "a.b -a.c -a.b",
    ),
    ("SELECT 1; SET a.b = 1", "a.b"),
    ("SELECT set_config('a.b', '1', false)", "a.b"),
    ("SELECT set_config('role', $1, false)", "role"),
    (
        "SELECT pg_catalog . set_config ( 'a.b' , 'true' , false )",
        "a.b",
    ),
    ("SELECT set_config('a.b', '1', not true)", "a.b"),
    ("SELECT set_config('a.b', '1', 'true')", "a.b"),
    ("SELECT set_config('a.b', f(1, true), false)", "a.b"),
    ("SELECT set_config($$a.b$$, '1', $1)", "a.b"),
    ("SELECT set_config($t$a.b$t$, '1', $1)", "a.b"),
    ("SELECT set_config('a'\n'.b', '1', false)", "a.b"),
    ("SELECT \"set_config\"('a.b', '1', false)", "a.b"),
    (
        "SELECT set_config('a.b', '1', true), set_config('a.c', '1', false)",
        "a.c",
    ),
    ("/* c */ set a.b = 1", "a.b"),
    ("select $$it's$$; set a.b = 1", "a.b"),
    ("select $tag$ ' $$ $tag$; set a.b = 1", "a.b"),
    ("select $t$ $t $t$; set a.b = 1", "a.b"),
    ("select E'it\\'s'; set a.b = 1 -- '", "a.b"),
    ("select 'it''s'; set a.b = 1", "a.b"),
    ("select 'a\\'; set a.b = 1 --'", "a.b"),
    (
        "/* one /* two */ ' */ set a.b = 1; select 1 as \"it's\" -- '",
        "a.b",
    ),
];

#[test]
fn statements_that_leave_nothing_behind_do_not_pin() {
    for text in HARMLESS {
        let Leaves {
            effects: found,
            touches,
            ..
        } = leaves(text);
        assert_eq!(touches, [], "{text}");
        let blocks = found.blocks;
        assert_eq!(
            found,
            Effects {
                blocks,
                ..Effects::default()
            },
            "{text}"
        );
    }
}

#[test]
fn statements_that_leave_state_behind_pin() {
    for text in PINNING {
        assert!(effects(text).pins, "{text}");
        assert!(effects(&format!("select 1;{text};select 2")).pins, "{text}");
    }
}

#[test]
fn parameters_that_may_have_changed_are_named() {
    for (text, expected) in TOUCHING {
        assert_eq!(effects(text), Effects::NONE, "{text}");
        assert_eq!(touched(text), expected, "{text}");
        assert_eq!(
            touched(&format!("select 1;{text}\n;select 2")),
            expected,
            "{text}"
        );
    }
}

#[test]
fn statements_that_a_text_names_are_told() {
    let mentioned = |text: &str| {
        let mentions = leaves(text).mentions.into_iter();
        let names = mentions.map(|mention| {
            let sign = match mention.usage {
                Usage::Prepared => "+",
                Usage::Executed => "",
                Usage::Deallocated => "-",
            };
            let name = mention.name.as_deref().unwrap_or(b"*");
            format!("{sign}{}", String::from_utf8_lossy(name))
        });
        names.collect::<Vec<_>>().join(" ")
    };
    for (text, expected) in [
        ("PREPARE S1 AS SELECT 1", "+s1"),
        ("prepare \"S 1\" (int) as select $1", "+S 1"),
        ("EXECUTE s1(1, 2)", "s1"),
        ("execute \"all\"", "all"),
        ("DEALLOCATE s1", "-s1"),
        ("deallocate prepare s1; execute s2", "-s1 s2"),
        (
            "DEALLOCATE ALL; DEALLOCATE PREPARE ALL; DISCARD ALL",
            "-* -* -*",
        ),
        ("PREPARE TRANSACTION 'x'", ""),
        (
            "EXPLAIN (ANALYZE) EXECUTE s1; CREATE TABLE t AS EXECUTE s2 (1)",
            "s1 s2",
        ),
        ("PREPARE prepare AS SELECT 1", "+prepare"),
        ("SELECT 'EXECUTE s1' -- EXECUTE s2", ""),
    ] {
        assert_eq!(mentioned(text), expected, "{text}");
    }
}

#[test]
fn all_is_reset_or_discarded_only_by_name() {
    let resets = |pins, discards| Effects {
        pins,
        resets: true,
        discards,
        blocks: false,
    };
    assert_eq!(effects("DISCARD ALL"), resets(false, true));
    assert_eq!(effects("reset all;"), resets(false, false));
    assert_eq!(effects("set a.b = 1; reset all"), resets(false, false));
    assert_eq!(effects("discard temp"), Effects::default());
}

#[test]
fn a_transaction_block_is_seen_to_begin_and_end() {
    for text in [
        "begin",
        "START TRANSACTION",
        "select 1; end",
        "rollback to s; select 1",
    ] {
        assert!(effects(text).blocks, "{text}");
    }
    for text in ["select 1", "reset all", "select begin, rollback from t"] {
        assert!(!effects(text).blocks, "{text}");
    }
}

#[test]
fn a_backslash_is_what_the_session_takes_it_for() {
    let escaping = Known {
        has_backslash_escapes: true,
        ..Known::default()
    };
    let text: &[u8] = b"select 'a\\'; set a.b = 1 --'";
    assert!(leaves_in(&escaping, &[text]).touches.is_empty());
    let text: &[u8] = b"select '\\\\'; set a.b = 1 --'";
    assert!(!leaves_in(&escaping, &[text]).touches.is_empty());
    // The second byte of a character, or an escape: only a server can tell.
    let two_bytes = Known {
        has_backslash_in_characters: true,
        ..Known::default()
    };
    let text: &[u8] = b"select E'\x95\\'";
    assert!(leaves_in(&two_bytes, &[text]).effects.pins);
    assert!(
        !leaves_in(&Known::default(), &[b"select E'\x95\\''"])
            .effects
            .pins
    );
}

proptest! {
    #[test]
    fn a_text_may_be_cut_anywhere(
        text in prop::sample::select([
            HARMLESS.to_vec(),
            PINNING.to_vec(),
            TOUCHING.map(|(text, _)| text).to_vec(),
        ].concat()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        prop_assert_eq!(leaves_in(&Known::default(), &pieces), leaves(text));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let whole = leaves_in(&Known::default(), &[&bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(leaves_in(&Known::default(), &single), whole);
    }

    #[test]
    fn sql_like_text_is_read_without_harm(text in "[ $'\"a/*\\-;E(),\n0é]{0,60}") {
        let whole = leaves(&text);
        let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        prop_assert_eq!(leaves_in(&Known::default(), &single), whole);
    }

    #[test]
    fn pieces_of_statements_in_any_order_mean_the_same_cut_anywhere(
        pieces in prop::collection::vec(prop::sample::select(FRAGMENTS.to_vec()), 0..12),
        has_backslash_escapes: bool,
        has_backslash_in_characters: bool,
    ) {
        let session = Known { has_backslash_escapes, has_backslash_in_characters };
        let text = pieces.concat();
        let single: Vec<&[u8]> = text.chunks(1).collect();
        let whole = leaves_in(&session, &[&text]);
        prop_assert_eq!(leaves_in(&session, &single), whole);
    }
}

/// What statements are made of, and what makes them hard to read.
const FRAGMENTS: [&[u8]; 26] = [
    b"SELECT ",
    b"set_config(",
    b"'app.a', 'b', ",
    b"true)",
    b"false)",
    b"'it''s'",
    b"E'it\\'s; listen a'",
    b"e",
    b"'",
    b"\\",
    b"\x95\\",
    b"\"",
    b"$$",
    b"$tag$",
    b"$1",
    b"; ",
    b"-- c\n",
    b"/* c */",
    b"SET a.b = 'x'",
    b" TO DEFAULT",
    b"create temp table ",
    b"DO ",
    b"listen",
    b"12.5e3",
    b"a_name_that_is_longer_than_any_that_a_server_would_keep_as_it_is_written ",
    b" ",
];
