//! One running server: its process, its log, its end.

use std::fs;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::failure::Failure;
use crate::keeper;
use crate::polling;

/// How long a server may take to end before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What a server is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT. For Tidegate and for Postgres: end now, but in order.
    Interrupt,
    /// SIGTERM. For Tidegate: let the clients finish.
    Terminate,
    /// SIGQUIT. For Postgres: the immediate shutdown of `pg_ctl stop -m immediate`.
    Quit,
    /// SIGHUP. Read the configuration again.
    Reload,
    /// SIGKILL. As if the machine had lost it.
    Kill,
}

impl StopSignal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "INT",
            Self::Terminate => "TERM",
            Self::Quit => "QUIT",
            Self::Reload => "HUP",
            Self::Kill => "KILL",
        }
    }

    fn number(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
            Self::Quit => Signal::QUIT,
            Self::Reload => Signal::HUP,
            Self::Kill => Signal::KILL,
        }
    }
}

/// A running server. Ended when dropped, and by the keeper when this process ends first.
#[derive(Debug)]
pub struct ServerProcess {
    program: String,
    child: Child,
    log: PathBuf,
    stop: StopSignal,
    ended: Option<ExitStatus>,
}

impl ServerProcess {
    /// Starts the command in a process group of its own, with both outputs in the file `log`.
    ///
    /// # Errors
    /// [`Failure::Io`] if the program cannot be started.
    pub fn start(
        program: &str,
        mut command: Command,
        log: &Path,
        stop: StopSignal,
    ) -> Result<Self, Failure> {
        // One that is started again goes on with its log.
        let file = File::options().create(true).append(true).open(log);
        let file = file.map_err(Failure::io(format!("write {}", log.display())))?;
        let errors = file.try_clone().map_err(Failure::io("share a log file"))?;
        command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(0);
        let child = command
            .spawn()
            .map_err(Failure::io(format!("start {program}")))?;
        let program = program.to_owned();
        let server = Self {
            program,
            child,
            log: log.to_owned(),
            stop,
            ended: None,
        };
        keeper::watch_process(server.pid(), stop)?;
        Ok(server)
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it wrote to its outputs.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// [`Failure::Io`] if the system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        if self.ended.is_none() {
            let status = self.child.try_wait();
            self.ended = status.map_err(Failure::io(format!("look after {}", self.program)))?;
            if self.ended.is_some() {
                keeper::forget_process(self.pid())?;
            }
        }
        Ok(self.ended)
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// [`Failure::Died`] with the log if the program ends first, [`Failure::Late`] after `limit`.
    pub fn wait_until_ready(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), Failure> {
        let what = format!("the start of {}", self.program);
        let waited = polling::until(&what, limit, || match self.ended()? {
            Some(status) => Err(self.died(status)),
            None => Ok(ready().then_some(())),
        });
        match waited {
            Err(Failure::Late { what, limit }) => {
                let what = format!("{what} (its log:\n{}\n)", self.log());
                Err(Failure::Late { what, limit })
            },
            other => other,
        }
    }

    /// Sends a signal. A process that has ended is left alone.
    ///
    /// # Errors
    /// [`Failure::Io`] if the system refuses.
    pub fn signal(&mut self, signal: StopSignal) -> Result<(), Failure> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::Unexpected("a process number of 0".to_owned()))?;
        rustix::process::kill_process(pid, signal.number())
            .map_err(|error| Failure::io(format!("signal {}", self.program))(error.into()))
    }

    /// Ends it with its own signal, and kills it if it takes longer than half a minute.
    ///
    /// # Errors
    /// [`Failure::Late`] if it had to be killed; it is gone then, too.
    pub fn stop(&mut self) -> Result<ExitStatus, Failure> {
        self.signal(self.stop)?;
        match self.wait(STOP_LIMIT) {
            Err(late @ Failure::Late { .. }) => {
                self.signal(StopSignal::Kill)?;
                self.wait(STOP_LIMIT)?;
                Err(late)
            },
            other => other,
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// [`Failure::Late`] if it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, Failure> {
        polling::until(&format!("the end of {}", self.program), limit, || {
            self.ended()
        })
    }

    fn died(&self, status: ExitStatus) -> Failure {
        Failure::Died {
            program: self.program.clone(),
            status,
            log: self.log(),
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Nobody can be told any more; what does not end here is ended by the keeper.
        drop(self.stop());
    }
}
