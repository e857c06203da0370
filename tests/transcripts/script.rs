//! A transcript as a file: what the client says, step by step, and what it is answered.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use tidegate_proto::backend::tag;

use super::spelling;

pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");

/// Longer steps are not cut at every offset.
const SHORT_STEP_BYTES: usize = 56;

/// What the client says in one write, and what it waits for.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// The client's messages.
    pub(crate) bytes: Vec<u8>,
    /// The tag of the message that ends the step's answer, and how many of them do.
    pub(crate) until: (u8, usize),
    /// The answer, as recorded.
    replies: String,
    /// The line of the file after which the answer stands.
    end: usize,
}

impl Step {
    /// Whether it ends with the end of the session.
    pub(crate) fn ends_session(&self) -> bool {
        self.until.0 == 0
    }
}

#[derive(Debug)]
pub(crate) struct Script {
    path: PathBuf,
    /// The file without the answers.
    lines: Vec<String>,
    pub(crate) setup: String,
    needs: u32,
    /// The only pool mode that it holds in.
    only: Option<String>,
    /// It takes its time, and is replayed less often.
    pub(crate) is_slow: bool,
    pub(crate) steps: Vec<Step>,
}

impl Script {
    pub(crate) fn load(name: &str) -> Self {
        let path = PathBuf::from(FOLDER).join(format!("{name}.txt"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut script = Self {
            path,
            lines: Vec::new(),
            setup: String::new(),
            needs: 0,
            only: None,
            is_slow: false,
            steps: Vec::new(),
        };
        let mut step = Step::default();
        for line in text.lines() {
            script.line(line, &mut step);
        }
        script.finish(&mut step);
        assert!(!script.steps.is_empty(), "{name}: no step");
        script
    }

    /// Whether a server of this version can play it.
    pub(crate) fn suits(&self, major_version: u32) -> bool {
        major_version >= self.needs
    }

    /// Whether it holds in this pool mode.
    pub(crate) fn holds_in(&self, mode: &str) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| mode.starts_with(only.as_str()))
    }

    /// At which offsets to cut its steps so that each was cut everywhere; none for a long or a slow
    /// transcript.
    pub(crate) fn offsets(&self) -> Range<usize> {
        let longest = self.steps.iter().map(|step| step.bytes.len()).max();
        match longest {
            Some(bytes) if bytes <= SHORT_STEP_BYTES && !self.is_slow => 1..bytes,
            _ => 0..0,
        }
    }

    /// The answers, one a step.
    pub(crate) fn replies(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.replies.clone()).collect()
    }

    /// Writes the file anew with these answers.
    pub(crate) fn record(&mut self, replies: &[String]) {
        let mut text = String::new();
        let mut written = 0;
        for (step, replies) in self.steps.iter_mut().zip(replies) {
            for line in &self.lines[written..step.end] {
                text.push_str(line);
                text.push('\n');
            }
            written = step.end;
            step.replies.clone_from(replies);
            text.push_str(replies);
        }
        for line in &self.lines[written..] {
            text.push_str(line);
            text.push('\n');
        }
        fs::write(&self.path, text).unwrap();
    }

    fn line(&mut self, line: &str, step: &mut Step) {
        if line.starts_with("B\t") {
            self.finish(step);
            let last = self
                .steps
                .last_mut()
                .expect("an answer stands below a step");
            last.replies.push_str(line);
            last.replies.push('\n');
            return;
        }
        self.lines.push(line.to_owned());
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => self.finish(step),
            "#" => {},
            "setup" => self.setup.extend([rest, ";"]),
            "needs" => self.needs = rest.parse().unwrap(),
            "slow" => self.is_slow = true,
            "only" => self.only = Some(rest.to_owned()),
            "until" => {
                step.until = until(rest);
                step.end = self.lines.len();
                self.finish(step);
            },
            _ => {
                spelling::encode(line, &mut step.bytes);
                if matches!(word, "Query" | "Sync" | "FunctionCall") {
                    let (_, count) = step.until;
                    step.until = (tag::READY_FOR_QUERY, count + 1);
                }
                step.end = self.lines.len();
            },
        }
    }

    fn finish(&mut self, step: &mut Step) {
        if !step.bytes.is_empty() {
            self.steps.push(std::mem::take(step));
        }
    }
}

/// `until NAME` or `until NAME COUNT`; `until the end` waits until the server closes.
fn until(words: &str) -> (u8, usize) {
    if words == "the end" {
        return (0, 1);
    }
    let (name, count) = words.split_once(' ').unwrap_or((words, "1"));
    let found = (0..=u8::MAX).find(|tag| tag::name(*tag) == Some(name));
    let found = found.unwrap_or_else(|| panic!("no message is called {name}"));
    (found, count.parse().unwrap())
}
