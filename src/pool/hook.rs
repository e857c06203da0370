//! What wakes a database, and puts it to sleep: an HTTP request or a program of the operator's.
//!
//! Nothing of it comes from a client. What it needs to be let in is in the headers, which appear in
//! no error.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitStatus;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;

use axum::body::Bytes;
use http::Request;
use http::Uri;
use http::header::HOST;
use http_body_util::BodyExt;
use http_body_util::Collected;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;

use crate::config;
use crate::config::ServerTls;
use crate::config::ServerTlsMode;
use crate::limits::ADDRESS_CONNECT_TIMEOUT;
use crate::limits::HOOK_ANSWER_BYTES_MAX;
use crate::pool::Names;
use crate::pool::ServerTlsCache;
use crate::pool::TlsFailure;
use crate::telemetry::TenantSlot;

/// What is called.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hook<'a> {
    /// A request.
    Request {
        /// Where it goes.
        url: &'a str,
        /// What it says.
        body: &'a str,
    },
    /// A program and its arguments.
    Program(&'a [String]),
}

/// What a call of a tenant's needs.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) tls: Rc<ServerTlsCache>,
    pub(super) names: Option<Arc<Names>>,
    pub(super) asker: TenantSlot,
}

impl Caller {
    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        match (host.parse::<IpAddr>(), &self.names) {
            (Err(_), Some(names)) => {
                let addresses = names.resolve(host, port, self.asker).await?;
                connect_to_any(&addresses).await
            },
            (Ok(_), _) | (_, None) => TcpStream::connect((host, port)).await,
        }
    }
}

/// Tries one address after the other; none but the last takes the time of all.
async fn connect_to_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (number, address) in addresses.iter().enumerate() {
        let connecting = TcpStream::connect(address);
        let connected = if number + 1 < addresses.len() {
            let connected = tokio::time::timeout(ADDRESS_CONNECT_TIMEOUT, connecting).await;
            connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        } else {
            connecting.await
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Why a call did not do what it should. The operator's fault, or the platform's.
#[derive(Debug, thiserror::Error)]
pub(super) enum HookError {
    /// The URL cannot be connected to, or a program not be started.
    #[error("it cannot be reached")]
    Io(#[from] io::Error),
    /// The platform's certificate is not accepted.
    #[error("TLS failed")]
    Tls(#[source] TlsFailure),
    /// The configuration's text makes no request.
    #[error("it makes no request")]
    Malformed(#[from] http::Error),
    /// The exchange broke.
    #[error("the exchange broke")]
    Http(#[from] hyper::Error),
    /// The answer says no.
    #[error("the answer was {status}: {words}")]
    Refused {
        /// The status.
        status: u16,
        /// What else it said, cut off.
        words: String,
    },
    /// The program says no.
    #[error("the program ended with {0}")]
    Failed(ExitStatus),
    /// `call_timeout` was over.
    #[error("it took too long")]
    Late,
}

impl<'a> Hook<'a> {
    /// What wakes the database, if anything.
    pub(super) fn waking(sleep: &'a config::Sleep) -> Option<Self> {
        Self::of(
            sleep.wake_url.as_deref(),
            &sleep.wake_body,
            &sleep.wake_command,
        )
    }

    /// What puts it to sleep, if anything.
    pub(super) fn suspending(sleep: &'a config::Sleep) -> Option<Self> {
        Self::of(
            sleep.suspend_url.as_deref(),
            &sleep.suspend_body,
            &sleep.suspend_command,
        )
    }

    fn of(url: Option<&'a str>, body: &'a str, command: &'a [String]) -> Option<Self> {
        match url {
            Some(url) => Some(Self::Request { url, body }),
            None if command.is_empty() => None,
            None => Some(Self::Program(command)),
        }
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// [`HookError`]: it did not say that it has done it.
    pub(super) async fn call(
        self,
        sleep: &config::Sleep,
        caller: &Caller,
    ) -> Result<(), HookError> {
        let call = async {
            match self {
                Self::Request { url, body } => request(url, body, sleep, caller).await,
                Self::Program(words) => run(words).await,
            }
        };
        let called = tokio::time::timeout(sleep.call_timeout, call).await;
        called.unwrap_or(Err(HookError::Late))
    }
}

async fn request(
    url: &str,
    body: &str,
    sleep: &config::Sleep,
    caller: &Caller,
) -> Result<(), HookError> {
    let url: Uri = url.parse().map_err(http::Error::from)?;
    let (host, is_tls) = (
        url.host().unwrap_or_default(),
        url.scheme_str() == Some("https"),
    );
    let host = host.trim_matches(['[', ']']);
    let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    // Without a name and a password, which belong into a header.
    let authority = match (url.host(), url.port_u16()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let mut request = Request::builder()
        .method(sleep.method.as_str())
        .uri(path)
        .header(HOST, authority);
    for (name, value) in sleep.headers.iter().filter_map(config::header) {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
    if !is_tls {
        return exchange(caller.connect(host, port).await?, request).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(https(&caller.tls).await.map_err(HookError::Tls)?);
    let stream = caller.connect(host, port).await?;
    let shaken = connector.connect(name, stream).await;
    let stream = shaken.map_err(|error| HookError::Tls(TlsFailure::Handshake(error)))?;
    exchange(stream, request).await
}

/// TLS as a browser has it: the system's authorities, and the name must fit.
async fn https(tls: &ServerTlsCache) -> Result<Arc<ClientConfig>, TlsFailure> {
    let settings = ServerTls {
        mode: ServerTlsMode::VerifyFull,
        ..ServerTls::default()
    };
    let mut config = ClientConfig::clone(&*tls.config_in_time(&settings).await?);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(), HookError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answered = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let body = Limited::new(answer.into_body(), HOOK_ANSWER_BYTES_MAX).collect();
        let words = body.await.map(Collected::to_bytes).unwrap_or_default();
        Err(HookError::Refused {
            status: status.as_u16(),
            words: cut(&words),
        })
    };
    let mut answered = pin!(answered);
    // Nothing is exchanged unless the connection is driven as well; it may end with the answer's last
    // byte, before that is looked at.
    tokio::select! {
        answered = &mut answered => answered,
        ended = connection => {
            // If it broke before that, the answer says so.
            drop(ended);
            answered.await
        },
    }
}

async fn run(words: &[String]) -> Result<(), HookError> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(());
    };
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // What it says goes where the pooler's own errors go: it may leave something running that keeps a
    // pipe open.
    let status = command.spawn()?.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(HookError::Failed(status))
}

/// What somebody else said, as one line of a log.
fn cut(words: &[u8]) -> String {
    let words = words.get(..HOOK_ANSWER_BYTES_MAX).unwrap_or(words);
    String::from_utf8_lossy(words).escape_debug().collect()
}
