//! Messages and results that are larger than the process would like to be.

use std::io::Write;

use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use crate::world::World;
use crate::world::sized;
use crate::world::swallow;

const MIB: usize = 1024 * 1024;

/// A row of one field, on the wire, but for the field.
const ROW_OVERHEAD: usize = 1 + 4 + 2 + 4;

/// Reads the rows of a query that returns so many of so many bytes each, and no more than that.
fn read_rows(client: &mut Wire, rows: usize, bytes: usize) {
    let description = client.message().unwrap();
    assert_eq!(description.tag(), b'T');
    let first = client.message().unwrap();
    assert_eq!(first.as_bytes().len(), bytes + ROW_OVERHEAD);
    let ahead = client.take_received();
    swallow(client, (rows - 1) * (bytes + ROW_OVERHEAD) - ahead);
    let end = client.until(b'Z').unwrap();
    assert_eq!(end.len(), 2, "{end:?}");
}

#[test]
fn a_result_of_two_gigabytes_passes_in_flat_memory() {
    let Some(world) = World::start(2) else { return };
    let mut client = world.pooled.connect().unwrap();
    for (rows, bytes) in [(2048, MIB), (2, 100 * MIB)] {
        let sql = format!("select repeat('x', {bytes}) from generate_series(1, {rows})");
        client.send(&wire::query(sql).unwrap()).unwrap();
        read_rows(&mut client, rows, bytes);
    }
    assert_eq!(client.query("select 'after it'").unwrap(), "after it");
    world.has_stayed_flat();
}

#[test]
fn a_copy_of_hundreds_of_megabytes_passes_in_flat_memory() {
    let Some(world) = World::start(2) else { return };
    let mut client = world.pooled.connect().unwrap();
    client.query("create table sink (line text)").unwrap();
    // Nothing is kept of it, but every line is read.
    let copy = wire::query("copy sink from stdin where length(line) <> 1023").unwrap();
    client.send(&copy).unwrap();
    client.until(b'G').unwrap();
    let lines = format!("{}\n", "x".repeat(1023)).repeat(64);
    let message = message(b'd', &[lines.as_bytes()]);
    for _ in 0..sized(200 * 16, 2048 * 16) {
        client.socket().write_all(&message).unwrap();
    }
    client.send(&message_of(b'c')).unwrap();
    client.rows().unwrap();
    assert_eq!(client.query("select count(*) from sink").unwrap(), "0");
    // The other way.
    let megabytes = sized(200, 2048);
    let copy =
        format!("copy (select repeat('x', {MIB}) from generate_series(1, {megabytes})) to stdout");
    client.send(&wire::query(copy).unwrap()).unwrap();
    client.until(b'H').unwrap();
    let ahead = client.take_received();
    // A line ends in a line feed.
    swallow(&client, megabytes * (1 + 4 + MIB + 1) - ahead);
    let end = client.until(b'Z').unwrap();
    assert_eq!(end.len(), 3, "{end:?}");
    world.has_stayed_flat();
}

#[test]
fn three_hundred_megabytes_in_one_message_pass_unharmed() {
    let Some(world) = World::start(2) else { return };
    let mut client = world.pooled.connect().unwrap();
    let text = "0123456789abcdef".repeat(sized(32 * MIB, 300 * MIB) / 16);
    let sql = format!(
        "select md5(repeat('0123456789abcdef', {}))",
        text.len() / 16
    );
    let digest = client.query(&sql).unwrap();
    // As a parameter, which is longer in any case.
    let long = "0123456789abcdef".repeat(300 * MIB / 16);
    let sql = format!(
        "select md5(repeat('0123456789abcdef', {}))",
        long.len() / 16
    );
    let long_digest = client.query(&sql).unwrap();
    let bind = bind_of(&long);
    client
        .send(&wire::parse("", "select md5($1::text)").unwrap())
        .unwrap();
    client.send(&bind).unwrap();
    client
        .send(&[wire::execute("").unwrap(), wire::sync()].concat())
        .unwrap();
    assert_eq!(client.rows().unwrap(), long_digest);
    // As a literal.
    let query = message(b'Q', &[b"select md5('", text.as_bytes(), b"')\0"]);
    client.send(&query).unwrap();
    assert_eq!(client.rows().unwrap(), digest);
    // And in the text of a statement that is prepared.
    let name = b"named\0";
    let parse = message(b'P', &[name, b"select md5('", text.as_bytes(), b"')\0\0\0"]);
    client.send(&parse).unwrap();
    client
        .send(
            &[
                wire::bind("", "named", &[]).unwrap(),
                wire::execute("").unwrap(),
                wire::sync(),
            ]
            .concat(),
        )
        .unwrap();
    assert_eq!(client.rows().unwrap(), digest);
    assert_eq!(client.query("select 'after it'").unwrap(), "after it");
    world.serves_the_neighbour();
    world.has_stayed_flat();
}

/// A message of these parts, made without a look at their bytes.
pub(crate) fn message(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(length).unwrap().to_be_bytes();
    let head = [&[tag][..], &length];
    [&head.concat()[..], &parts.concat()].concat()
}

fn message_of(tag: u8) -> Vec<u8> {
    message(tag, &[])
}

/// `Bind` of the unnamed statement with one parameter.
fn bind_of(value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let parts: [&[u8]; 5] = [b"\0\0\0\0", b"\0\x01", &length, value.as_bytes(), b"\0\0"];
    message(b'B', &parts)
}
