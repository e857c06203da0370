//! What is measured: Tidegate, other poolers, and what stands in for none. Each has a file that says
//! how it is configured: the same pools, nothing logged for a client.

mod direct;
mod odyssey;
mod peer;
mod pg_doorman;
mod pgbouncer;
mod pgcat;
mod pgdog;
mod relay;
mod routed;
mod tidegate;

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tidegate_harness::DelayingRelay;
use tidegate_harness::Failure;
use tidegate_harness::Folder;
use tidegate_harness::ServerProcess;
use tidegate_harness::StopSignal;

use self::peer::Peer;
pub(crate) use self::routed::login;
use super::ground::Ground;
use super::programs::Programs;
use super::regions::Routes;
use super::scenario::Backend;
use super::scenario::Disturbance;
use super::scenario::NOISY;
use super::scenario::Scenario;
use super::scenario::Shape;
use super::scenario::Way;

const START_LIMIT: Duration = Duration::from_secs(20);
/// Lines of a log that are shown when something went wrong.
const LOG_LINES: usize = 10;

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// Tidegate with one worker.
    Tidegate1,
    /// Tidegate with two.
    Tidegate2,
    /// The other poolers.
    PgBouncer,
    Odyssey,
    PgCat,
    PgDog,
    PgDoorman,
    /// A relay that parses nothing, with one server for each client.
    Relay,
    /// No pooler at all.
    Direct,
    /// Tidegate with one worker, whose reads may go to replicas.
    Routed,
    /// The same without that.
    Unrouted,
}

impl Target {
    /// All, in the order in which they are shown.
    pub(crate) const ALL: [Self; 11] = [
        Self::Tidegate1,
        Self::Tidegate2,
        Self::PgBouncer,
        Self::Odyssey,
        Self::PgCat,
        Self::PgDog,
        Self::PgDoorman,
        Self::Relay,
        Self::Direct,
        Self::Routed,
        Self::Unrouted,
    ];

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tidegate1 => "tidegate-1",
            Self::Tidegate2 => "tidegate-2",
            Self::PgBouncer => "pgbouncer",
            Self::Odyssey => "odyssey",
            Self::PgCat => "pgcat",
            Self::PgDog => "pgdog",
            Self::PgDoorman => "pg_doorman",
            Self::Relay => "relay",
            Self::Direct => "direct",
            Self::Routed => "routed",
            Self::Unrouted => "unrouted",
        }
    }

    /// Whether its program is there.
    pub(crate) fn is_present(self, programs: &Programs) -> bool {
        match self {
            Self::Tidegate1 | Self::Tidegate2 | Self::Relay | Self::Direct => true,
            Self::Routed | Self::Unrouted => true,
            Self::PgBouncer => programs.pgbouncer.is_some(),
            Self::Odyssey => programs.odyssey.is_some(),
            Self::PgCat => programs.pgcat.is_some(),
            Self::PgDog => programs.pgdog.is_some(),
            Self::PgDoorman => programs.pg_doorman.is_some(),
        }
    }

    /// Whether it is ours to mend.
    pub(crate) fn is_ours(self) -> bool {
        match self {
            Self::Tidegate1 | Self::Tidegate2 | Self::Relay | Self::Direct => true,
            Self::Routed | Self::Unrouted => true,
            Self::PgBouncer | Self::Odyssey | Self::PgCat | Self::PgDog | Self::PgDoorman => false,
        }
    }

    /// Why this version of it cannot take part in a scenario, if so.
    pub(crate) fn cannot(self, stand: &Stand<'_>) -> Option<String> {
        match self {
            Self::PgBouncer => pgbouncer::cannot(stand),
            Self::Odyssey if stand.scenario.way == Way::Scram => {
                Some("it is configured without passwords".to_owned())
            },
            Self::PgCat => pgcat::cannot(stand.scenario).map(str::to_owned),
            Self::Odyssey | Self::PgDog | Self::PgDoorman => None,
            Self::Tidegate1 | Self::Tidegate2 | Self::Relay | Self::Direct => None,
            Self::Routed | Self::Unrouted => None,
        }
    }

    /// Starts it for a scenario.
    ///
    /// # Errors
    /// What it said if it did not start.
    pub(crate) fn start(self, stand: &Stand<'_>) -> Result<Running, Failure> {
        match self {
            Self::Tidegate1 => tidegate::start(stand, 1),
            Self::Tidegate2 => tidegate::start(stand, 2),
            Self::PgBouncer => pgbouncer::start(stand),
            Self::Odyssey => odyssey::start(stand),
            Self::PgCat => pgcat::start(stand),
            Self::PgDog => pgdog::start(stand),
            Self::PgDoorman => pg_doorman::start(stand),
            Self::Relay => relay::start(stand),
            Self::Direct => Ok(direct::start(stand)),
            Self::Routed => routed::start(stand, true),
            Self::Unrouted => routed::start(stand, false),
        }
    }
}

/// What a target is started with.
#[derive(Debug)]
pub(crate) struct Stand<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) ground: &'a Ground,
    pub(crate) scenario: &'a Scenario,
    /// The ports of two servers that cost nothing: for all tenants, and for a noisy one.
    pub(crate) fake_port: u16,
    pub(crate) noisy_port: u16,
    /// Rows of the table.
    pub(crate) accounts: u32,
}

impl Stand<'_> {
    /// The port of a tenant's servers. The noisy one has its own: it is the pooler that the other
    /// meets it in.
    pub(crate) fn server_port(&self, tenant: u32) -> u16 {
        match self.scenario.backend {
            Backend::Postgres => self.ground.cluster.port(),
            Backend::Fake
                if self.scenario.shape == Shape::Noise(Disturbance::Results) && tenant == NOISY =>
            {
                self.noisy_port
            },
            Backend::Fake => self.fake_port,
        }
    }

    /// The paths of the certificate that clients are shown, and of its key.
    fn certificate(&self) -> [String; 2] {
        ["server.crt", "server.key"].map(|name| self.ground.file(name).display().to_string())
    }
}

/// A target that runs, or the server itself.
#[derive(Debug)]
pub(crate) struct Running {
    // Dropped in this order: first the process ends, then its folder goes.
    process: Option<ServerProcess>,
    _folder: Option<Folder>,
    _relays: Vec<DelayingRelay>,
    /// Where it tells which way reads went, if there is more than one.
    pub(crate) routes: Option<Routes>,
    /// Where the trusted user comes in without TLS.
    pub(crate) plain_port: u16,
    /// Where the other user comes in without TLS.
    pub(crate) scram_port: u16,
    /// Where the trusted user comes in with TLS.
    pub(crate) tls_port: u16,
    /// How a user and a database of a tenant are written, `{}` being its number.
    pub(crate) tenant_user: &'static str,
    pub(crate) tenant_database: &'static str,
}

impl Running {
    /// The process to watch, if there is one apart from the server.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(ServerProcess::pid)
    }

    /// What the process has logged last.
    pub(crate) fn log(&self) -> String {
        let log = self.process.as_ref().map(ServerProcess::log);
        let log = log.unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(LOG_LINES);
        lines.get(last..).unwrap_or_default().join("\n")
    }
}

/// Starts a process and waits until it listens.
fn launch(
    name: &str,
    command: Command,
    folder: &Path,
    port: u16,
    stop: StopSignal,
) -> Result<ServerProcess, Failure> {
    let log = folder.join("log");
    let mut process = ServerProcess::start(name, command, &log, stop)?;
    let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    process.wait_until_ready(START_LIMIT, listens)?;
    Ok(process)
}
