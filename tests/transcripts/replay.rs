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

/// How the client's bytes of a step are cut into writes that the other side reads one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Not at all.
    Nowhere,
    /// After every so many bytes.
    Every(usize),
    /// Once, after the first so many bytes.
    At(usize),
}

/// Plays transcripts, one after the other, to one address.
pub(crate) struct Player {
    login: Login,
    /// Another client of the same pool, hence of the same worker: when it is answered, the worker
    /// has read what was sent before.
    metronome: Option<Wire>,
}

impl Player {
    pub(crate) fn at(login: Login) -> Self {
        Self {
            login,
            metronome: None,
        }
    }

    /// The replies, step by step.
    pub(crate) fn play(&mut self, script: &Script, cut: Cut) -> Vec<String> {
        if !script.setup.is_empty() {
            Stage::shared().unwrap().set_up(&script.setup);
        }
        let mut wire = Wire::connect(&self.login).unwrap();
        let mut replies: Vec<String> = Vec::new();
        for step in &script.steps {
            self.say(&mut wire, step, cut);
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

    fn say(&mut self, wire: &mut Wire, step: &Step, cut: Cut) {
        for piece in pieces(&step.bytes, cut) {
            match wire.send(piece) {
                // The session has ended before the client was done, as it was to.
                Err(_) if step.ends_session() => return,
                sent => sent.unwrap(),
            }
            if cut != Cut::Nowhere {
                self.until_read();
            }
        }
    }

    fn until_read(&mut self) {
        let login = &self.login;
        let metronome = self
            .metronome
            .get_or_insert_with(|| Wire::connect(login).unwrap());
        metronome.send(&wire::sync()).unwrap();
        metronome.until(tag::READY_FOR_QUERY).unwrap();
    }
}

fn pieces(bytes: &[u8], cut: Cut) -> Vec<&[u8]> {
    let (size, count) = match cut {
        Cut::Nowhere => (bytes.len(), 1),
        Cut::Every(size) => (size, PIECES_COUNT_MAX),
        Cut::At(size) => (size, 1),
    };
    let (cut, rest) = bytes.split_at(bytes.len().min(size * count));
    let mut pieces: Vec<&[u8]> = cut.chunks(size).collect();
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// Reads the answer to a step.
pub(crate) fn answer(wire: &mut Wire, step: &Step) -> String {
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

#[test]
fn bytes_are_cut_where_they_are_told_to_be() {
    let cut = |cut| pieces(b"abcde", cut);
    assert_eq!(cut(Cut::Nowhere), [b"abcde"]);
    assert_eq!(cut(Cut::Every(2)), [&b"ab"[..], b"cd", b"e"]);
    assert_eq!(cut(Cut::At(2)), [&b"ab"[..], b"cde"]);
    assert_eq!(cut(Cut::At(9)), [b"abcde"]);
    assert_eq!(pieces(&[7; 500], Cut::Every(1)).len(), 121);
}
