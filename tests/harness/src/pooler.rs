//! The program under test: a real `tidegate` with a configuration of the test's own.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::descriptors;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::polling;
use crate::process::ServerProcess;
use crate::process::StopSignal;
use crate::tools;

/// What it logs, whatever its level may be in a test, when all of it is there.
const UP: &str = "process up";
const START_LIMIT: Duration = Duration::from_mins(1);
const RELOAD_LIMIT: Duration = Duration::from_mins(1);

/// How one sees that Tidegate is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// Its HTTP listener on this port answers `/readyz` with 200.
    Http(u16),
    /// It accepts connections on this port. (A listener that demands a PROXY header counts the
    /// look as a client that hung up.)
    Port(u16),
}

/// What a Tidegate finds on its machine; what is not given is as the tests find it.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// How many descriptors it may have open.
    pub descriptors_max: Option<u32>,
    /// The certificates of the authorities that the system trusts, as PEM.
    pub authorities: Option<PathBuf>,
}

/// A running Tidegate. Gone when dropped.
#[derive(Debug)]
pub struct Pooler {
    // Dropped in this order: first the process ends, then its folder goes.
    process: ServerProcess,
    folder: Folder,
}

impl Pooler {
    /// Writes the configuration to a temporary folder, starts `tidegate` with it and waits until
    /// it is ready. Files that the configuration names can be put in a [`Folder`] first.
    ///
    /// # Errors
    /// [`Failure::Missing`] if it has not been built; [`Failure::Died`] with its log if it refuses
    /// the configuration.
    pub fn start(config_toml: &str, ready: Ready) -> Result<Self, Failure> {
        Self::start_in(Folder::new()?, config_toml, ready)
    }

    /// [`Pooler::start`] with a folder that already has what the configuration names: it becomes
    /// the folder of `tidegate.toml` and the working directory.
    ///
    /// # Errors
    /// As [`Pooler::start`].
    pub fn start_in(folder: Folder, config_toml: &str, ready: Ready) -> Result<Self, Failure> {
        Self::start_within(&Surroundings::default(), folder, config_toml, ready)
    }

    /// [`Pooler::start_in`] on a machine that is not quite this one.
    ///
    /// # Errors
    /// As [`Pooler::start`].
    pub fn start_within(
        surroundings: &Surroundings,
        folder: Folder,
        config_toml: &str,
        ready: Ready,
    ) -> Result<Self, Failure> {
        let path = write_config(folder.path(), config_toml)?;
        let program = tools::tidegate()?;
        let mut command = match surroundings.descriptors_max {
            None => Command::new(program),
            Some(count) => descriptors::limited(&program, count),
        };
        if let Some(path) = &surroundings.authorities {
            command
                .env("SSL_CERT_FILE", path)
                .env_remove("SSL_CERT_DIR");
        }
        command.arg(path).current_dir(folder.path());
        let log = folder.path().join("tidegate.log");
        let mut process = ServerProcess::start("tidegate", command, &log, StopSignal::Interrupt)?;
        // One listener may be there before the others.
        let is_up = || fs::read_to_string(&log).is_ok_and(|text| text.contains(UP));
        process.wait_until_ready(START_LIMIT, || is_ready(ready) && is_up())?;
        Ok(Self { process, folder })
    }

    /// Replaces the configuration and tells Tidegate to read it (SIGHUP). Returns at once: wait
    /// for what the change does, or with [`Pooler::wait_for_log`] for what is said about it.
    ///
    /// # Errors
    /// [`Failure::Io`] if the file cannot be written.
    pub fn reload(&mut self, config_toml: &str) -> Result<(), Failure> {
        write_config(self.folder.path(), config_toml)?;
        self.process.signal(StopSignal::Reload)
    }

    /// What it has logged so far, line by line.
    pub fn log_lines(&self) -> Vec<String> {
        self.process.log().lines().map(str::to_owned).collect()
    }

    /// The first line of the log that contains the text; waits for it up to a minute.
    ///
    /// # Errors
    /// [`Failure::Late`], with the log, if there is none.
    pub fn wait_for_log(&self, text: &str) -> Result<String, Failure> {
        let what = format!("a line with `{text}` in the log");
        let found = polling::until(&what, RELOAD_LIMIT, || {
            Ok(self
                .log_lines()
                .into_iter()
                .find(|line| line.contains(text)))
        });
        found.map_err(|_late| Failure::Late {
            what: format!("{what}, which is\n{}\nand", self.process.log()),
            limit: RELOAD_LIMIT,
        })
    }

    /// The folder of its configuration, where a test may put more files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process: signals, and how it ended.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }
}

/// Asks an HTTP server on 127.0.0.1 for a path; the status code and the body.
///
/// # Errors
/// [`Failure::Io`] if it does not answer within half a minute, [`Failure::Unexpected`] if the
/// answer is no HTTP.
pub fn http_get(port: u16, path: &str) -> Result<(u16, String), Failure> {
    let action = || Failure::io(format!("ask 127.0.0.1:{port} for {path}"));
    let limit = Some(Duration::from_secs(30));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(action())?;
    stream.set_read_timeout(limit).map_err(action())?;
    // HTTP/1.0: the server closes at the end, and sends no chunks.
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(action())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(action())?;
    let odd = || Failure::Unexpected(format!("not an HTTP answer: {answer}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(odd)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(odd)?;
    Ok((status, body.to_owned()))
}

fn is_ready(ready: Ready) -> bool {
    match ready {
        Ready::Http(port) => http_get(port, "/readyz").is_ok_and(|(status, _)| status == 200),
        Ready::Port(port) => TcpStream::connect(("127.0.0.1", port)).is_ok(),
    }
}

fn write_config(folder: &Path, text: &str) -> Result<PathBuf, Failure> {
    let path = folder.join("tidegate.toml");
    fs::write(&path, text).map_err(Failure::io("write tidegate.toml"))?;
    Ok(path)
}
