//! Postgres servers as operators run them: each under Patroni, which agrees with the others by etcd
//! which of them is the primary.
//!
//! Replication is synchronous, so that what was acknowledged is not lost with the primary. The times
//! are the shortest that Patroni takes to be in order.

mod member;

use std::process::Command;
use std::time::Duration;

use crate::account::Account;
use crate::cluster::SUPERUSER;
use crate::cluster::command_as;
use crate::database::Database;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::polling;
use crate::pooler::http_get;
use crate::port::free_port;
use crate::process::ServerProcess;
use crate::process::StopSignal;
use crate::programs;
use crate::reachable;
use crate::tools;
use crate::tools::Binaries;
use crate::tools::PatroniPrograms;
use crate::version::Version;

use self::member::Member;
use self::member::SCOPE;

/// How long anything may take: newer Patronis wait for twenty seconds until a leader counts as lost.
const LIMIT: Duration = Duration::from_mins(1);

/// Members of one Patroni cluster, numbered from zero. Gone when dropped.
#[derive(Debug)]
pub struct Patroni {
    // Dropped in this order: the members, what they agree in, and the folder of all of it.
    members: Vec<Member>,
    _etcd: ServerProcess,
    folder: Folder,
    binaries: Binaries,
    programs: PatroniPrograms,
}

impl Patroni {
    /// Starts etcd and so many members, and waits until one is the primary and the others follow.
    ///
    /// # Errors
    /// [`Failure::Missing`] if the machine lacks Patroni, etcd or such a Postgres; otherwise what
    /// they said.
    pub fn start(version: Version, count: usize) -> Result<Self, Failure> {
        let programs = tools::patroni()?;
        let account = Account::for_servers()?;
        let binaries = reachable::for_account(version.binaries()?, account)?;
        let folder = Folder::owned_by(account)?;
        let (etcd, port) = start_etcd(account, &folder, &programs)?;
        let members = (0..count).map(|number| {
            Member::start(number, account, folder.path(), &binaries, &programs, port)
        });
        let patroni = Self {
            members: members.collect::<Result<_, _>>()?,
            _etcd: etcd,
            folder,
            binaries,
            programs,
        };
        patroni.settle()?;
        Ok(patroni)
    }

    /// The ports of the members' servers on 127.0.0.1.
    pub fn ports(&self) -> Vec<u16> {
        self.members.iter().map(|member| member.port).collect()
    }

    /// The member that Patroni says is the primary, and takes writes.
    ///
    /// # Errors
    /// [`Failure::Late`] if there is none for a minute.
    pub fn leader(&self) -> Result<usize, Failure> {
        polling::until("a leader", LIMIT, || {
            Ok(self.members.iter().position(|member| member.is("primary")))
        })
    }

    /// Waits until one member is the primary, all others follow it, and one of them synchronously: the
    /// next may take over.
    ///
    /// # Errors
    /// [`Failure::Late`], with what the members have logged, if they do not get there.
    pub fn settle(&self) -> Result<(), Failure> {
        let in_role = |role| self.members.iter().filter(|member| member.is(role)).count();
        let is_settled = || {
            let followers = self.members.len() - 1;
            in_role("primary") == 1 && in_role("replica") == followers && in_role("sync") == 1
        };
        polling::until_true("a primary with standbys", LIMIT, is_settled).map_err(|_late| {
            let logs = self.members.iter().map(Member::log);
            let logs = logs.collect::<Vec<String>>().join("\n");
            Failure::Late {
                what: format!("a primary with standbys (the members said:\n{logs}\n)"),
                limit: LIMIT,
            }
        })
    }

    /// A database with a user of its own, made at the primary. Its port is the primary's as of now.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what the server said.
    pub fn database(&self) -> Result<Database, Failure> {
        let leader = self.leader()?;
        let database = Database::numbered(0, self.member(leader)?.port);
        let (name, user, password) = (&database.name, &database.user, &database.password);
        self.psql(
            leader,
            SUPERUSER,
            &format!("create role {user} login password '{password}'"),
        )?;
        self.psql(
            leader,
            SUPERUSER,
            &format!("create database {name} owner {user}"),
        )?;
        Ok(database)
    }

    /// Runs SQL at one member, as the superuser.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what psql said.
    pub fn psql(&self, member: usize, database: &str, sql: &str) -> Result<String, Failure> {
        let (folder, port) = (self.folder.path().display(), self.member(member)?.port);
        let dsn = format!("host={folder} port={port} user={SUPERUSER} dbname={database}");
        self.binaries.psql(&dsn, sql)
    }

    /// `patronictl switchover`: the primary hands over to its synchronous standby. Returns when that
    /// takes writes.
    ///
    /// # Errors
    /// [`Failure::Exited`] with what `patronictl` said.
    pub fn switch_over(&self) -> Result<(), Failure> {
        let mut command = Command::new(&self.programs.patronictl);
        command.current_dir("/").env("LC_ALL", "C.UTF-8");
        command.arg("-c").arg(&self.member(0)?.config);
        command.args(["switchover", SCOPE, "--force"]);
        programs::output_of(command).map(drop)
    }

    /// A machine is lost: its server, and Patroni before it could do anything about that.
    ///
    /// # Errors
    /// [`Failure::Late`] if they do not end.
    pub fn kill(&mut self, member: usize) -> Result<(), Failure> {
        self.member_mut(member)?.kill()
    }

    /// A lost machine comes back with what it had: Patroni is started there.
    ///
    /// # Errors
    /// [`Failure::Io`] if it cannot be started.
    pub fn start_again(&mut self, member: usize) -> Result<(), Failure> {
        let programs = self.programs.clone();
        self.member_mut(member)?.launch(&programs)
    }

    fn member(&self, number: usize) -> Result<&Member, Failure> {
        self.members.get(number).ok_or_else(|| no_member(number))
    }

    fn member_mut(&mut self, number: usize) -> Result<&mut Member, Failure> {
        let member = self.members.get_mut(number);
        member.ok_or_else(|| no_member(number))
    }
}

fn no_member(number: usize) -> Failure {
    Failure::Unexpected(format!("there is no member {number}"))
}

/// One that agrees with itself is enough: it is not what is tested.
fn start_etcd(
    account: Option<Account>,
    folder: &Folder,
    programs: &PatroniPrograms,
) -> Result<(ServerProcess, u16), Failure> {
    let (port, peers) = (free_port()?, free_port()?);
    let (clients, peers) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{peers}"),
    );
    let mut command = command_as(account, &programs.etcd);
    command.args(["--name", SCOPE, "--data-dir"]);
    command.arg(folder.path().join("etcd"));
    command.args(["--listen-client-urls", &clients]);
    command.args(["--advertise-client-urls", &clients]);
    command.args(["--listen-peer-urls", &peers]);
    command.args(["--initial-advertise-peer-urls", &peers]);
    command.args(["--initial-cluster", &format!("{SCOPE}={peers}")]);
    let log = folder.path().join("etcd.log");
    let mut etcd = ServerProcess::start("etcd", command, &log, StopSignal::Kill)?;
    etcd.wait_until_ready(LIMIT, || {
        http_get(port, "/health").is_ok_and(|(status, _)| status == 200)
    })?;
    Ok((etcd, port))
}
