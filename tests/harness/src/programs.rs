//! Runs programs that end by themselves, such as psql, and takes what they print.

use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::failure::Failure;
use crate::polling;
use crate::tools;
use crate::tools::Binaries;

/// Variables that would change what a libpq program does.
const LIBPQ_VARIABLES: [&str; 14] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSERVICE",
    "PGOPTIONS",
    "PGSSLMODE",
    "PGSSLNEGOTIATION",
    "PGAPPNAME",
    "PGCLIENTENCODING",
    "PGCHANNELBINDING",
];

/// Seconds that a libpq program may take to connect, before it is said to hang.
const CONNECT_TIMEOUT_S: &str = "20";

impl Binaries {
    /// A libpq program without anything that the caller's environment would add.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        without_libpq_variables(&mut command);
        command
    }

    /// Runs SQL with psql and returns the rows: one a line, fields parted by `|`, no header.
    /// `dsn` is a libpq connection string; a string of several statements is one simple query.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql printed if it cannot connect or a statement fails.
    pub fn psql(&self, dsn: &str, sql: &str) -> Result<String, Failure> {
        let mut command = self.command("psql");
        command.args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-v",
            "VERBOSITY=verbose",
        ]);
        command.args(["-d", dsn, "-c", sql]);
        Ok(output_of(command)?.trim_end_matches('\n').to_owned())
    }

    /// Runs pgbench with these arguments and returns its report.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what it printed if a connection or a transaction fails.
    pub fn pgbench(&self, dsn: &str, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = self.command("pgbench");
        command.args(arguments).arg(dsn);
        output_of(command)
    }
}

/// How long the program of a driver may take, before it is said to hang.
const TOUR_LIMIT: Duration = Duration::from_mins(2);

/// Runs a Python program (with psycopg and asyncpg at hand) and returns what it printed.
///
/// # Errors
/// [`Failure::Missing`] without our Python environment; [`Failure::Exited`] if the program fails,
/// [`Failure::Late`] if it does not end.
pub fn python(program: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new(tools::python()?);
    command.arg(program).args(arguments);
    tour(command)
}

/// Runs a program of Node.js (with node-postgres and postgres.js at hand) and returns what it
/// printed.
///
/// # Errors
/// As [`python`].
pub fn node(program: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let (node, modules) = tools::node()?;
    let mut command = Command::new(node);
    command.env("NODE_PATH", modules);
    command.arg(program).args(arguments);
    tour(command)
}

/// Runs a Java program of one source file (with pgjdbc at hand) and returns what it printed.
///
/// # Errors
/// As [`python`].
pub fn java(program: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let (java, driver) = tools::java()?;
    let mut command = Command::new(java);
    // It lives too briefly to be worth the better compiler. Its source is UTF-8 in every locale.
    command.args(["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]);
    command.arg("-cp").arg(driver);
    command.arg(program).args(arguments);
    tour(command)
}

fn tour(mut command: Command) -> Result<String, Failure> {
    without_libpq_variables(&mut command);
    output_within(TOUR_LIMIT, command)
}

/// As [`output_of`], but a command that has not ended in time is killed.
///
/// # Errors
/// As [`output_of`], and [`Failure::Late`] with what it had printed.
fn output_within(limit: Duration, mut command: Command) -> Result<String, Failure> {
    let line = line_of(&command);
    let pipes = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes
        .spawn()
        .map_err(Failure::io(format!("start {line}")))?;
    let (output, errors) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let ended = polling::until(&format!("the end of {line}"), limit, || {
        child.try_wait().map_err(Failure::io("wait for a program"))
    });
    if ended.is_err() {
        // What cannot be killed has ended meanwhile.
        drop(child.kill());
    }
    let text = output.join().unwrap_or_default();
    let output = format!("{text}{}", errors.join().unwrap_or_default());
    match ended {
        Ok(status) if status.success() => Ok(text),
        Ok(status) => Err(Failure::Exited {
            command: line,
            status,
            output,
        }),
        Err(Failure::Late { what, limit }) => Err(Failure::Late {
            what: format!("{what} (it said:\n{output})"),
            limit,
        }),
        Err(other) => Err(other),
    }
}

/// Reads a pipe to its end, so that its program never waits for a reader.
fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before a broken pipe is as good as what came before its end.
            drop(pipe.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// [`Failure::Exited`] with both outputs if it ends with an error, [`Failure::Io`] if it cannot
/// be started.
pub fn output_of(mut command: Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(Failure::io(format!("start {program}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Failure::Exited {
        command: line_of(&command),
        status: output.status,
        output: format!("{text}{errors}"),
    })
}

/// The command as one would type it.
pub fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    words.collect::<Vec<String>>().join(" ")
}

/// A word as one would type it in a shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // What a shell leaves alone within double quotes.
    if word.contains('\'') && !word.contains(['"', '$', '`', '\\', '!']) {
        return format!("\"{word}\"");
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn without_libpq_variables(command: &mut Command) {
    for variable in LIBPQ_VARIABLES {
        command.env_remove(variable);
    }
    command.env("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT_S);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let shown = |sql: &str| {
            let mut command = Command::new("/usr/bin/psql");
            command.args(["-d", "host=a user=b", "-c", sql]);
            line_of(&command)
        };
        let begin = "psql -d 'host=a user=b' -c";
        assert_eq!(shown("select 1"), format!("{begin} 'select 1'"));
        assert_eq!(shown("select 'x'"), format!("{begin} \"select 'x'\""));
        let both = r#"select 'x' as "y""#;
        assert_eq!(shown(both), format!(r#"{begin} 'select '\''x'\'' as "y"'"#));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_and_a_failure_with_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo working; exec sleep 60"]);
        let failure = output_within(Duration::from_millis(300), command).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("(it said:\nworking\n)"), "{text}");
    }

    #[test]
    fn a_failing_program_is_a_failure_with_both_of_its_outputs() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let text = output_of(command).unwrap_err().to_string();
        assert!(text.ends_with("exit status: 3:\nout\nerr\n"), "{text}");
    }
}
