//! What a client does over several rounds: transactions, COPY, settings, and all that pins.

use tidegate_harness::wire;

use crate::answer::Answer;
use crate::client::Client;
use crate::client::copy_data;
use crate::client::copy_done;
use crate::client::copy_fail;
use crate::client::parse;
use crate::client::run;

pub(crate) const TABLE: &str = "create table soak_rows (canary text, n int)";

fn rows_of(client: &mut Client<'_>, canary: &str, status: char, expected: usize) {
    let sql = format!("select count(*) from public.soak_rows where canary = '{canary}'");
    let answer = client.ask(&sql);
    answer.must_be_in(status, "TDCZ", &[&expected.to_string()]);
}

fn insert(client: &mut Client<'_>, canary: &str) {
    let sql = format!("insert into public.soak_rows values ('{canary}', 1)");
    client.ask(&sql).must_be_in('T', "CZ", &[]);
}

pub(crate) fn savepoints(client: &mut Client<'_>) {
    let canary = client.canary();
    client.ask("begin").must_be_in('T', "CZ", &[]);
    insert(client, &canary);
    client.ask("savepoint a").must_be_in('T', "CZ", &[]);
    insert(client, &canary);
    rows_of(client, &canary, 'T', 2);
    if client.random.percent(50) {
        client.ask("select 1/0").must_fail('E', "EZ", "22012");
        let refused = client.round(&[parse("", "select 1"), run("", &[])]);
        refused.must_fail('E', "EZ", "25P02");
    }
    client.ask("rollback to a").must_be_in('T', "CZ", &[]);
    rows_of(client, &canary, 'T', 1);
    let is_kept = client.random.percent(50);
    let end = if is_kept { "commit" } else { "rollback" };
    if client.random.percent(50) {
        client.ask(end).must_be("CZ", &[]);
    } else {
        client
            .round(&[parse("", end), run("", &[])])
            .must_be("12CZ", &[]);
    }
    rows_of(client, &canary, 'I', usize::from(is_kept));
    let sql = format!("delete from public.soak_rows where canary = '{canary}'");
    client.ask(&sql).must_be("CZ", &[]);
}

/// What statement mode refuses, with the end of the client that asked for it.
pub(crate) fn block(client: &mut Client<'_>) {
    client.send(&wire::query("begin").unwrap());
    let refusal = client.wire.farewell().unwrap();
    assert_eq!(refusal.sqlstate, "0A000", "{refusal:?}");
    client.come_again();
}

/// A transaction in one pipeline.
pub(crate) fn block_in_a_pipeline(client: &mut Client<'_>) {
    let canary = client.canary();
    let block = [
        parse("", "begin"),
        run("", &[]),
        parse("", "insert into public.soak_rows values ($1, 1)"),
        run("", &[&canary]),
        run("", &[&canary]),
        parse("", "rollback"),
        run("", &[]),
    ];
    client.round(&block).must_be("12C12C2C12CZ", &[]);
    rows_of(client, &canary, 'I', 0);
}

pub(crate) fn copy_in(client: &mut Client<'_>) {
    let (canary, rows) = (client.canary(), client.random.count(1, 300));
    let is_extended = client.random.percent(40);
    let copy = "copy public.soak_rows from stdin";
    if is_extended {
        client.send(&[parse("", copy), run("", &[]), crate::client::flush()].concat());
    } else {
        client.send(&wire::query(copy).unwrap());
    }
    let begun = Answer::read_until(&mut client.wire, b'G').unwrap();
    assert_eq!(begun.shape, if is_extended { "12G" } else { "G" });
    for row in 1..=rows {
        client.send(&copy_data(&format!("{canary}\t{row}\n")));
    }
    let (last, sqlstate) = match client.random.below(3) {
        0 => (copy_fail(), "57014"),
        1 => ([copy_data("too few\n"), copy_done()].concat(), "22P04"),
        _ => (copy_done(), ""),
    };
    client.send(&last);
    if is_extended {
        client.send(&wire::sync());
    }
    let answer = client.answer();
    if sqlstate.is_empty() {
        answer.must_be("CZ", &[]);
        rows_of(client, &canary, 'I', rows);
        let sql = format!("delete from public.soak_rows where canary = '{canary}'");
        client.ask(&sql).must_be("CZ", &[]);
    } else {
        answer.must_fail('I', "EZ", sqlstate);
        rows_of(client, &canary, 'I', 0);
    }
}

pub(crate) fn copy_out(client: &mut Client<'_>) {
    let (canary, rows) = (client.canary(), client.random.count(1, 2000));
    let sql = format!("copy (select '{canary}', n from generate_series(1, {rows}) n) to stdout");
    let (answer, shape) = if client.random.percent(50) {
        (client.ask(&sql), "HdcCZ")
    } else {
        (client.round(&[parse("", &sql), run("", &[])]), "12HdcCZ")
    };
    answer.must_be(shape, &[]);
    let expected: Vec<_> = (1..=rows).map(|row| format!("{canary}\t{row}\n")).collect();
    assert!(
        answer.copied == expected.concat(),
        "{canary}: {}",
        answer.copied
    );
}

/// What can be set, what it is at first, and what it may become.
const SETTINGS: [(&str, &str, &[&str]); 7] = [
    ("work_mem", "4MB", &["5MB", "6MB", "7MB"]),
    ("TimeZone", "UTC", &["Asia/Tokyo", "Europe/Rome"]),
    ("application_name", "", &["one", "another's", "third"]),
    ("extra_float_digits", "1", &["0", "2"]),
    (
        "search_path",
        "\"$user\", public",
        &["pg_catalog", "public"],
    ),
    ("DateStyle", "ISO, MDY", &["German, DMY", "SQL, DMY"]),
    ("soak.mine", "", &["a", "b", "c"]),
];

pub(crate) fn inspect(client: &mut Client<'_>) {
    inspect_in(client, 'I');
}

fn inspect_in(client: &mut Client<'_>, status: char) {
    let value = |name| format!("coalesce(current_setting('{name}', true), '')");
    let values: Vec<_> = SETTINGS.iter().map(|(name, ..)| value(name)).collect();
    let sql = format!(
        "select {}, (select count(*) from pg_class where relnamespace = pg_my_temp_schema())",
        values.join(", ")
    );
    let expected = SETTINGS.iter().map(|(name, initial, _)| {
        let own = client.settings.get(name);
        own.map_or(*initial, String::as_str)
    });
    let expected: Vec<_> = expected.chain(["0"]).collect();
    let expected = expected.join("|");
    client.ask(&sql).must_be_in(status, "TDCZ", &[&expected]);
}

pub(crate) fn set(client: &mut Client<'_>) {
    let (name, _, values) = *client.random.pick(&SETTINGS);
    let mut value = (*client.random.pick(values)).to_owned();
    if name == "soak.mine" {
        value = client.canary();
    }
    let quoted = value.replace('\'', "''");
    let set = format!("set {name} = '{quoted}'");
    let set = if name == "search_path" || name == "DateStyle" {
        format!("set {name} = {value}")
    } else {
        set
    };
    match client.random.below(6) {
        0 => {
            client.ask("begin").must_be_in('T', "CZ", &[]);
            client.ask(&set).must_be_in('T', "CZ", &[]);
            client.ask("rollback").must_be("CZ", &[]);
        },
        1 => {
            let local = set.replacen("set", "set local", 1);
            client.ask("begin").must_be_in('T', "CZ", &[]);
            client.ask(&local).must_be_in('T', "CZ", &[]);
            client.ask("commit").must_be("CZ", &[]);
        },
        2 => {
            client.ask("begin; savepoint a").must_be_in('T', "CCZ", &[]);
            client.ask(&set).must_be_in('T', "CZ", &[]);
            client.settings.insert(name, value);
            inspect_in(client, 'T');
            client.ask("commit").must_be("CZ", &[]);
        },
        3 => {
            client
                .round(&[parse("", &set), run("", &[])])
                .must_be("12CZ", &[]);
            client.settings.insert(name, value);
        },
        4 => {
            let call = format!("select set_config('{name}', '{quoted}', false)");
            let answer = client.ask(&call);
            answer.must_be("TDCZ", &[&value]);
            client.settings.insert(name, value);
        },
        _ => {
            client.ask(&set).must_be("CZ", &[]);
            client.settings.insert(name, value);
        },
    }
    inspect(client);
}

pub(crate) fn reset(client: &mut Client<'_>) {
    let (name, ..) = *client.random.pick(&SETTINGS);
    match client.random.below(6) {
        0 => {
            client.ask("reset all").must_be("CZ", &[]);
            client.settings.clear();
        },
        1 => {
            client.ask("discard all").must_be("CZ", &[]);
            client.forget();
        },
        2 => {
            // Without the custom parameter, which is unknown where nobody has set it.
            client.ask("set work_mem to default").must_be("CZ", &[]);
            client.settings.remove("work_mem");
        },
        _ if name == "soak.mine" => {},
        _ => {
            client.ask(&format!("reset {name}")).must_be("CZ", &[]);
            client.settings.remove(name);
        },
    }
    inspect(client);
}

/// State that cannot be carried, over several rounds, until it is discarded or the client leaves.
pub(crate) fn pin(client: &mut Client<'_>) {
    let canary = client.canary();
    let (make, look) = match client.random.below(5) {
        0 => (
            format!("create temp table mine as select '{canary}'::text as canary"),
            "select canary from mine".to_owned(),
        ),
        1 => (
            format!("prepare mine as select '{canary}'::text"),
            "execute mine".to_owned(),
        ),
        2 => (
            format!("declare mine cursor with hold for select '{canary}'::text"),
            "fetch 1 from mine".to_owned(),
        ),
        3 => (
            format!("listen \"{canary}\""),
            "select pg_listening_channels()".to_owned(),
        ),
        _ => (
            format!("select pg_advisory_lock({}, 7) is null", client.number),
            format!(
                "select '{canary}' from pg_locks where locktype = 'advisory' \
                 and pid = pg_backend_pid()"
            ),
        ),
    };
    let made = client.ask(&make);
    assert!(made.sqlstate.is_empty() && made.status == 'I', "{made:?}");
    for _ in 0..client.random.count(0, 2) {
        several(client);
    }
    client.ask(&look).must_be("TDCZ", &[&canary]);
    if client.random.percent(50) {
        client.ask("discard all").must_be("CZ", &[]);
        client.forget();
        inspect(client);
    } else {
        client.come_again();
    }
}

/// What leaves the names alone that SQL has given.
fn several(client: &mut Client<'_>) {
    crate::queries::several_rows(client);
    crate::queries::extended(client);
}
