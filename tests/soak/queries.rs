//! What a client says outside of transaction blocks: by both protocols, alone and in pipelines.

use std::collections::btree_map::Entry;

use tidegate_harness::wire;

use crate::answer::Answer;
use crate::client::Client;
use crate::client::close;
use crate::client::count;
use crate::client::describe;
use crate::client::execute_some;
use crate::client::flush;
use crate::client::parse;
use crate::client::run;

/// Texts that all clients have in common, so that they share statements.
const COMMON: [&str; 3] = [
    "select $1::text",
    "select $1::text || '' as common",
    "select min($1::text) from generate_series(1, 3)",
];

const STATEMENTS_MAX: usize = 12;

pub(crate) fn several_rows(client: &mut Client<'_>) {
    let (canary, rows) = (client.canary(), client.random.below(40));
    let answer = client.ask(&format!(
        "select '{canary}', n from generate_series(1, {rows}) n"
    ));
    let expected: Vec<_> = (1..=rows).map(|row| format!("{canary}|{row}")).collect();
    let shape = if rows == 0 { "TCZ" } else { "TDCZ" };
    answer.must_be(
        shape,
        &expected.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

pub(crate) fn several_queries(client: &mut Client<'_>) {
    let (first, second) = (client.canary(), client.canary());
    let answer = client.ask(&format!("select '{first}'; select '{second}'"));
    answer.must_be("TDCTDCZ", &[&first, &second]);
    let answer = client.ask(&format!("select '{second}'; select 1/0; select '{first}'"));
    answer.must_fail('I', "TDCEZ", "22012");
    assert_eq!(answer.rows, [second]);
    let empty = ["", ";", " -- nothing"];
    let sql = *client.random.pick(&empty);
    client.ask(sql).must_be("IZ", &[]);
}

pub(crate) fn errors(client: &mut Client<'_>) {
    let canary = client.canary();
    for (sql, sqlstate) in [
        (format!("select {}", canary.replace('-', "_")), "42703"),
        (format!("select '{canary}"), "42601"),
        (format!("select '{canary}'::int"), "22P02"),
    ] {
        let answer = client.ask(&sql);
        answer.must_fail('I', "EZ", sqlstate);
        let is_its_own = sqlstate == "42601" || answer.error.contains(&canary.replace('-', "_"));
        assert!(is_its_own || answer.error.contains(&canary), "{answer:?}");
    }
}

pub(crate) fn extended(client: &mut Client<'_>) {
    let canary = client.canary();
    let text = *client.random.pick(&COMMON);
    let answer = client.round(&[parse("", text), describe(""), run("", &[&canary])]);
    answer.must_be("1tT2DCZ", &[&canary]);
    // The unnamed statement outlives its Sync.
    let canary = client.canary();
    client
        .round(&[run("", &[&canary])])
        .must_be("2DCZ", &[&canary]);
    let failed = client.round(&[parse("", "select nonsense"), run("", &[&canary])]);
    failed.must_fail('I', "EZ", "42703");
    client.round(&[]).must_be("Z", &[]);
}

/// Gives a new name, and takes the oldest back when there are many.
pub(crate) fn prepare(client: &mut Client<'_>) {
    if client.statements.len() >= STATEMENTS_MAX {
        let (oldest, _) = client.statements.pop_first().unwrap();
        client.round(&[close(&oldest)]).must_be("3Z", &[]);
        let gone = client.round(&[run(&oldest, &["x"])]);
        gone.must_fail('I', "EZ", "26000");
    }
    let canary = client.canary();
    let name = format!("s{}", client.random.below(40));
    let own = format!("select '{canary} ' || $1::text");
    let (text, prefix) = if client.random.percent(50) {
        (own.as_str(), format!("{canary} "))
    } else {
        (*client.random.pick(&COMMON), String::new())
    };
    let answer = client.round(&[parse(&name, text)]);
    match client.statements.entry(name) {
        Entry::Occupied(_) => answer.must_fail('I', "EZ", "42P05"),
        Entry::Vacant(free) => {
            answer.must_be("1Z", &[]);
            free.insert(prefix);
        },
    }
}

pub(crate) fn run_prepared(client: &mut Client<'_>) {
    let names: Vec<_> = client.statements.clone().into_iter().collect();
    if names.is_empty() {
        return prepare(client);
    }
    let (name, prefix) = client.random.pick(&names).clone();
    let canary = client.canary();
    let expected = format!("{prefix}{canary}");
    client
        .round(&[run(&name, &[&canary])])
        .must_be("2DCZ", &[&expected]);
    if client.random.percent(20) {
        client.round(&[describe(&name)]).must_be("tTZ", &[]);
    }
    if client.random.percent(10) {
        let sql = format!("deallocate {name}");
        client.ask(&sql).must_be("CZ", &[]);
        client.statements.remove(&name);
    } else if client.random.percent(3) {
        client.ask("deallocate all").must_be("CZ", &[]);
        client.statements.clear();
    }
}

/// Many rounds in one write, each with a fate of its own.
pub(crate) fn pipeline(client: &mut Client<'_>) {
    let names: Vec<_> = client.statements.clone().into_iter().collect();
    let (mut said, mut fates) = (Vec::new(), Vec::new());
    for _ in 0..client.random.count(2, 20) {
        let canary = client.canary();
        let (messages, fate) = match client.random.below(5) {
            0 => (vec![parse("", "select nonsense")], Err(("EZ", "42703"))),
            1 => {
                let failing = "select 1 / (n * ($1::text = '')::int) from generate_series(1, 1) n";
                let messages = vec![parse("", failing), run("", &[&canary]), run("", &["no"])];
                (messages, Err(("12EZ", "22012")))
            },
            2 if !names.is_empty() => {
                let (name, prefix) = client.random.pick(&names);
                let expected = vec![format!("{prefix}{canary}"), format!("{prefix}2")];
                let messages = vec![run(name, &[&canary]), run(name, &["2"])];
                (messages, Ok(("2DC2DCZ", expected)))
            },
            3 => {
                let messages = vec![wire::query(format!("select '{canary}'")).unwrap()];
                (messages, Ok(("TDCZ", vec![canary])))
            },
            _ => {
                let messages = vec![parse("", "select $1::text"), run("", &[&canary])];
                (messages, Ok(("12DCZ", vec![canary])))
            },
        };
        said.extend(messages.concat());
        if !matches!(fate, Ok(("TDCZ", _))) {
            said.extend(wire::sync());
        }
        fates.push(fate);
    }
    client.send(&said);
    for fate in fates {
        let answer = client.answer();
        match fate {
            Ok((shape, rows)) => {
                answer.must_be(shape, &rows.iter().map(String::as_str).collect::<Vec<_>>());
            },
            Err((shape, sqlstate)) => answer.must_fail('I', shape, sqlstate),
        }
    }
}

/// A round in steps, with `Flush` between them, and a portal that stops at its limit.
pub(crate) fn steps(client: &mut Client<'_>) {
    let canary = client.canary();
    let text = "select $1::text, n from generate_series(1, 5) n";
    client.send(&[parse("", text), describe(""), flush()].concat());
    let described = Answer::read_until(&mut client.wire, b'T').unwrap();
    assert_eq!(described.shape, "1tT");
    let bind = wire::bind("", "", &[&canary]).unwrap();
    client.send(&[bind, execute_some(2), flush()].concat());
    let some = Answer::read_until(&mut client.wire, b's').unwrap();
    assert_eq!(some.shape, "2Ds");
    assert_eq!(some.rows, [1, 2].map(|row| format!("{canary}|{row}")));
    let rest = client.round(&[execute_some(0)]);
    let expected = [3, 4, 5].map(|row| format!("{canary}|{row}"));
    rest.must_be("DCZ", &expected.each_ref().map(String::as_str));
}

pub(crate) fn large_rows(client: &mut Client<'_>) {
    let (canary, length) = (client.canary(), client.random.count(1, 300_000));
    let rows = client.random.count(1, 3);
    let sql = format!(
        "select '{canary}' || repeat('x', {length}) || '{canary}' from generate_series(1, {rows})"
    );
    let answer = client.ask(&sql);
    assert_eq!((answer.shape.as_str(), answer.rows.len()), ("TDCZ", rows));
    for row in &answer.rows {
        assert_eq!(row.len(), length + 2 * canary.len());
        assert!(
            row.starts_with(&canary) && row.ends_with(&canary),
            "{canary}"
        );
    }
    let filler = "y".repeat(length);
    let value = format!("{canary}{filler}");
    let answer = client.round(&[parse("", "select $1::text"), run("", &[&value])]);
    assert_eq!((answer.shape.as_str(), answer.status), ("12DCZ", 'I'));
    assert!(answer.rows == [value], "{canary} came back another");
}

/// A query that takes a while, and a request to cancel it that may come at any moment, but not once
/// its connection is closed.
pub(crate) fn cancel(client: &mut Client<'_>) {
    let is_in_block = client.random.percent(60);
    if is_in_block {
        client.ask("begin").must_be_in('T', "CZ", &[]);
    }
    let canary = client.canary();
    let seconds = [0, 1, 20, 60][client.random.below(4)];
    let query = format!("select '{canary}' from pg_sleep(0.{seconds:03})");
    client.send(&wire::query(query).unwrap());
    for _ in 0..client.random.count(1, 3) {
        count(&client.tally.cancels);
        client.wire.cancel().unwrap();
    }
    let answer = client.answer();
    if !is_canceled(client, &answer, &canary) {
        let status = if is_in_block { 'T' } else { 'I' };
        answer.must_be_in(status, "TDCZ", &[&canary]);
    }
    if is_in_block {
        client.ask("rollback").must_be("CZ", &[]);
    }
    // What was asked for is done with: the next query is nobody's to cancel.
    let canary = client.canary();
    let next = client.ask(&format!("select '{canary}' from pg_sleep(0.005)"));
    next.must_be("TDCZ", &[&canary]);
}

/// Whether a query was canceled; a row may have been on its way already.
fn is_canceled(client: &Client<'_>, answer: &Answer, canary: &str) -> bool {
    if answer.sqlstate != "57014" {
        return false;
    }
    count(&client.tally.canceled);
    let is_its_own = answer.rows.is_empty() || answer.rows == [canary];
    assert!(
        is_its_own && answer.error.contains("user request") && answer.status != 'T',
        "{answer:?}"
    );
    true
}
