//! The programs that take part: what is built here, and the peers that this machine has.

use std::env;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::programs;
use tidegate_harness::tools;
use tidegate_harness::tools::on_path;

use super::options::BenchOptions;
use super::options::Extent;
use super::target::Target;
use crate::install;
use crate::say;

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Tidegate.
    pub(crate) tidegate: PathBuf,
    /// The load generator, the relay, the PostgreSQL that costs nothing.
    pub(crate) rig: PathBuf,
    /// The peers that were found.
    pub(crate) pgbouncer: Option<PathBuf>,
    pub(crate) odyssey: Option<PathBuf>,
    pub(crate) pgcat: Option<PathBuf>,
    pub(crate) pgdog: Option<PathBuf>,
    pub(crate) pg_doorman: Option<PathBuf>,
}

impl Programs {
    /// Installs what the system's packages have, builds what is ours and looks for the others.
    ///
    /// # Errors
    /// If something does not compile.
    pub(crate) fn prepare(options: &BenchOptions, extent: Extent) -> Result<Self, Failure> {
        let pgbouncer = || named("PGBOUNCER").or_else(|| on_path("pgbouncer"));
        // What only has to work is run where nothing may be installed for it.
        if extent != Extent::Smoke {
            let installed = install::install_for_bench(pgbouncer().is_some())?;
            for sentence in installed.missing {
                say::line(&format!("missing: {sentence}"));
            }
        }
        let tidegate = match &options.tidegate {
            Some(path) => absolute(path)?,
            None => build("tidegate", extent)?,
        };
        Ok(Self {
            tidegate,
            rig: build("tidegate-rig", extent)?,
            pgbouncer: pgbouncer().as_deref().map(absolute).transpose()?,
            odyssey: named("ODYSSEY").as_deref().map(absolute).transpose()?,
            pgcat: named("PGCAT").as_deref().map(absolute).transpose()?,
            pgdog: named("PGDOG").as_deref().map(absolute).transpose()?,
            pg_doorman: named("PG_DOORMAN").as_deref().map(absolute).transpose()?,
        })
    }

    /// Every peer, with the variable that names its program.
    pub(crate) fn peers(&self) -> [(Target, &'static str, Option<&Path>); 5] {
        [
            (Target::PgBouncer, "PGBOUNCER", self.pgbouncer.as_deref()),
            (Target::Odyssey, "ODYSSEY", self.odyssey.as_deref()),
            (Target::PgCat, "PGCAT", self.pgcat.as_deref()),
            (Target::PgDog, "PGDOG", self.pgdog.as_deref()),
            (Target::PgDoorman, "PG_DOORMAN", self.pg_doorman.as_deref()),
        ]
    }
}

/// A program by its whole path: each is started in a folder of its own.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::fs::canonicalize(path).map_err(Failure::io(format!("find {}", path.display())))
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from)
}

/// Builds a package and returns the path of its program, which has the same name. What only has to
/// work is built as the tests are; what is measured is built as it is shipped.
fn build(package: &str, extent: Extent) -> Result<PathBuf, Failure> {
    let (profile, folder) = match extent {
        Extent::Smoke => ("dev", "debug"),
        Extent::Full | Extent::Quick => ("release", "release"),
    };
    say::line(&format!("building {package} ({profile}) …"));
    let mut command = Command::new("cargo");
    command.args([
        "build",
        "--quiet",
        "--profile",
        profile,
        "--package",
        package,
    ]);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    programs::output_of(command)?;
    Ok(output_folder()?.join(folder).join(package))
}

/// The folder of the build output.
///
/// # Errors
/// If this program does not run from one.
pub(crate) fn output_folder() -> Result<PathBuf, Failure> {
    let mut folder = tools::tools_folder()?;
    folder.pop();
    Ok(folder)
}
