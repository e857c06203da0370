//! The command line: what it takes, what it prints, and with which code it ends.
//!
//! Nothing is decided here about a configuration; `check` only prints what loading it found.

mod route_table;

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
use tidegate::worker::ExplainError;
use tidegate::worker::Inquiry;
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
    /// Tell where a text would go from here, and why, for a client that has seen and set nothing.
    ///
    /// The tenant's endpoints are looked at for a few seconds, as the user, as a node does. No node need
    /// run, and what a running one knows is not asked for: SHOW ROUTE on its console tells that. The
    /// database is asked for its functions. A database that sleeps is not woken on purpose, but may be by
    /// being connected to.
    #[command(
        after_help = "Ends with 0 if it is told where the text would go, with 1 if that cannot be \
                            told: the configuration is refused, there is no such tenant, database or \
                            user, or there is no primary; with 2 if the arguments are not understood."
    )]
    Explain {
        /// The configuration.
        file: PathBuf,
        /// The tenant.
        tenant: String,
        /// What a client would say.
        sql: String,
        /// The database, by the name that clients give; the tenant's only one, or that of the user's
        /// name, if not given.
        #[arg(long)]
        database: Option<String>,
        /// The user, by the name that clients give; the tenant's only one if not given.
        #[arg(long)]
        user: Option<String>,
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
        Some(Command::Explain {
            file,
            tenant,
            sql,
            database,
            user,
        }) => {
            let text = sql;
            let inquiry = Inquiry {
                tenant,
                database,
                user,
                text,
            };
            explain(&file, &inquiry, &mut output)
        },
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
        mistakes(refused)
    } else {
        chain(&error)
    };
    // Standard error may be closed; the exit code says it too.
    writeln!(io::stderr(), "{text}").ok();
    ExitCode::FAILURE
}

fn mistakes(refused: &config::Refused) -> String {
    let mistakes = refused.report.mistakes.iter().map(ToString::to_string);
    mistakes.collect::<Vec<_>>().join("\n")
}

fn explain(file: &Path, inquiry: &Inquiry, output: &mut impl Write) -> io::Result<ExitCode> {
    let lines = match worker::explain(file, inquiry) {
        Ok(lines) => lines,
        Err(error) => {
            let text = if let ExplainError::Refused(refused) = &error {
                mistakes(refused)
            } else {
                chain(&error)
            };
            writeln!(io::stderr(), "{text}")?;
            return Ok(ExitCode::FAILURE);
        },
    };
    let is_told = lines.iter().any(|line| line.is_chosen == Some(true));
    output.write_all(route_table::write(&lines).as_bytes())?;
    Ok(if is_told {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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
