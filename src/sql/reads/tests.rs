//! Texts that only read, texts that do not, and texts that are hard to tell apart.

use super::*;

/// A session as a server has it at first, or one in which a backslash escapes.
struct Plain {
    has_backslash_escapes: bool,
    has_backslash_in_characters: bool,
}

impl Session for Plain {
    fn is_reported(&self, _name: &str) -> bool {
        false
    }

    fn has_backslash_escapes(&self) -> bool {
        self.has_backslash_escapes
    }

    fn has_backslash_in_characters(&self) -> bool {
        self.has_backslash_in_characters
    }
}

pub(super) fn access(pieces: &[&[u8]], has_backslash_escapes: bool) -> Access {
    let session = Plain {
        has_backslash_escapes,
        has_backslash_in_characters: false,
    };
    access_in(&session, pieces)
}

fn access_in(session: &Plain, pieces: &[&[u8]]) -> Access {
    let functions = BuiltinFunctions::of_version(18);
    let mut reads = Reads::new();
    for piece in pieces {
        reads.feed(piece, session, &functions);
    }
    reads.finish(&functions)
}

pub(super) fn kind(text: &str) -> AccessKind {
    access(&[text.as_bytes()], false).kind
}

#[rustfmt::skip] // One line a text.
pub(super) const READING: [&str; 85] = [
    "",
    " ; -- nothing\n;",
    "select 1",
    "SELECT a, b + 1 FROM public.t WHERE id = $1 AND name LIKE 'for update' ORDER BY a DESC LIMIT 10",
    "select 1; select 2;; values (3)",
    "(select 1)",
    "((select 1) union all (select 2)) order by 1",
    "values (1, 'a'), (2, 'b')",
    "table t",
    "table only (t)",
    "select count(*), sum(a) filter (where b > 0) over (partition by (c) order by (d)) from t",
    "select \"count\"(*) from t",
    "select pg_catalog.lower(a), \"pg_catalog\".\"upper\"(b) from t",
    "select LOWER /* c */ -- d\n (a) from t",
    "select a - (b + c), a / (b), -(d), a * (b) from t",
    "select total - (b + c), total / (d) from t",
    "select * from t where a in (1, 2) and b not in (select c from u) and exists (select 1)",
    "select * from t where a = any ($1) or b <> all (array(select 1)) and not (c) and (d) is null",
    "select * from a join (select 1) b on (a.x = b.x) left join (b cross join (c)) using (y)",
    "select * from public.a join (select 1) b on true inner join (select 2) c on (true)",
    "select case when (a) then (b) else (c) end from t",
    "select a::numeric(10, 2), b::varchar(3), c::public.geometry(point, 4326), d::vector(3) from t",
    "select cast(a as character varying(10)), cast(b as geometry(point)), a::bit varying(3)",
    "select a::timestamp(3) with time zone at time zone ('utc'), current_timestamp(3)",
    "select interval '1' day, interval(3) '1.5', interval '1' day to second(2), date '2020-01-01'",
    "select extract(year from a), substring(a from 1 for 2), trim(both from b), overlay(a placing b from 1 for 2)",
    "select position(a in b), coalesce(a, b), nullif(a, b), greatest(a, b), least(a, b), normalize(a)",
    "select xmlelement(name a, xmlattributes(b as c)), collation for (a), json_object('a': 1), json_value(a, '$')",
    "select current_date, current_user, localtime(2), current_schema, session_user",
    "with x as (select 1) select * from x",
    "with x(a, b) as (select 1, 2), y(c) as materialized (select 3), \"z\"(d) as (table t) select * from x, y, z",
    "with recursive t(n) as (values (1) union all select n + 1 from t) select sum(n) from t",
    "with x as not materialized (select 1) (select 2) order by lower('a')",
    "select * from (with x(a) as (select 1) select * from x) y(b)",
    "select * from generate_series(1, 3) with ordinality t(a, b), unnest($1::int[]) u(c)",
    "select * from rows from (generate_series(1, 3), unnest($1)) as t(a, b)",
    "select * from json_to_record('{}') as x(a int, b varchar(3))",
    "select * from t x(a, b), \"u\" y(c), public.v w(d)",
    "select * from t tablesample system (10) repeatable (1)",
    "select distinct on (a) b from t",
    "select distinct on (a) lower(b) from t",
    "select a operator(pg_catalog.+) b, c operator(pg_catalog.*) (d) from t",
    "select grouping(a), count(*) from t group by grouping sets ((a), ()), (b)",
    "select a from t group by rollup (a, b)",
    "select percentile_cont(0.5) within group (order by a) from t",
    "select row_number() over w from t window w as (partition by a)",
    "select a between (1) and (2), array[1, 2], row(1, 2), (1, 2)",
    "select t.update, t.delete, t.into from t",
    "select \"update\", \"into\", \"for\" from t",
    "select 'insert into t', $$delete from t$$, e'\\'; delete from t', $a$ $$ ; delete $a$",
    "select 1 -- ; delete from t",
    "select 1 /* /* delete */ insert into t */",
    "select inserted, updated_at, deleted, intos, merges from t",
    "select key, shared from t",
    "select a from t offset (1) limit (2)",
    "select * from t where (a, b) in ((1, 2), (3, 4))",
    "select U&'\\0061', n'a', b'1', x'1f', 1e5, 1_000, 0x1F, .5, 1., $1",
    "select * from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^pg_toast'",
    "select * from information_schema.tables",
    "select * from pg_stats",
    "select to_regclass('t'), format_type(1, 2), obj_description(1, 'pg_class')",
    "select random(), clock_timestamp(), gen_random_uuid(), pg_sleep(1), uuidv7()",
    "show search_path",
    "SHOW TRANSACTION ISOLATION LEVEL",
    "show all_of_it",
    "explain select 1",
    "explain verbose select lower(a) from t",
    "explain (costs off, format json, verbose) select 1",
    "explain (format 'json') (select 1)",
    "explain (select 1)",
    "explain ((select 1))",
    "explain (verbose true) with x(a) as (select 1) select * from x",
    "copy t to stdout",
    "copy public.t (a, b) to stdout with (format csv, header, force_quote (a))",
    "copy binary t to stdout",
    "COPY (select lower(a) from t) TO STDOUT CSV HEADER",
    "copy ((select 1) union (select 2)) to stdout; select 1",
    "copy \"to\".\"from\" to stdout",
    "select * from t where a = 'it''s' and b = 'x' -- c",
    "select * from a natural join (b) full outer join (c) on (true)",
    "select 'a'::text || lower('b'), 1 + abs(-2), array[lower('a')], a[abs(1)] from t",
    "select a as b, c as \"d\" from t as x (a, c)",
    "select sum(a) over (rows between 1 preceding and current row) from t",
    "select max(a) as max, min(b) min from t having (count(*) > 1)",
    "select jsonb_build_object('a', 1) -> 'a', a #>> '{b}', a @> '{}', a ? 'b' from t",
];

#[rustfmt::skip] // One line a text.
pub(super) const WRITING: [(&str, Reason); 128] = [
    ("insert into t values (1)", Reason::Command),
    ("update t set a = 1", Reason::Command),
    ("delete from t", Reason::Command),
    ("merge into t using u on true when matched then delete", Reason::Command),
    ("create table t (a int)", Reason::Command),
    ("truncate t", Reason::Command),
    ("vacuum", Reason::Command),
    ("analyze t", Reason::Command),
    ("call p()", Reason::Command),
    ("do $$ begin end $$", Reason::Command),
    ("listen a", Reason::Command),
    ("notify a", Reason::Command),
    ("lock table t", Reason::Command),
    ("prepare s as select 1", Reason::Command),
    ("execute s", Reason::Command),
    ("prepare transaction 'x'", Reason::Command),
    ("declare c cursor for select 1", Reason::Command),
    ("fetch c", Reason::Command),
    ("discard all", Reason::Command),
    ("refresh materialized view v", Reason::Command),
    ("selects 1", Reason::Command),
    ("\"select\" 1", Reason::Doubt),
    ("'a'", Reason::Doubt),
    ("()", Reason::Doubt),
    ("select 1)", Reason::Doubt),
    ("select 1; delete from t", Reason::Command),
    ("select ';'; delete from t; select 1", Reason::Command),
    ("(delete from t)", Reason::Modifies),
    ("with x as (select 1) delete from t", Reason::Modifies),
    ("with x as (insert into t values (1) returning *) select * from x", Reason::Modifies),
    ("with x as (update t set a = 1) select 1", Reason::Modifies),
    ("with x(a) as materialized (with y as (select 1) delete from t returning a) select 1", Reason::Modifies),
    ("select * from (with x as (merge into t using u on true when matched then delete) select 1) y", Reason::Modifies),
    ("select 1 into t", Reason::Into),
    ("select 1 INTO temp t", Reason::Into),
    ("with x as (select 1) select * into t from x", Reason::Into),
    ("select * from t for update", Reason::Locks),
    ("select * from t FOR NO KEY UPDATE", Reason::Locks),
    ("select * from t for /* c */ share", Reason::Locks),
    ("select * from t for -- c\n key share of t nowait", Reason::Locks),
    ("select * from (select * from t for update skip locked) x", Reason::Locks),
    ("select a from t limit 1for update", Reason::Doubt),
    ("select $1for update", Reason::Doubt),
    ("select nextval('s')", Reason::Function),
    ("select setval('s', 1)", Reason::Function),
    ("select currval('s'), lastval()", Reason::Function),
    ("select set_config('a.b', 'c', true)", Reason::Function),
    ("select setseed(0.5)", Reason::Function),
    ("select pg_notify('a', 'b')", Reason::Function),
    ("select PG_NOTIFY ('a', 'b')", Reason::Function),
    ("select \"pg_notify\"('a', 'b')", Reason::Function),
    ("select \"pg_catalog\" . \"pg_notify\" ('a', 'b')", Reason::Function),
    ("select pg_catalog.pg_notify/* c */('a', 'b')", Reason::Function),
    ("select pg_notify--('a')\n('a', 'b')", Reason::Function),
    ("select pg_advisory_lock(1)", Reason::Function),
    ("select pg_try_advisory_xact_lock(1)", Reason::Function),
    ("select lo_create(1)", Reason::Function),
    ("select txid_current()", Reason::Function),
    ("select pg_current_xact_id()", Reason::Function),
    ("select pg_export_snapshot()", Reason::Function),
    ("select pg_terminate_backend(1)", Reason::Function),
    ("select pg_reload_conf()", Reason::Function),
    ("select pg_promote()", Reason::Function),
    ("select query_to_xml('delete from t', true, true, '')", Reason::Function),
    ("select ts_stat('select 1')", Reason::Function),
    ("select treat(1 as pg_advisory_lock)", Reason::UnknownFunction),
    ("select table_to_xml('t', true, true, '')", Reason::UnknownFunction),
    ("select my_function(1)", Reason::UnknownFunction),
    ("select public.lower('a')", Reason::UnknownFunction),
    ("select db.pg_catalog.lower('a')", Reason::UnknownFunction),
    ("select \"a\"\"pg_catalog\".lower('a')", Reason::UnknownFunction),
    ("select \"Lower\"('a')", Reason::UnknownFunction),
    ("select \"a\"\"lower\"('a')", Reason::UnknownFunction),
    ("select u&\"lower\"('a')", Reason::UnknownFunction),
    ("select U&\"lo\\0077er\"('a')", Reason::Doubt),
    ("select U&\"lo!0077er\" uescape '!' ('a')", Reason::Doubt),
    ("select public.u&\"lower\"('a')", Reason::UnknownFunction),
    ("select public.in(1), t.exists(2)", Reason::UnknownFunction),
    ("select over(1)", Reason::UnknownFunction),
    ("select filter(1)", Reason::UnknownFunction),
    ("select join(1)", Reason::UnknownFunction),
    ("select * from join(1)", Reason::UnknownFunction),
    ("select by(1)", Reason::UnknownFunction),
    ("select sets(1), cube(1)", Reason::UnknownFunction),
    ("select materialized(1)", Reason::UnknownFunction),
    ("select not materialized(1)", Reason::UnknownFunction),
    ("select a from t order by x, rollup(1)", Reason::UnknownFunction),
    ("select distinct on (a) over(1) from t", Reason::UnknownFunction),
    ("select distinct on (a) f(1) from t", Reason::UnknownFunction),
    ("select a operator(pg_catalog.+) f(1)", Reason::UnknownFunction),
    ("select * from operator(1)", Reason::UnknownFunction),
    ("select * from t, operator(t.*)", Reason::UnknownFunction),
    ("select 1 where f(1)", Reason::UnknownFunction),
    ("select case when f(1) then 1 end", Reason::UnknownFunction),
    ("select a, f(1) as b from t", Reason::UnknownFunction),
    ("select * from t, f(1) as (a int)", Reason::UnknownFunction),
    ("select * from t, lateral f(1)", Reason::UnknownFunction),
    ("select - f(1), 1 / f(2)", Reason::UnknownFunction),
    ("select a like f(1)", Reason::UnknownFunction),
    ("select a escape f(1)", Reason::UnknownFunction),
    ("select x.y(1)::text from t", Reason::UnknownFunction),
    ("values (f(1))", Reason::UnknownFunction),
    ("with x as (select 1) (select 2) order by 1, f(1)", Reason::UnknownFunction),
    ("with recursive x(a) as (select 1) cycle a set b using c (select 2) order by 1, f(1)", Reason::UnknownFunction),
    ("with recursive x(a) as (select 1) cycle a set b using c (select 2) order by 1, f(1) limit 1", Reason::UnknownFunction),
    ("with x as (select 1), f(a) as (select 2) select g(1)", Reason::UnknownFunction),
    ("with values(a) as (select 1), y(b) as (select 2) select g(1)", Reason::UnknownFunction),
    ("select a_name_that_is_longer_than_any_that_a_server_would_keep_as_it_is_written(1)", Reason::UnknownFunction),
    ("explain analyze select 1", Reason::Explain),
    ("EXPLAIN ANALYSE delete from t", Reason::Explain),
    ("explain (analyze) delete from t", Reason::Explain),
    ("explain (costs off, \"analyze\") delete from t", Reason::Explain),
    ("explain (analyze false) select 1", Reason::Explain),
    ("explain verbose analyze select 1", Reason::Explain),
    ("explain delete from t", Reason::Command),
    ("explain execute s", Reason::Command),
    ("explain select f(1)", Reason::UnknownFunction),
    ("explain (costs off) select 1 into t", Reason::Into),
    ("copy t from stdin", Reason::Copy),
    ("copy t to '/tmp/x'", Reason::Copy),
    ("copy t (a) to program 'x'", Reason::Copy),
    ("copy (select 1) to program 'x'", Reason::Copy),
    ("copy (select f(1)) to stdout", Reason::UnknownFunction),
    ("copy (delete from t returning *) to stdout", Reason::Modifies),
    ("copy t", Reason::Copy),
    ("select * from pg_temp.t", Reason::Session),
    ("begin; select 1", Reason::Mixed),
    ("set a = 1; select 1", Reason::Mixed),
];

#[test]
fn what_only_reads_is_a_read() {
    for text in READING {
        assert_eq!(kind(text), AccessKind::Reads, "{text}");
    }
}

#[test]
fn what_writes_or_may_is_none_and_the_reason_is_told() {
    for (text, reason) in WRITING {
        assert_eq!(kind(text), AccessKind::Primary(reason), "{text}");
    }
}

#[test]
fn what_is_about_one_server_is_told_apart() {
    for text in [
        "select pg_is_in_recovery()",
        "select pg_backend_pid(), inet_server_addr()",
        "select * from pg_stat_activity",
        "select * from pg_catalog.PG_LOCKS; select 1",
        "select * from \"pg_stat_replication\"",
        "select current_setting('transaction_read_only')",
        "show transaction_read_only",
        "SHOW ALL",
        "show \"Port\"",
        "select version()",
        "copy pg_settings to stdout",
    ] {
        assert_eq!(kind(text), AccessKind::Primary(Reason::Node), "{text}");
    }
    let both = "select pg_is_in_recovery(); delete from t";
    assert_eq!(kind(both), AccessKind::Primary(Reason::Command));
}

#[test]
#[rustfmt::skip] // One line a text.
fn what_is_said_of_transactions_is_told() {
    let modes = |is_read_only, is_serializable| TransactionModes { is_read_only, is_read_write: false, is_serializable };
    let writing = TransactionModes { is_read_write: true, ..TransactionModes::default() };
    for (text, expected) in [
        ("begin", AccessKind::Begin(modes(false, false))),
        ("BEGIN WORK;", AccessKind::Begin(modes(false, false))),
        ("start transaction read only", AccessKind::Begin(modes(true, false))),
        ("begin isolation level repeatable read, read only", AccessKind::Begin(modes(true, false))),
        ("begin isolation level serializable read only deferrable", AccessKind::Begin(modes(true, true))),
        ("begin read only, read write", AccessKind::Begin(writing)),
        ("begin isolation level repeatable read", AccessKind::Begin(modes(false, false))),
        ("begin only", AccessKind::Primary(Reason::Doubt)),
        ("begin read only 1", AccessKind::Primary(Reason::Doubt)),
        ("set transaction read only", AccessKind::SetTransaction(modes(true, false))),
        ("set transaction read write", AccessKind::SetTransaction(writing)),
        ("set local transaction isolation level serializable", AccessKind::SetTransaction(modes(false, true))),
        ("set transaction snapshot 'x'", AccessKind::Primary(Reason::Doubt)),
        ("set session characteristics as transaction read only", AccessKind::Set),
        ("set session session authorization x", AccessKind::Set),
        ("SET a.b = 'c'", AccessKind::Set),
        ("set \"A\" to 1", AccessKind::Set),
        ("reset all", AccessKind::Set),
        ("set constraints all deferred", AccessKind::Primary(Reason::Command)),
        ("set", AccessKind::Primary(Reason::Doubt)),
        ("commit", AccessKind::EndBlock),
        ("end transaction;", AccessKind::EndBlock),
        ("rollback work and no chain", AccessKind::EndBlock),
        ("abort", AccessKind::EndBlock),
        ("commit and chain", AccessKind::InBlock),
        ("rollback to savepoint \"a\"", AccessKind::InBlock),
        ("savepoint a", AccessKind::InBlock),
        ("release savepoint a", AccessKind::InBlock),
        ("commit prepared 'x'", AccessKind::Primary(Reason::Doubt)),
        ("commit; begin", AccessKind::Primary(Reason::Mixed)),
        ("select 1; commit", AccessKind::Primary(Reason::Mixed)),
    ] {
        assert_eq!(kind(text), expected, "{text}");
    }
}

#[test]
fn a_hint_is_told_beside_and_changes_nothing() {
    let access = access(&[b"/* tidegate:replica */ delete from t"], false);
    assert_eq!(access.hint, Some(Hint::Replica));
    assert_eq!(access.kind, AccessKind::Primary(Reason::Command));
}

#[test]
fn a_backslash_hides_a_quote_only_where_it_escapes() {
    let text = br"select 'a\', pg_notify('b', 'c') --'";
    assert_eq!(access(&[text], true).kind, AccessKind::Reads);
    assert_eq!(
        access(&[text], false).kind,
        AccessKind::Primary(Reason::Function)
    );
}

#[test]
fn half_a_character_that_looks_like_a_mark_is_doubted() {
    // To the server one name, which ends in `lower`.
    let text = b"select \x83\\lower(1)";
    let session = Plain {
        has_backslash_escapes: false,
        has_backslash_in_characters: true,
    };
    let access = access_in(&session, &[text]);
    assert_eq!(access.kind, AccessKind::Primary(Reason::Doubt));
    let access = access_in(&session, &[b"select lower(1)"]);
    assert_eq!(access.kind, AccessKind::Reads);
}

#[test]
fn what_is_nested_too_deep_is_not_followed() {
    let nested = |depth| format!("select {}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(kind(&nested(63)), AccessKind::Reads);
    assert_eq!(kind(&nested(64)), AccessKind::Primary(Reason::Doubt));
}
