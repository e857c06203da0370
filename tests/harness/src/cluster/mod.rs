//! A private Postgres cluster: made in a temporary folder, on a free port, gone when dropped.
//!
//! It listens on 127.0.0.1 and on a unix socket in its folder. The superuser comes in through the
//! socket without a password; everybody else proves themselves with SCRAM. Nothing is synced to
//! disk: the data does not outlive the test.

mod replication;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::account::Account;
use crate::certificates::KeyPair;
use crate::database::Database;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::port::free_port;
use crate::process::ServerProcess;
use crate::process::StopSignal;
use crate::programs;
use crate::reachable;
use crate::skip;
use crate::tools::Binaries;
use crate::version::Version;

/// The superuser of every cluster.
pub const SUPERUSER: &str = "postgres";
/// The superuser's password, for connections by TCP.
pub const SUPERUSER_PASSWORD: &str = "only for tests";

const START_LIMIT: Duration = Duration::from_mins(1);

/// Settings of every cluster: fast, quiet, and room for many tests at once.
const SETTINGS: &str = "\
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
listen_addresses = '127.0.0.1'
password_encryption = 'scram-sha-256'
log_line_prefix = '%m [%p] %u@%d '
timezone = 'UTC'
";

/// Where a running server says what it is up to.
const STATUS: &str = "data/postmaster.pid";

const HBA: &str = "\
local all postgres trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
host replication postgres 127.0.0.1/32 scram-sha-256
";

/// What a cluster has beyond the usual.
#[derive(Debug, Default)]
pub struct ClusterOptions<'a> {
    /// Lines for `postgresql.conf`, for example `max_connections = 20`.
    pub settings: &'a str,
    /// Lines for `pg_hba.conf` that come before the usual ones.
    pub hba: &'a str,
    /// The certificate for TLS, which is off without one. The wheel's server cannot do TLS.
    pub tls: Option<&'a KeyPair>,
    /// The authority of the client certificates that it takes, if it does TLS.
    pub client_authority_pem: Option<&'a str>,
}

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: first the server ends, then its folder goes.
    process: ServerProcess,
    folder: Folder,
    binaries: Binaries,
    port: u16,
    databases: AtomicU32,
}

impl Cluster {
    /// Makes and starts a cluster.
    ///
    /// # Errors
    /// [`Failure::Missing`] if the machine has no such version; otherwise what `initdb` or the
    /// server said.
    pub fn start(version: Version) -> Result<Self, Failure> {
        Self::start_with(version, &ClusterOptions::default())
    }

    /// Makes and starts a cluster that is not quite the usual one.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_with(version: Version, options: &ClusterOptions<'_>) -> Result<Self, Failure> {
        let account = Account::for_servers()?;
        let binaries = reachable::for_account(version.binaries()?, account)?;
        let folder = Folder::owned_by(account)?;
        initialise(&binaries, account, folder.path())?;
        configure(folder.path(), account, options)?;
        Self::launch(account, folder, binaries)
    }

    fn launch(
        account: Option<Account>,
        folder: Folder,
        binaries: Binaries,
    ) -> Result<Self, Failure> {
        let port = free_port()?;
        Ok(Self {
            process: run(account, folder.path(), &binaries, port)?,
            folder,
            binaries,
            port,
            databases: AtomicU32::new(0),
        })
    }

    /// The one cluster that the tests of this program share, started by the first that asks. Its
    /// version is [`Version::under_test`]. `None`, and a line that says so, if the machine has no
    /// Postgres; a panic instead where `cargo xtask test` has promised one.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| skip::unless(Self::start(Version::under_test())));
        if shared.is_none() {
            skip::tell("PostgreSQL");
        }
        shared.as_ref()
    }

    /// A new database with a user of its own, whose names no other test has.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what the server said.
    pub fn database(&self) -> Result<Database, Failure> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let database = Database::numbered(number, self.port);
        let (name, user, password) = (&database.name, &database.user, &database.password);
        self.psql(&format!("create role {user} login password '{password}'"))?;
        self.psql(&format!("create database {name} owner {user}"))?;
        Ok(database)
    }

    /// Runs SQL as the superuser in the database `postgres` and returns the rows; see
    /// [`Binaries::psql`].
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn psql(&self, sql: &str) -> Result<String, Failure> {
        self.psql_in(SUPERUSER, sql)
    }

    /// Runs SQL as the superuser in another database.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn psql_in(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let (folder, port) = (self.folder.path().display(), self.port);
        let dsn = format!("host={folder} port={port} user={SUPERUSER} dbname={database}");
        self.binaries.psql(&dsn, sql)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its unix socket, which is what `host=` takes.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// psql, pgbench and the like, of the cluster's own version.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The server's process: its log, its signals, its end.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Ends the server at once, as `pg_ctl stop -m immediate` does, and waits until it is gone.
    ///
    /// # Errors
    /// [`Failure::Late`] if it had to be killed.
    pub fn stop(mut self) -> Result<(), Failure> {
        self.process.stop().map(drop)
    }
}

fn initialise(binaries: &Binaries, account: Option<Account>, folder: &Path) -> Result<(), Failure> {
    let password = write(folder, account, "password", SUPERUSER_PASSWORD)?;
    let mut command = command_as(account, &binaries.program("initdb"));
    command
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-U", SUPERUSER, "-E", "UTF8", "-N"]);
    command.args(["--locale=C", "--no-instructions", "-A", "scram-sha-256"]);
    command.arg("--pwfile").arg(password);
    programs::output_of(command).map(drop)
}

fn configure(
    folder: &Path,
    account: Option<Account>,
    options: &ClusterOptions<'_>,
) -> Result<(), Failure> {
    let tls = match options.tls {
        Some(pair) => tls_settings(folder, account, pair)?,
        None => String::new(),
    };
    let authority = match options.client_authority_pem {
        Some(pem) => {
            let path = write(folder, account, "root.crt", pem)?;
            format!("ssl_ca_file = '{}'\n", path.display())
        },
        None => String::new(),
    };
    let settings = format!("{SETTINGS}{tls}{authority}{}", options.settings);
    write(folder, account, "data/postgresql.auto.conf", &settings)?;
    write(
        folder,
        account,
        "data/pg_hba.conf",
        &format!("{}{HBA}", options.hba),
    )?;
    Ok(())
}

fn tls_settings(
    folder: &Path,
    account: Option<Account>,
    pair: &KeyPair,
) -> Result<String, Failure> {
    let certificate = write(folder, account, "server.crt", &pair.certificate_pem)?;
    let key = write(folder, account, "server.key", &pair.key_pem)?;
    let (certificate, key) = (certificate.display(), key.display());
    Ok(format!(
        "ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n"
    ))
}

/// Writes a file that only its owner may read: Postgres insists on that for keys.
pub(crate) fn write(
    folder: &Path,
    account: Option<Account>,
    name: &str,
    text: &str,
) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::PermissionsExt;

    let path = folder.join(name);
    let action = || Failure::io(format!("write {}", path.display()));
    fs::write(&path, text).map_err(action())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(action())?;
    if let Some(account) = account {
        account.own(&path)?;
    }
    Ok(path)
}

/// A program that this account runs.
pub(crate) fn command_as(account: Option<Account>, program: &Path) -> Command {
    let mut command = Command::new(program);
    // A folder that every account may enter: the caller's own may be private.
    command.current_dir("/").env("LC_ALL", "C");
    if let Some(account) = account {
        account.run(&mut command);
    }
    command
}

/// Starts the server whose data is there, and waits until it can be asked.
fn run(
    account: Option<Account>,
    folder: &Path,
    binaries: &Binaries,
    port: u16,
) -> Result<ServerProcess, Failure> {
    let mut command = command_as(account, &binaries.program("postgres"));
    command.arg("-D").arg(data_of(folder));
    command
        .arg("-k")
        .arg(folder)
        .arg("-p")
        .arg(port.to_string());
    let log = folder.join("server.log");
    let mut process = ServerProcess::start("postgres", command, &log, StopSignal::Quit)?;
    let status = folder.join(STATUS);
    process.wait_until_ready(START_LIMIT, || says_ready(&status))?;
    Ok(process)
}

fn data_of(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// The eighth line of `postmaster.pid` is the state that `pg_ctl` waits for: `ready`, or `standby` of
/// one that is in recovery and can be asked.
fn says_ready(status: &Path) -> bool {
    let text = fs::read_to_string(status).unwrap_or_default();
    text.lines()
        .nth(7)
        .is_some_and(|state| matches!(state.trim(), "ready" | "standby"))
}
