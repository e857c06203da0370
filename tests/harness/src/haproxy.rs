//! A real HAProxy in front of a server, with the PROXY headers that operators use.
//!
//! It never restarts and never reloads: one process, one frontend, one server.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::certificates::KeyPair;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::polling;
use crate::port::free_port;
use crate::process::ServerProcess;
use crate::process::StopSignal;
use crate::tools;

const START_LIMIT: Duration = Duration::from_mins(1);

/// Which PROXY header HAProxy sends to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendProxy {
    /// None.
    Off,
    /// `send-proxy`: version 1.
    V1,
    /// `send-proxy-v2`.
    V2,
    /// `send-proxy-v2-ssl-cn`: version 2 with the SSL and the common-name TLVs.
    V2SslCn,
}

/// What HAProxy shall do.
#[derive(Debug)]
pub struct HaProxyOptions<'a> {
    /// The server behind it.
    pub server: SocketAddr,
    /// The header it sends there.
    pub send_proxy: SendProxy,
    /// Options of the server line, for example `proxy-v2-options unique-id,crc32c` or
    /// `set-proxy-v2-tlv-fmt(0xEA) …`.
    pub server_options: &'a str,
    /// Lines of the frontend, for example `unique-id-format %[uuid()]`.
    pub frontend_lines: &'a str,
    /// Whether it checks the server every 100 ms, with the same PROXY header.
    pub checks: bool,
    /// Terminates TLS with this certificate, ALPN `postgresql`: for clients with
    /// `sslnegotiation=direct`.
    pub tls: Option<&'a KeyPair>,
    /// Asks for a client certificate of this authority (PEM), but does not insist.
    pub client_authority_pem: Option<&'a str>,
}

impl HaProxyOptions<'_> {
    /// A plain TCP frontend that sends one kind of header.
    pub fn to_port(port: u16, send_proxy: SendProxy) -> Self {
        Self {
            server: SocketAddr::from(([127, 0, 0, 1], port)),
            send_proxy,
            server_options: "",
            frontend_lines: "",
            checks: false,
            tls: None,
            client_authority_pem: None,
        }
    }
}

/// A running HAProxy, listening on 127.0.0.1. Gone when dropped.
#[derive(Debug)]
pub struct HaProxy {
    // Dropped in this order: first the process ends, then its folder goes.
    process: ServerProcess,
    folder: Folder,
    port: u16,
}

impl HaProxy {
    /// Starts it and waits until it accepts connections.
    ///
    /// # Errors
    /// [`Failure::Missing`] if the machine has none, [`Failure::Died`] with what it said about
    /// its configuration.
    pub fn start(options: &HaProxyOptions<'_>) -> Result<Self, Failure> {
        let program = tools::haproxy()?;
        let folder = Folder::new()?;
        let port = free_port()?;
        let path = folder.path().join("haproxy.cfg");
        fs::write(&path, configuration(options, folder.path(), port)?)
            .map_err(Failure::io("write HAProxy's configuration"))?;
        let mut command = Command::new(program);
        // -db: stay in the foreground, one process.
        command.arg("-db").arg("-f").arg(path).current_dir("/");
        let log = folder.path().join("haproxy.log");
        let mut process = ServerProcess::start("haproxy", command, &log, StopSignal::Interrupt)?;
        let stats = folder.path().join("stats.sock");
        process.wait_until_ready(START_LIMIT, || UnixStream::connect(&stats).is_ok())?;
        Ok(Self {
            process,
            folder,
            port,
        })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has logged, one line a connection.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The state of the server as its checks see it: `UP`, `DOWN`, or `no check`.
    ///
    /// # Errors
    /// [`Failure::Io`] if the stats socket does not answer.
    pub fn server_state(&self) -> Result<String, Failure> {
        let answer = self.ask("show stat")?;
        let row = answer
            .lines()
            .find(|line| line.starts_with("behind,server,"));
        let state = row.and_then(|row| row.split(',').nth(17));
        let odd = || Failure::Unexpected(format!("HAProxy's statistics have no server: {answer}"));
        state.map(str::to_owned).ok_or_else(odd)
    }

    /// Waits until the checks see the server in this state, `UP` or `DOWN`.
    ///
    /// # Errors
    /// [`Failure::Late`] if they do not within a minute.
    pub fn wait_for_server_state(&self, wanted: &str) -> Result<(), Failure> {
        polling::until(&format!("the server state {wanted}"), START_LIMIT, || {
            Ok((self.server_state()? == wanted).then_some(()))
        })
    }

    /// Gives a command to the stats socket, for example `show servers state`.
    ///
    /// # Errors
    /// [`Failure::Io`] if it does not answer.
    pub fn ask(&self, command: &str) -> Result<String, Failure> {
        let action = || Failure::io("ask HAProxy");
        let path = self.folder.path().join("stats.sock");
        let mut stream = UnixStream::connect(path).map_err(action())?;
        stream
            .write_all(format!("{command}\n").as_bytes())
            .map_err(action())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(action())?;
        Ok(answer)
    }

    /// A plain connection to the frontend, for a test that speaks the protocol itself.
    ///
    /// # Errors
    /// [`Failure::Io`] if it is refused.
    pub fn connect(&self) -> Result<TcpStream, Failure> {
        TcpStream::connect(("127.0.0.1", self.port)).map_err(Failure::io("connect to HAProxy"))
    }

    /// Its process.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }
}

fn configuration(
    options: &HaProxyOptions<'_>,
    folder: &Path,
    port: u16,
) -> Result<String, Failure> {
    let (send, checked) = (send_proxy(options.send_proxy), checks(options));
    let bind = bind_options(options, folder)?;
    let (stats, server) = (folder.join("stats.sock"), options.server);
    let (stats, lines) = (stats.display(), options.frontend_lines);
    Ok(format!(
        "global
    stats socket {stats} mode 600
    log stdout format raw local0
    maxconn 2000
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    timeout client 5m
    timeout server 5m
    timeout check 1s
frontend front
    bind 127.0.0.1:{port}{bind}
    {lines}
    default_backend behind
backend behind
    server server {server}{send}{checked} {}
",
        options.server_options
    ))
}

fn send_proxy(send: SendProxy) -> &'static str {
    match send {
        SendProxy::Off => "",
        SendProxy::V1 => " send-proxy",
        SendProxy::V2 => " send-proxy-v2",
        SendProxy::V2SslCn => " send-proxy-v2-ssl-cn",
    }
}

fn checks(options: &HaProxyOptions<'_>) -> &'static str {
    match (options.checks, options.send_proxy) {
        (false, _) => "",
        (true, SendProxy::Off) => " check inter 100ms fall 2 rise 1",
        (true, _) => " check check-send-proxy inter 100ms fall 2 rise 1",
    }
}

fn bind_options(options: &HaProxyOptions<'_>, folder: &Path) -> Result<String, Failure> {
    let Some(pair) = options.tls else {
        return Ok(String::new());
    };
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Failure::io(format!("write {name}")))?;
        Ok::<String, Failure>(path.display().to_string())
    };
    let certificate = write("front.pem", &pair.bundle_pem())?;
    let verify = match options.client_authority_pem {
        Some(pem) => format!(" verify optional ca-file {}", write("clients.pem", pem)?),
        None => String::new(),
    };
    Ok(format!(" ssl crt {certificate} alpn postgresql{verify}"))
}
