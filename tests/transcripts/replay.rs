//! Plays a transcript to one address and writes down what comes back.

use std::fmt::Write;

use tidegate_harness::wire;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Message;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_proto::backend::tag;

use super::script::Script;
use super::script::Step;
use super::stage::Stage;

/// Sizes of the pieces into which a client's bytes are cut: within a header, at the end of one,
/// within names, and across messages.
pub(crate) const PIECES_BYTES: [usize; 4] = [1, 4, 6, 23];

/// The most pieces of one step; what is left goes in one write.
const PIECES_COUNT_MAX: usize = 120;

/// A line of a trace that is longer is cut here, and ends in its length and a digest.
const LINE_BYTES_MAX: usize = 300;

/// Of a longer answer only these lines are written down; a digest stands for the others.
const FIRST_LINES: usize = 150;
const LAST_LINES: usize = 10;

/// How to cut what the client says.
pub(crate) struct Pieces {
    bytes: usize,
    /// Another client of the same pool, hence of the same worker: when it is answered, the worker
    /// has read what was sent before.
    metronome: Wire,
}

impl Pieces {
    pub(crate) fn of(bytes: usize, login: &Login) -> Self {
        let metronome = Wire::connect(login).unwrap();
        Self { bytes, metronome }
    }
}

/// The replies, step by step.
pub(crate) fn run(script: &Script, login: &Login, mut pieces: Option<Pieces>) -> Vec<String> {
    if !script.setup.is_empty() {
        Stage::shared().unwrap().set_up(&script.setup);
    }
    let mut wire = Wire::connect(login).unwrap();
    let mut replies: Vec<String> = Vec::new();
    for step in &script.steps {
        say(&mut wire, &step.bytes, &mut pieces);
        replies.push(shortened(&answer(&mut wire, step)));
    }
    // A server that said more than was waited for must not go unnoticed.
    if wire.send(&wire::terminate()).is_ok() {
        let rest = wire.until_closed().unwrap();
        assert!(
            rest.is_empty(),
            "after the last step: {}",
            rest.escape_ascii()
        );
    }
    replies
}

fn say(wire: &mut Wire, bytes: &[u8], pieces: &mut Option<Pieces>) {
    let Some(Pieces {
        bytes: size,
        metronome,
    }) = pieces
    else {
        return wire.send(bytes).unwrap();
    };
    let cut = bytes.len().min(*size * PIECES_COUNT_MAX);
    let (pieces, rest) = bytes.split_at(cut);
    for piece in pieces.chunks(*size) {
        wire.send(piece).unwrap();
        metronome.send(&wire::sync()).unwrap();
        metronome.until(tag::READY_FOR_QUERY).unwrap();
    }
    wire.send(rest).unwrap();
}

fn answer(wire: &mut Wire, step: &Step) -> String {
    let (tag, count) = step.until;
    let mut messages = Vec::new();
    let mut met = 0;
    while met < count {
        match wire.message() {
            Ok(message) => {
                met += usize::from(message.tag() == tag);
                messages.push(message);
            },
            Err(WireError::Closed) if tag == 0 => break,
            Err(error) => panic!("{error} after\n{}", text(&messages)),
        }
    }
    text(&messages)
}

fn text(messages: &[Message]) -> String {
    wire::trace(messages).unwrap()
}

fn shortened(trace: &str) -> String {
    let lines: Vec<&str> = trace.lines().collect();
    let left_out = lines.len().saturating_sub(FIRST_LINES + LAST_LINES);
    let mut short = String::new();
    for line in lines.iter().take(FIRST_LINES) {
        push_line(&mut short, line);
    }
    if left_out > 0 {
        let rest = lines[FIRST_LINES..FIRST_LINES + left_out].join("\n");
        writeln!(short, "B\tand {left_out} more, {}", digest(&rest)).unwrap();
    }
    for line in lines.iter().skip(FIRST_LINES + left_out) {
        push_line(&mut short, line);
    }
    short
}

fn push_line(short: &mut String, line: &str) {
    match line.split_at_checked(LINE_BYTES_MAX) {
        Some((start, rest)) if !rest.is_empty() => {
            writeln!(short, "{start} and {} more, {}", rest.len(), digest(rest)).unwrap();
        },
        _ => writeln!(short, "{line}").unwrap(),
    }
}

/// FNV-1a, which is the same in every build.
fn digest(text: &str) -> String {
    let digest = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    format!("{digest:016x}")
}
