//! What the programs print. A reader who has hung up is no reason to fail.

use std::io::Write;

/// A line on standard output.
pub(crate) fn line(text: &str) {
    let mut output = std::io::stdout().lock();
    drop(writeln!(output, "{text}").and_then(|()| output.flush()));
}

/// A line on standard error.
pub(crate) fn error(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
