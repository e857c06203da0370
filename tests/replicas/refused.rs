//! A block that moves to a primary which refuses to begin it.

use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::thread;

use tidegate_harness::NodeOptions;
use tidegate_harness::polling;

use crate::blocks::begin_there;
use crate::blocks::table;
use crate::world::LIMIT;
use crate::world::World;

/// A beginning that the primary is not told as it was said.
const BEGIN: &str = "begin isolation level repeatable read";
const GARBLED: &str = "bogus isolation level repeatable read";

/// The port of a relay to a server, that garbles what begins a block.
fn garbling(server: u16) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
            let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || pass(client, server));
            thread::spawn(move || pass(back.0, back.1));
        }
    });
    port
}

/// Passes on what comes, a read at a time: a message of a client without more to say comes in one.
fn pass(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes)?;
        if count == 0 {
            return to.shutdown(std::net::Shutdown::Write);
        }
        let said = &mut bytes[..count];
        let places = said
            .windows(BEGIN.len())
            .position(|it| it == BEGIN.as_bytes());
        if let Some(at) = places {
            said[at..at + GARBLED.len()].copy_from_slice(GARBLED.as_bytes());
        }
        to.write_all(said)?;
    }
}

#[test]
fn nothing_is_written_behind_a_beginning_that_the_primary_refuses() {
    let tenant = "transaction_routing = \"first_statement\"";
    let options = NodeOptions {
        node: "workers = 1",
        tenant,
        ..NodeOptions::default()
    };
    let Some(world) = World::start_at(&options, "", garbling) else {
        return;
    };
    table(&world, "unwritten");
    let refused = || {
        let mut client = world.reader();
        begin_there(&mut client, "begin");
        client.query("rollback").unwrap();
        // Where the replica is not fit to begin it, the primary has refused it by itself.
        client.query(BEGIN).ok()?;
        let written = client.query("insert into unwritten values (1)");
        Some(written.unwrap_err())
    };
    let mut heard = None;
    polling::until_true("a block at the replica", LIMIT, || {
        heard = refused();
        heard.is_some()
    })
    .unwrap();
    // The server's own words, and the end: the block that the client believes in is nowhere.
    assert_eq!(heard.unwrap().sqlstate(), "42601");
    world.node.pooler.wait_for_log("block_refused").unwrap();
    let count = world.database_row("select count(*) from unwritten");
    assert_eq!(count, "0");
}
