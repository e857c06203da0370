//! The command line: what it takes, what it prints, and with which code it ends.
//!
//! Nothing is decided here about a configuration; `check` only prints what loading it found.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use tidegate::config;
use tidegate::worker;
use tidegate::worker::StartError;

/// A multi-tenant PostgreSQL connection pooler that understands the PROXY protocol.
#[derive(Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true)]
#[command(arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration to serve with: short for `run FILE`.
    file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until a signal says to end. SIGHUP reloads the configuration.
    Run {
        /// The configuration.
        file: PathBuf,
    },
    /// Tell every mistake of a configuration, with file, line and key.
    Check {
        /// The configuration.
        file: PathBuf,
    },
    /// Print every setting with its unit and default, as a configuration to start from.
    Settings,
}

/// Does what the arguments say. The code is 0 if it worked, 1 if not, and 2 for arguments that are
/// not understood.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, on standard output and with code 0. If even
            // that cannot be written, there is nobody to tell.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        },
    };
    let command = arguments
        .command
        .or(arguments.file.map(|file| Command::Run { file }));
    let mut output = io::stdout().lock();
    let done = match command {
        Some(Command::Check { file }) => check(&file, &mut output),
        Some(Command::Settings) => settings(&mut output),
        Some(Command::Run { file }) => {
            drop(output);
            return serve(&file);
        },
        // clap has asked for one of them.
        None => Ok(ExitCode::from(2)),
    };
    // A reader that went away (`| head`) is no failure worth a message.
    done.unwrap_or(ExitCode::FAILURE)
}

fn serve(file: &Path) -> ExitCode {
    let Err(error) = worker::run(file) else {
        return ExitCode::SUCCESS;
    };
    let text = if let StartError::Refused(refused) = &error {
        let mistakes = refused.report.mistakes.iter().map(ToString::to_string);
        mistakes.collect::<Vec<_>>().join("\n")
    } else {
        chain(&error)
    };
    // Standard error may be closed; the exit code says it too.
    writeln!(io::stderr(), "{text}").ok();
    ExitCode::FAILURE
}

/// The error with its causes, outermost first.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn check(file: &Path, output: &mut impl Write) -> io::Result<ExitCode> {
    let (mistakes, warnings, loaded) = match config::load(file) {
        Ok(loaded) => (Vec::new(), loaded.warnings, Some(loaded.config)),
        Err(refused) => (refused.report.mistakes, refused.report.warnings, None),
    };
    for warning in &warnings {
        writeln!(output, "warning: {warning}")?;
    }
    for mistake in &mistakes {
        writeln!(output, "{mistake}")?;
    }
    let file = file.display();
    if let Some(config) = loaded {
        let (listeners, tenants) = (config.listeners.len(), config.tenants.len());
        writeln!(
            output,
            "{file}: ok: {}, {}, {}",
            count(listeners, "listener"),
            count(tenants, "tenant"),
            count(warnings.len(), "warning"),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mistakes, warnings) = (
        count(mistakes.len(), "mistake"),
        count(warnings.len(), "warning"),
    );
    writeln!(output, "{file}: refused: {mistakes}, {warnings}")?;
    Ok(ExitCode::FAILURE)
}

fn settings(output: &mut impl Write) -> io::Result<ExitCode> {
    output.write_all(config::documented_file().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}
