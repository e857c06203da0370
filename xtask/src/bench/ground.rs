//! What all targets stand on: one PostgreSQL with the tables, its replicas, certificates, and the users.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::ClusterOptions;
use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::Version;
use tidegate_harness::descriptors;
use tidegate_harness::programs;

use super::options::Sizes;

/// The database, and the user who is trusted.
pub(crate) const TRUSTED: &str = "bench";
/// The user who must prove who it is with SCRAM, everywhere.
pub(crate) const PROVEN: &str = "login";
/// The password of both.
pub(crate) const PASSWORD: &str = "tide";

/// More than any process here opens.
const DESCRIPTORS: u64 = 20_000;

/// Lines of `pg_hba.conf`, for the server and for poolers that read it. Clients come from several
/// addresses of loopback.
pub(crate) const HBA: &str = "\
host all bench 127.0.0.0/8 trust
host all login 127.0.0.0/8 scram-sha-256
";

/// What no pooler is to be blamed for: nothing happens in the background.
const SETTINGS: &str = "\
max_connections = 600
shared_buffers = '256MB'
autovacuum = off
max_wal_size = '4GB'
checkpoint_timeout = '1h'
";

/// What replicas need: a commit that is acknowledged is on its way to them.
const REPLICATED: &str = "synchronous_commit = on\n";

/// Which of the servers has answered. A text does not show what a view calls, so that a read of it goes
/// where every other goes.
const ANSWERS: &str = "create view answers as select pg_catalog.inet_server_port() as port; \
                       grant select on answers to public";

/// PostgreSQL, and what the configurations of the targets name.
#[derive(Debug)]
pub(crate) struct Ground {
    /// The server with the tables.
    pub(crate) cluster: Cluster,
    /// The number of its first process.
    pub(crate) pid: u32,
    /// Its replicas, each with the number of its first process.
    pub(crate) replicas: Vec<(Cluster, u32)>,
    folder: Folder,
}

impl Ground {
    /// Starts it all, with so many replicas.
    ///
    /// # Errors
    /// [`Failure::Missing`] without a PostgreSQL of the distribution.
    pub(crate) fn prepare(rig: &Path, sizes: &Sizes, replicas: usize) -> Result<Self, Failure> {
        descriptors::allow(DESCRIPTORS);
        let authority = Authority::new()?;
        let pair = authority.server(&["localhost", "127.0.0.1"])?;
        let folder = Folder::new()?;
        for (name, text) in [
            ("ca.crt", &authority.certificate_pem()),
            ("server.crt", &pair.certificate_pem),
            ("server.key", &pair.key_pem),
        ] {
            write_readable(&folder.path().join(name), text)?;
        }
        let settings = format!("{SETTINGS}{REPLICATED}");
        let options = ClusterOptions {
            settings: &settings,
            hba: HBA,
            tls: Some(&pair),
            client_authority_pem: None,
        };
        let mut cluster = Cluster::start_with(Version::Distribution, &options)?;
        for user in [TRUSTED, PROVEN] {
            cluster.psql(&format!("create role {user} login password '{PASSWORD}'"))?;
        }
        cluster.psql(&format!("create database {TRUSTED}"))?;
        let mut tables = Command::new(rig);
        tables.args(["tables", "--accounts", &sizes.accounts.to_string()]);
        for statement in programs::output_of(tables)?.lines() {
            cluster.psql_in(TRUSTED, statement)?;
        }
        cluster.psql_in(TRUSTED, ANSWERS)?;
        let pid = cluster.process().pid();
        let replica = |_| {
            let mut replica = cluster.standby()?;
            replica.catch_up(&cluster)?;
            let pid = replica.process().pid();
            Ok((replica, pid))
        };
        let replicas = (0..replicas).map(replica);
        Ok(Self {
            replicas: replicas.collect::<Result<_, Failure>>()?,
            cluster,
            pid,
            folder,
        })
    }

    /// The ports of the primary and its replicas, in this order.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        let replicas = self.replicas.iter().map(|(replica, _)| replica.port());
        std::iter::once(self.cluster.port()).chain(replicas)
    }

    /// What PostgreSQL stores of a user's password.
    ///
    /// # Errors
    /// If it does not tell.
    pub(crate) fn verifier_of(&self, user: &str) -> Result<String, Failure> {
        let query = format!("select rolpassword from pg_authid where rolname = '{user}'");
        self.cluster.psql(&query)
    }

    /// A file of the certificates: `ca.crt`, `server.crt` or `server.key`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Writes a file that every account may read, its folder included: poolers that refuse to run as
/// root leave that account before they read it. Nothing here is secret.
///
/// # Errors
/// [`Failure::Io`].
pub(crate) fn write_readable(path: &Path, text: &str) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;

    let failed = || Failure::io(format!("write {}", path.display()));
    fs::write(path, text).map_err(failed())?;
    if let Some(folder) = path.parent() {
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder, open).map_err(failed())?;
    }
    Ok(())
}
