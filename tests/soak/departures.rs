//! Clients that leave at any moment, and what must not have happened then.

use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use crate::answer::Answer;
use crate::client::Client;
use crate::client::copy_data;
use crate::client::count;
use crate::client::flush;
use crate::client::parse;
use crate::client::run;

/// Leaves at one of many moments, and sees as a new client that nothing of it has stayed.
pub(crate) fn depart(client: &mut Client<'_>) {
    let canary = client.canary();
    let insert = format!("insert into public.soak_rows values ('{canary}', 1)");
    match client.random.below(10) {
        0 => say(client, &wire::query(format!("select '{canary}'")).unwrap()),
        1 => {
            client.ask("begin").must_be_in('T', "CZ", &[]);
            client.ask(&insert).must_be_in('T', "CZ", &[]);
        },
        2 => {
            let query = wire::query(format!("select '{canary}'")).unwrap();
            let cut = client.random.count(1, query.len() - 1);
            say(client, &query[..cut]);
        },
        3 => {
            let copy = wire::query("copy public.soak_rows from stdin").unwrap();
            say(client, &copy);
            Answer::read_until(&mut client.wire, b'G').unwrap();
            let row = copy_data(&format!("{canary}\t1\n"));
            let cut = client.random.count(1, row.len());
            say(client, &[&row[..], &row[..cut]].concat());
        },
        4 => {
            let sql =
                format!("select '{canary}' || repeat('x', 500) from generate_series(1, 20000)");
            say(client, &wire::query(sql).unwrap());
            for _ in 0..client.random.below(50) {
                client.wire.message().unwrap();
            }
        },
        5 => {
            let sql = format!("select '{canary}' from pg_sleep(600)");
            say(client, &wire::query(sql).unwrap());
            if client.random.percent(50) {
                count(&client.tally.cancels);
                client.wire.cancel().unwrap();
            }
        },
        6 => {
            client.ask("begin").must_be_in('T', "CZ", &[]);
            let insert = wire::query(&insert).unwrap();
            say(client, &[insert, wire::terminate()].concat());
        },
        7 => {
            say(client, &wire::query(format!("select '{canary}'")).unwrap());
            client.wire.finish().unwrap();
            drop(client.wire.until_closed());
        },
        8 => {
            let said = [
                parse("", "insert into public.soak_rows values ($1, 1)"),
                run("", &[&canary]),
                flush(),
            ];
            say(client, &said.concat());
            if client.random.percent(50) {
                Answer::read_until(&mut client.wire, b'C').unwrap();
            }
        },
        _ => {
            let mut half = Wire::announce(client.login).unwrap();
            if client.random.percent(50) {
                half.until_answered().unwrap();
            }
        },
    }
    client.come_again();
    let sql = format!("select count(*) from public.soak_rows where canary = '{canary}'");
    client.ask(&sql).must_be("TDCZ", &["0"]);
}

/// Sends; the other side may be gone already.
fn say(client: &mut Client<'_>, bytes: &[u8]) {
    client.wire.send(bytes).unwrap();
}
