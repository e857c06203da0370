//! Clients that say a great many small things.

use std::io::ErrorKind;
use std::io::Write;
use std::time::Duration;

use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use crate::world::World;
use crate::world::sized;

/// What one client may have named, and what the pool keeps of it for all, in KiB.
const STATEMENTS_KIB_MAX: u64 = 40 * 1024;

/// How long the other side may take nothing until it is believed that it will not.
const PATIENCE: Duration = Duration::from_secs(1);

#[test]
fn a_client_that_names_statements_without_end_is_bounded() {
    let Some(world) = World::start(1) else { return };
    let mut client = world.pooled.connect().unwrap();
    let (count, at_once) = (sized(20_000, 1_000_000), 500);
    for round in 0..count / at_once {
        let numbers = round * at_once..(round + 1) * at_once;
        let said = numbers.map(|number| {
            let text = format!("select '{number}' || $1::text");
            wire::parse(&format!("s{number}"), &text).unwrap()
        });
        let said: Vec<_> = said.chain([wire::sync()]).collect();
        client.send(&said.concat()).unwrap();
        let answers = client.until(b'Z').unwrap();
        assert_eq!(answers.len(), at_once + 1, "{:?}", answers.first());
        if round % 100 == 0 {
            world.serves_the_neighbour();
        }
    }
    for number in [0, 1, count / 2, count - 1] {
        let run = wire::bind("", &format!("s{number}"), &[" is itself"]).unwrap();
        let said = [run, wire::execute("").unwrap(), wire::sync()];
        client.send(&said.concat()).unwrap();
        assert_eq!(client.rows().unwrap(), format!("{number} is itself"));
    }
    world.serves_the_neighbour();
    world.has_grown_by_at_most(STATEMENTS_KIB_MAX);
}

/// Sends the same message again and again until it is not taken any more; how many whole ones were,
/// and how much of another.
fn say_without_end(client: &Wire, message: &[u8], count: usize) -> (usize, usize) {
    let at_once = message.repeat(1000);
    let mut socket = client.socket();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    let (mut sent, total) = (0, message.len() * count);
    while sent < total {
        match socket.write(&at_once[sent % at_once.len()..]) {
            Ok(bytes) => sent += bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    socket.set_write_timeout(None).unwrap();
    (sent / message.len(), sent % message.len())
}

#[test]
fn a_pipeline_without_end_that_nobody_reads_is_bounded_and_answered_once_it_is() {
    let Some(world) = World::start(2) else { return };
    let query = wire::query("select 'of the pipeline', repeat('x', 100)").unwrap();
    let extended = [
        wire::parse("", "select 'of the pipeline', repeat('x', 100)").unwrap(),
        wire::bind("", "", &[]).unwrap(),
        wire::execute("").unwrap(),
        wire::sync(),
    ];
    for message in [query, extended.concat(), wire::sync()] {
        let mut client = world.pooled.connect().unwrap();
        let (mut whole, rest) = say_without_end(&client, &message, sized(50_000, 1_000_000));
        world.serves_the_neighbour();
        world.has_stayed_flat();
        // Once it reads, everything is answered, in order.
        if rest > 0 {
            let said = message[rest..].to_vec();
            let socket = client.socket().try_clone().unwrap();
            std::thread::spawn(move || (&socket).write_all(&said).unwrap());
            whole += 1;
        }
        for _ in 0..whole {
            let rows = client.rows().unwrap();
            let is_it = rows.is_empty() || rows.starts_with("of the pipeline|xxx");
            assert!(is_it, "{rows}");
        }
        assert_eq!(client.query("select 'after it'").unwrap(), "after it");
        world.has_stayed_flat();
    }
}
