//! What the steps of a connection and of a transaction cost, one by one: nanoseconds of one thread,
//! the median of many rounds. Compare two builds on one machine; the numbers of two machines say
//! nothing about each other.
//!
//! `cargo bench --bench steps`

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::hint::black_box;
use std::time::Duration;
use std::time::Instant;

use tidegate::sql::Session;
use tidegate::sql::StateEffects;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::error::Sender;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::proxy;
use tidegate_proto::proxy::Versions;

/// How long one round is, and how many there are.
const ROUND: Duration = Duration::from_millis(5);
const ROUNDS: usize = 41;

/// A session in which nothing is out of the ordinary.
struct Plain;

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

const SELECT: &[u8] =
    b"SELECT id, name, created_at FROM accounts WHERE owner = $1 AND state <> 'closed' ORDER BY id LIMIT 20";

const PROXY_V1: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.1 51234 6432\r\n";

fn main() {
    report("the header of a frame", || {
        let header = FrameHeader::parse(Sender::Frontend, black_box(b"Q\0\0\0\x20"));
        black_box(header.is_ok());
    });
    report("a PROXY v1 header", || {
        let header = proxy::parse(black_box(PROXY_V1), Versions::V1);
        black_box(header.is_ok());
    });
    let mut ledger = Ledger::new();
    report("the ledger's part of a simple transaction", || {
        let sent = ledger.sent(b'Q', Owner::Client);
        for tag in *black_box(b"TDC") {
            black_box(ledger.received(tag).is_ok());
        }
        black_box(ledger.ready(TransactionStatus::Idle).is_ok() && sent.is_ok());
    });
    report("the ledger's part of an extended transaction", || {
        for tag in *black_box(b"PBDES") {
            black_box(ledger.sent(tag, Owner::Client).is_ok());
        }
        for tag in *black_box(b"12TDC") {
            black_box(ledger.received(tag).is_ok());
        }
        black_box(ledger.ready(TransactionStatus::Idle).is_ok());
    });
    report("what a SELECT of a hundred bytes leaves behind", || {
        let mut text = StateEffects::new();
        text.feed(black_box(SELECT), &Plain);
        black_box(text.finish(&Plain).effects.pins);
    });
}

/// Prints the median of a step's rounds.
#[expect(clippy::disallowed_methods, reason = "time is what it measures")]
fn report(name: &str, mut step: impl FnMut()) {
    let mut rounds = [0.0; ROUNDS];
    for nanoseconds in &mut rounds {
        let (begun, mut steps) = (Instant::now(), 0_u32);
        while begun.elapsed() < ROUND {
            for _ in 0..100 {
                step();
            }
            steps += 100;
        }
        *nanoseconds = begun.elapsed().as_secs_f64() * 1e9 / f64::from(steps);
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
    println!("{median:8.1} ns  {name}");
}
