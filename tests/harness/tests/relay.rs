//! The relay that takes its time: what is late, what is not, and what a cut does.
#![cfg(test)]

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use tidegate_harness::DelayingRelay;
use tidegate_harness::polling;

const LIMIT: Duration = Duration::from_mins(1);

/// A server that says again whatever it hears, until it hears the end. Returns its port.
fn echo() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || {
                let mut chunk = [0; 64 * 1024];
                // A connection that breaks has nobody left to hear anything.
                while let Ok(count @ 1..) = stream.read(&mut chunk) {
                    if stream.write_all(&chunk[..count]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

fn connect(relay: &DelayingRelay) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", relay.port())).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is late is seen by a clock only"
)]
fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

fn round_trip(stream: &mut TcpStream) -> Duration {
    timed(|| {
        stream.write_all(b"there").unwrap();
        let mut back = [0; 5];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"there");
    })
}

/// Of several, which is that of the way whatever else the machine does.
fn fastest_round_trip(stream: &mut TcpStream) -> Duration {
    (0..10).map(|_| round_trip(stream)).min().unwrap()
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_round_trip_takes_what_was_asked_for_and_can_be_changed() {
    let relay = DelayingRelay::to(echo(), ms(90)).unwrap();
    let mut stream = connect(&relay);
    let taken = fastest_round_trip(&mut stream);
    assert!(taken >= ms(90) && taken < ms(190), "{taken:?}");
    relay.set_round_trip(Duration::ZERO);
    let taken = fastest_round_trip(&mut stream);
    assert!(taken < ms(60), "{taken:?}");
}

#[test]
fn a_long_text_is_late_once_and_arrives_as_it_was_sent() {
    let relay = DelayingRelay::to(echo(), ms(100)).unwrap();
    let mut stream = connect(&relay);
    // With the delay for each chunk anew it would take a minute.
    let text: Vec<u8> = (0..4_000_000_u32).flat_map(u32::to_be_bytes).collect();
    let mut sending = stream.try_clone().unwrap();
    let mut back = vec![0; text.len()];
    let taken = timed(|| {
        thread::scope(|scope| {
            scope.spawn(|| sending.write_all(&text).unwrap());
            stream.read_exact(&mut back).unwrap();
        });
    });
    assert!(back == text, "what came back is not what was sent");
    assert!(taken >= ms(100) && taken < ms(40_000), "{taken:?}");
}

#[test]
fn what_is_sent_later_with_less_delay_arrives_later() {
    let relay = DelayingRelay::to(echo(), ms(4_000)).unwrap();
    let mut stream = connect(&relay);
    let taken = timed(|| {
        stream.write_all(b"first ").unwrap();
        // Not before the relay has taken the first: it would see one chunk.
        drop(polling::until_true("nothing", ms(1_000), || false));
        relay.set_round_trip(Duration::ZERO);
        stream.write_all(b"second").unwrap();
        let mut back = [0; 12];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"first second");
    });
    assert!(taken >= ms(2_000), "{taken:?}");
}

#[test]
fn the_end_of_one_direction_leaves_the_other_open() {
    let relay = DelayingRelay::to(echo(), ms(20)).unwrap();
    let mut stream = connect(&relay);
    stream.write_all(b"the last word").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).unwrap();
    assert_eq!(back, "the last word");
}

#[test]
fn a_cut_closes_both_sides_and_refuses_until_it_is_restored() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let relay = DelayingRelay::to(listener.local_addr().unwrap().port(), ms(0)).unwrap();
    let mut client = connect(&relay);
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    relay.cut().unwrap();
    let mut byte = [0; 1];
    for end in [&mut client, &mut server] {
        match end.read(&mut byte) {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    let refused = TcpStream::connect(("127.0.0.1", relay.port())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    relay.restore().unwrap();
    let mut client = connect(&relay);
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"!").unwrap();
    server.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"!");
}

#[test]
fn a_relay_that_is_dropped_closes_its_connections() {
    let relay = DelayingRelay::to(echo(), ms(0)).unwrap();
    let mut stream = connect(&relay);
    round_trip(&mut stream);
    drop(relay);
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
}
