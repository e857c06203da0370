//! Standbys: how they are made, fall behind, die, come back and take over.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Cluster;
use super::SUPERUSER;
use super::SUPERUSER_PASSWORD;
use super::command_as;
use super::data_of;
use super::run;
use crate::account::Account;
use crate::backends;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::polling;
use crate::process::StopSignal;
use crate::programs;
use crate::tools::Binaries;

/// How long a standby may take to do what it is told.
const LIMIT: Duration = Duration::from_mins(1);

impl Cluster {
    /// A hot standby of this cluster: a copy that follows it by streaming, with a port and a folder of
    /// its own.
    ///
    /// # Errors
    /// What `pg_basebackup` or the server said.
    pub fn standby(&self) -> Result<Self, Failure> {
        self.standby_over(self.port)
    }

    /// [`Cluster::standby`] that reaches this cluster by another port: a relay's.
    ///
    /// # Errors
    /// As [`Cluster::standby`].
    pub fn standby_over(&self, way: u16) -> Result<Self, Failure> {
        let account = Account::for_servers()?;
        let folder = Folder::owned_by(account)?;
        copy_over(way, &self.binaries, account, folder.path())?;
        Self::launch(account, folder, self.binaries.clone())
    }

    /// Makes a standby a primary, and waits until it is one. It replays first what it has, even if
    /// its replay was paused.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn promote(&self) -> Result<(), Failure> {
        self.psql("select pg_promote()").map(drop)
    }

    /// A standby receives still, and shows nothing new.
    ///
    /// # Errors
    /// [`Failure::Late`] if it replays on: it does so for as long as a delay that was set before.
    pub fn pause_replay(&self) -> Result<(), Failure> {
        self.psql("select pg_wal_replay_pause()")?;
        polling::until("a pause of the replay", LIMIT, || {
            let state = self.psql("select pg_get_wal_replay_pause_state()")?;
            Ok((state == "paused").then_some(()))
        })
    }

    /// Ends [`Cluster::pause_replay`].
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn resume_replay(&self) -> Result<(), Failure> {
        self.psql("select pg_wal_replay_resume()").map(drop)
    }

    /// A standby shows a commit so long after it was made, to the millisecond; zero ends that.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn delay_replay(&self, delay: Duration) -> Result<(), Failure> {
        let delay = format!("{}ms", delay.as_millis());
        self.set("recovery_min_apply_delay", &delay)
    }

    /// A standby follows another primary from now on: one that was promoted beside it, and has all
    /// that this one has.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn follow(&self, primary: &Self) -> Result<(), Failure> {
        self.follow_over(primary.port)
    }

    /// [`Cluster::follow`] by this port, which may be a relay's.
    ///
    /// # Errors
    /// As [`Cluster::follow`].
    pub fn follow_over(&self, way: u16) -> Result<(), Failure> {
        self.set("primary_conninfo", &conninfo(way))
    }

    /// Waits until a standby shows all that was written in its primary until now, and has noted that, and
    /// on which timeline, where everybody can read it. By itself it does so every few minutes.
    ///
    /// # Errors
    /// As [`Cluster::catch_up`].
    pub fn settle(&self, primary: &Self) -> Result<(), Failure> {
        self.catch_up(primary)?;
        // A restartpoint.
        self.psql("checkpoint").map(drop)
    }

    /// Waits until a standby shows all that was written in its primary until now.
    ///
    /// # Errors
    /// [`Failure::Late`] if it does not catch up.
    pub fn catch_up(&self, primary: &Self) -> Result<(), Failure> {
        // Commits here do not wait until what they have logged is written.
        primary.psql("checkpoint")?;
        let written = primary.psql("select pg_current_wal_flush_lsn()")?;
        let sql = format!("select pg_last_wal_replay_lsn() >= '{written}'");
        polling::until("the standby to catch up", LIMIT, || {
            Ok((self.psql(&sql)? == "t").then_some(()))
        })
    }

    /// Ends the server in this way; its data stays for [`Cluster::start_again`]. With
    /// [`StopSignal::Interrupt`] a primary waits until its standbys have received all of it.
    ///
    /// # Errors
    /// [`Failure::Late`] if it does not end.
    pub fn halt(&mut self, signal: StopSignal) -> Result<(), Failure> {
        self.process.signal(signal)?;
        self.process.wait(LIMIT)?;
        // Backends outlive one that was killed for as long as they are busy, and would be in the next
        // one's way. With a machine they would be gone.
        let data = data_of(self.folder.path());
        polling::until("the end of its backends", LIMIT, || {
            let backends = backends::of(&data);
            if signal == StopSignal::Kill {
                backends::kill(&backends);
            }
            Ok(backends.is_empty().then_some(()))
        })
    }

    /// Starts a server that was ended, at its port.
    ///
    /// # Errors
    /// [`Failure::Died`] with its log if it cannot.
    pub fn start_again(&mut self) -> Result<(), Failure> {
        let folder = self.folder.path();
        // One that was killed has left it, with a state that is not the next one's.
        let status = folder.join(super::STATUS);
        if status.exists() {
            fs::remove_file(&status).map_err(Failure::io("remove what a server said"))?;
        }
        self.process = run(Account::for_servers()?, folder, &self.binaries, self.port)?;
        Ok(())
    }

    /// Makes this cluster a standby of another, as a fresh copy: an old primary comes back. Its
    /// port stays, and what it had alone is lost.
    ///
    /// # Errors
    /// What `pg_basebackup` or the server said.
    pub fn rejoin(&mut self, primary: &Self) -> Result<(), Failure> {
        self.rejoin_over(primary.port)
    }

    /// [`Cluster::rejoin`] by this port, which may be a relay's.
    ///
    /// # Errors
    /// As [`Cluster::rejoin`].
    pub fn rejoin_over(&mut self, way: u16) -> Result<(), Failure> {
        self.halt(StopSignal::Quit)?;
        let folder = self.folder.path();
        fs::remove_dir_all(data_of(folder)).map_err(Failure::io("remove old data"))?;
        copy_over(way, &self.binaries, Account::for_servers()?, folder)?;
        self.start_again()
    }

    fn set(&self, name: &str, value: &str) -> Result<(), Failure> {
        let value = value.replace('\'', "''");
        self.psql(&format!("alter system set {name} = '{value}'"))?;
        self.psql("select pg_reload_conf()").map(drop)
    }
}

/// A copy of the cluster that is behind a port, which is to follow it by that port.
fn copy_over(
    way: u16,
    binaries: &Binaries,
    account: Option<Account>,
    folder: &Path,
) -> Result<(), Failure> {
    let mut command = command_as(account, &binaries.program("pg_basebackup"));
    command.arg("-D").arg(data_of(folder));
    command.args(["-d", &conninfo(way)]);
    command.args(["-R", "-X", "stream", "-c", "fast", "--no-sync"]);
    programs::output_of(command).map(drop)
}

/// All clusters have the same superuser.
fn conninfo(way: u16) -> String {
    format!("host=127.0.0.1 port={way} user={SUPERUSER} password='{SUPERUSER_PASSWORD}'")
}
