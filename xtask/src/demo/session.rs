//! A psql that stays, and is typed into line by line, as one would at a terminal.

use std::io::BufRead;
use std::io::BufReader;
use std::io::PipeReader;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use tidegate_harness::Failure;

/// How long an answer may take: longer than Tidegate lets clients wait for a new primary.
const ANSWER_LIMIT: Duration = Duration::from_secs(45);

/// How many lines of an answer may wait to be read.
const LINES_MAX: usize = 1_000;

/// What psql says when it has answered all that was typed before.
const DONE: &str = "-- that is all --";

/// A running psql. Ended when dropped.
#[derive(Debug)]
pub(crate) struct Session {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Session {
    /// Starts it.
    ///
    /// # Errors
    /// [`Failure::Io`] if there is no such program.
    pub(crate) fn start(mut command: Command) -> Result<Self, Failure> {
        let action = || Failure::io("start psql");
        // Both outputs in one, so that an error stands where it came.
        let (output, writer) = std::io::pipe().map_err(action())?;
        let errors = writer.try_clone().map_err(action())?;
        command.stdin(Stdio::piped()).stdout(writer).stderr(errors);
        let mut child = command.spawn().map_err(action())?;
        // Its copies of the pipe's end would keep the pipe open.
        drop(command);
        let input = child.stdin.take();
        let input =
            input.ok_or_else(|| Failure::Unexpected("psql has no standard input".to_owned()))?;
        let (sender, lines) = sync_channel(LINES_MAX);
        thread::spawn(move || pass_on(output, &sender));
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    /// Types a line, and does not wait for what comes.
    ///
    /// # Errors
    /// [`Failure::Io`] if psql has ended.
    pub(crate) fn send(&mut self, line: &str) -> Result<(), Failure> {
        let sent = writeln!(self.input, "{line}\n\\echo '{DONE}'");
        let sent = sent.and_then(|()| self.input.flush());
        sent.map_err(Failure::io("type into psql"))
    }

    /// What is answered to the line.
    ///
    /// # Errors
    /// [`Failure::Late`] if the answer does not end, [`Failure::Unexpected`] with what was said if
    /// psql ends.
    pub(crate) fn hear(&mut self) -> Result<String, Failure> {
        let mut heard = String::new();
        loop {
            let line = match self.lines.recv_timeout(ANSWER_LIMIT) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Failure::Late {
                        what: format!("the end of psql's answer (it said:\n{heard})"),
                        limit: ANSWER_LIMIT,
                    });
                },
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Unexpected(format!("psql has ended:\n{heard}")));
                },
            };
            if line == DONE {
                return Ok(heard);
            }
            heard.push_str(&line);
            heard.push('\n');
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What cannot be killed has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads until psql ends, or nobody wants to hear it any more.
fn pass_on(output: PipeReader, sender: &SyncSender<String>) {
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { return };
        if sender.send(line).is_err() {
            return;
        }
    }
}

/// The time that `\timing` shows below an answer, in milliseconds.
///
/// # Errors
/// [`Failure::Unexpected`] with the answer if there is none.
pub(crate) fn milliseconds(answer: &str) -> Result<f64, Failure> {
    let mut words = answer
        .lines()
        .filter_map(|line| line.strip_prefix("Time: "));
    let time = words.next().and_then(|words| words.split(' ').next());
    let time = time.and_then(|time| time.parse().ok());
    time.ok_or_else(|| Failure::Unexpected(format!("no time in: {answer}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell says what psql would, and knows `\echo` by another name.
    fn shell() -> Session {
        let mut command = Command::new("sh");
        command.args(["-c", "while read -r line; do eval \"${line#\\\\}\"; done"]);
        Session::start(command).unwrap()
    }

    #[test]
    fn each_line_has_its_own_answer_with_the_errors_in_their_place() {
        let mut session = shell();
        session.send("echo one; echo two >&2; echo three").unwrap();
        assert_eq!(session.hear().unwrap(), "one\ntwo\nthree\n");
        session.send("true").unwrap();
        assert_eq!(session.hear().unwrap(), "");
    }

    #[test]
    fn an_end_in_the_middle_is_a_failure_with_what_was_said() {
        let mut session = shell();
        session.send("echo dying; exit").unwrap();
        let failure = session.hear().unwrap_err().to_string();
        assert!(failure.contains("dying"), "{failure}");
    }

    #[test]
    fn the_time_is_read_as_psql_writes_it() {
        assert!((milliseconds("1\nTime: 0.812 ms\n").unwrap() - 0.812).abs() < 1e-9);
        let long = "INSERT 0 1\nTime: 2310.250 ms (00:02.310)\n";
        assert!((milliseconds(long).unwrap() - 2310.25).abs() < 1e-9);
        milliseconds("ERROR").unwrap_err();
    }
}
