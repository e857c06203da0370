//! Clients that read slowly or not at all, and clients that announce more than they send.

use tidegate_harness::wire;

use crate::large::message;
use crate::world::World;
use crate::world::swallow;

const MIB: usize = 1024 * 1024;

const TWO_GIGABYTES: &str = "select repeat('x', 1048576) from generate_series(1, 2048)";

#[test]
fn a_server_waits_for_a_client_that_reads_slowly_or_not_at_all() {
    let Some(world) = World::start(2) else { return };
    let mut slow = world.pooled.connect().unwrap();
    slow.send(&wire::query(TWO_GIGABYTES).unwrap()).unwrap();
    let mut deaf = world.pooled.connect().unwrap();
    deaf.send(&wire::query(TWO_GIGABYTES).unwrap()).unwrap();
    for _ in 0..5 {
        // Nothing is read beyond what sockets take: the servers wait, and Postgres says so.
        world.until_servers("wait_event = 'ClientWrite'", 2);
        world.serves_the_neighbour();
        swallow(&slow, 16 * MIB);
    }
    world.has_stayed_flat();
    // Whoever goes frees the server.
    drop((slow, deaf));
    let mut next = world.pooled.connect().unwrap();
    assert_eq!(next.query("select 'next'").unwrap(), "next");
    world.until_servers("state <> 'idle'", 0);
    world.has_stayed_flat();
}

#[test]
fn a_message_of_a_gibibyte_that_is_announced_costs_nothing_until_it_is_sent() {
    let Some(world) = World::start(2) else { return };
    let announced = (1_u32 << 30) - 1;
    for (tag, begin) in [
        (b'Q', &b"select '"[..]),
        (b'P', b"named\0select '"),
        (b'B', b"\0\0\0\0"),
    ] {
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = world.pooled.connect().unwrap();
            let head = [&[tag][..], &announced.to_be_bytes(), begin].concat();
            client.send(&head).unwrap();
            clients.push(client);
        }
        // Some go on for a while: two of them have the servers, the others wait.
        for client in &mut clients[..4] {
            client.socket().set_nonblocking(true).unwrap();
            let piece = vec![b'x'; 64 * 1024];
            for _ in 0..128 {
                // Who waits for a server is not read for ever.
                drop(client.send(&piece));
            }
        }
        world.serves_the_neighbour();
        world.has_grown_by_at_most(4 * 256 + 12 * 1024);
        drop(clients);
        let mut next = world.pooled.connect().unwrap();
        assert_eq!(next.query("select 'next'").unwrap(), "next");
        world.until_servers("state <> 'idle'", 0);
    }
}

#[test]
fn a_message_that_is_longer_than_any_is_refused() {
    let Some(world) = World::start(1) else { return };
    let mut client = world.pooled.connect().unwrap();
    client.send(&message(b'Q', &[b"select 1\0"])).unwrap();
    assert_eq!(client.rows().unwrap(), "1");
    client.send(b"Q\xff\xff\xff\xffselect").unwrap();
    let report = client.farewell().unwrap();
    assert_eq!(report.sqlstate, "08P01", "{report}");
    assert_eq!(client.until_closed().unwrap(), []);
    world.serves_the_neighbour();
}
