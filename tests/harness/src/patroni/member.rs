//! One member: a Postgres, and the Patroni that starts, stops and promotes it.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::account::Account;
use crate::backends;
use crate::cluster::SUPERUSER;
use crate::cluster::command_as;
use crate::cluster::write;
use crate::failure::Failure;
use crate::keeper;
use crate::polling;
use crate::pooler::http_get;
use crate::port::free_port;
use crate::process::ServerProcess;
use crate::process::StopSignal;
use crate::tools::Binaries;
use crate::tools::PatroniPrograms;

/// What Patroni calls the cluster.
pub(super) const SCOPE: &str = "tide";

/// How long what was killed may take to be gone.
const END_LIMIT: Duration = Duration::from_secs(30);

/// What all members share. A leader counts as lost after `ttl` seconds, which must leave room for
/// `loop_wait` and two retries.
const SHARED: &str = r#"
bootstrap:
  dcs:
    ttl: 8
    loop_wait: 1
    retry_timeout: 3
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {wal_keep_size: 128MB, wal_log_hints: "on", max_connections: 100}
  initdb: [{encoding: UTF8}, {locale: C}, no-sync]
"#;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) port: u16,
    pub(super) config: PathBuf,
    number: usize,
    account: Option<Account>,
    /// Where Patroni says what it is up to.
    api_port: u16,
    folder: PathBuf,
    data: PathBuf,
    process: Option<ServerProcess>,
}

impl Member {
    /// Starts its Patroni, which makes the server, alone or as a copy of the primary.
    pub(super) fn start(
        number: usize,
        account: Option<Account>,
        folder: &Path,
        binaries: &Binaries,
        programs: &PatroniPrograms,
        etcd_port: u16,
    ) -> Result<Self, Failure> {
        let mut member = Self {
            port: free_port()?,
            config: PathBuf::new(),
            number,
            account,
            api_port: free_port()?,
            folder: folder.to_owned(),
            data: folder.join(format!("data{number}")),
            process: None,
        };
        let text = member.text(binaries, etcd_port);
        member.config = write(folder, account, &format!("patroni{number}.yml"), &text)?;
        // Patroni starts it in a session of its own, to outlive Patroni.
        keeper::watch_data(&member.data)?;
        member.launch(programs)?;
        Ok(member)
    }

    /// Starts Patroni.
    pub(super) fn launch(&mut self, programs: &PatroniPrograms) -> Result<(), Failure> {
        let mut command = command_as(self.account, &programs.patroni);
        command.arg(&self.config);
        let log = self.folder.join(format!("patroni{}.log", self.number));
        let process = ServerProcess::start("patroni", command, &log, StopSignal::Kill)?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills Patroni and all of its server.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        if let Some(mut process) = self.process.take() {
            process.stop()?;
        }
        polling::until("the end of a server", END_LIMIT, || {
            let backends = backends::of(&self.data);
            backends::kill(&backends);
            Ok(backends.is_empty().then_some(()))
        })
    }

    /// Whether Patroni says so: `primary`, `replica`, or `sync`.
    pub(super) fn is(&self, role: &str) -> bool {
        let asked = http_get(self.api_port, &format!("/{role}"));
        asked.is_ok_and(|(status, _)| status == 200)
    }

    pub(super) fn log(&self) -> String {
        self.process
            .as_ref()
            .map_or_else(String::new, ServerProcess::log)
    }

    fn text(&self, binaries: &Binaries, etcd_port: u16) -> String {
        let Self {
            number,
            port,
            api_port,
            ..
        } = self;
        let (folder, data) = (self.folder.display(), self.data.display());
        let binaries = binaries.folder().display();
        format!(
            r#"
scope: {SCOPE}
name: member{number}
restapi: {{listen: "127.0.0.1:{api_port}", connect_address: "127.0.0.1:{api_port}"}}
etcd3: {{host: "127.0.0.1:{etcd_port}"}}
{SHARED}
postgresql:
  listen: "127.0.0.1:{port}"
  connect_address: "127.0.0.1:{port}"
  data_dir: {data}
  bin_dir: {binaries}
  pgpass: {folder}/pgpass{number}
  authentication:
    superuser: {{username: {SUPERUSER}, password: only-for-tests}}
    replication: {{username: replicator, password: only-for-tests}}
    rewind: {{username: rewinder, password: only-for-tests}}
  basebackup: [{{checkpoint: fast}}, no-sync]
  parameters:
    fsync: "off"
    password_encryption: scram-sha-256
    unix_socket_directories: {folder}
  pg_hba:
  - local all {SUPERUSER} trust
  - host all all 127.0.0.1/32 scram-sha-256
  - host replication replicator 127.0.0.1/32 scram-sha-256
"#
        )
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Nobody can be told any more; what does not end here is ended by the keeper.
        drop(self.kill());
    }
}
