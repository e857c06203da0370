//! The distribution's packages: PostgreSQL, HAProxy, Python with `venv`, Node.js with npm, Java with
//! pgjdbc, Patroni with etcd.
//!
//! Some of them would start a server when installed. PostgreSQL is told beforehand to create no
//! cluster, the services of others are switched off afterwards; what was installed before
//! is not touched.

use std::path::Path;
use std::process::Command;

use tidegate_harness::Failure;
use tidegate_harness::tools;
use tidegate_harness::tools::Binaries;
use tidegate_harness::tools::on_path;

use super::privilege::Privilege;
use super::privilege::runs;
use crate::say;

/// Read by `postgresql-common` when a server package is installed.
const CLUSTER_FOLDER: &str = "/etc/postgresql-common/createcluster.d";
const CLUSTER_FILE: &str = "/etc/postgresql-common/createcluster.d/tidegate.conf";

/// Packages that start a service, and its name.
const SERVICES: [(&str, &str); 4] = [
    ("etcd-server", "etcd"),
    ("haproxy", "haproxy"),
    ("patroni", "patroni"),
    ("pgbouncer", "pgbouncer"),
];

/// What became of an installation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything is there now.
    Installed,
    /// Neither root nor sudo.
    NoRights,
    /// Not a Debian.
    NoPackageManager,
}

/// The packages that this machine lacks.
pub(crate) fn lacking() -> Vec<&'static str> {
    let mut lacking = lacking_for_demo();
    if !has_python() {
        lacking.extend(["python3", "python3-venv"]);
    }
    if on_path("node").is_none() {
        lacking.push("nodejs");
    }
    if on_path("npm").is_none() {
        lacking.push("npm");
    }
    if tools::java().is_err() {
        // A compiler, since the test program is a source file.
        if on_path("javac").is_none() {
            lacking.push("default-jdk-headless");
        }
        lacking.push("libpostgresql-jdbc-java");
    }
    if tools::patroni().is_err() {
        // Patroni is content with any store: it is told which.
        lacking.extend(["patroni", "python3-etcd", "etcd-server"]);
    }
    lacking
}

/// The packages of the demo that this machine lacks.
pub(crate) fn lacking_for_demo() -> Vec<&'static str> {
    let mut lacking = Vec::new();
    if Binaries::of_distribution().is_none() {
        lacking.push("postgresql");
    }
    if on_path("haproxy").is_none() {
        lacking.push("haproxy");
    }
    lacking
}

/// The packages of the benchmark that this machine lacks.
pub(crate) fn lacking_for_bench(has_pgbouncer: bool) -> Vec<&'static str> {
    let mut lacking = Vec::new();
    if Binaries::of_distribution().is_none() {
        lacking.push("postgresql");
    }
    if !has_pgbouncer {
        lacking.push("pgbouncer");
    }
    if on_path("strace").is_none() {
        lacking.push("strace");
    }
    lacking
}

/// Whether there is a Python that can make a virtual environment with pip.
pub(crate) fn has_python() -> bool {
    runs("python3", &["-c", "import venv, ensurepip"])
}

/// Whether there is a Node.js with its package manager.
pub(crate) fn has_node() -> bool {
    on_path("node").is_some() && on_path("npm").is_some()
}

/// Installs the packages.
///
/// # Errors
/// [`Failure::Exited`] with what `apt-get` said.
pub(crate) fn install(packages: &[&str]) -> Result<Outcome, Failure> {
    if on_path("apt-get").is_none() {
        return Ok(Outcome::NoPackageManager);
    }
    let privilege = Privilege::of_this_process();
    if privilege == Privilege::None {
        return Ok(Outcome::NoRights);
    }
    say::line(&format!("installing {} …", packages.join(" ")));
    run(privilege, "apt-get", &["update", "-qq"])?;
    let without_cluster = packages.contains(&"postgresql") && !Path::new(CLUSTER_FILE).exists();
    if without_cluster {
        let write = format!(
            "mkdir -p {CLUSTER_FOLDER} && echo 'create_main_cluster = false' > {CLUSTER_FILE}"
        );
        run(privilege, "sh", &["-c", &write])?;
    }
    let mut arguments = vec![
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "-qq",
    ];
    arguments.push("--no-install-recommends");
    arguments.extend(packages);
    let installed = run(privilege, "env", &arguments);
    if without_cluster {
        run(privilege, "rm", &["-f", CLUSTER_FILE])?;
    }
    installed?;
    for (package, service) in SERVICES {
        if packages.contains(&package) && Path::new("/run/systemd/system").exists() {
            run(privilege, "systemctl", &["disable", "--now", service])?;
        }
    }
    Ok(Outcome::Installed)
}

fn run(privilege: Privilege, program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let Some(mut command) = privilege.command(program) else {
        return Err(Failure::Unexpected(format!("no rights to run {program}")));
    };
    command.args(arguments);
    run_quietly(command)
}

fn run_quietly(command: Command) -> Result<(), Failure> {
    tidegate_harness::programs::output_of(command).map(drop)
}
