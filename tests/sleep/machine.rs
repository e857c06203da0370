//! A machine of a platform that can be started and suspended, as its API shows it, and the way to the
//! Postgres on it: while it is suspended, nobody answers there.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tidegate_harness::KeyPair;
use tidegate_harness::free_port;

const NAME: &str = "/v1/apps/acme-db/machines/1857";

/// The machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Where its Postgres answers while it runs.
    pub(crate) port: u16,
    /// Where its API answers.
    pub(crate) api_port: u16,
    /// Where its Postgres really is.
    postgres: u16,
    way: Mutex<Option<Way>>,
    calls: Mutex<Vec<String>>,
    is_broken: AtomicBool,
    /// What its API has a certificate for, and how it proves that.
    tls: Option<(&'static str, Arc<ServerConfig>)>,
}

/// Connections to the Postgres.
#[derive(Debug)]
struct Way {
    port: u16,
    is_closed: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Machine {
    /// A suspended machine, whose API takes this token.
    pub(crate) fn suspended(postgres: u16, token: &'static str) -> Arc<Self> {
        Self::with(postgres, token, None)
    }

    /// The same, whose API is reached by TLS under this name, whatever its certificate is for.
    pub(crate) fn behind_tls(
        postgres: u16,
        token: &'static str,
        name: &'static str,
        pair: &KeyPair,
    ) -> Arc<Self> {
        let chain = CertificateDer::pem_slice_iter(pair.certificate_pem.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(chain, key);
        Self::with(postgres, token, Some((name, Arc::new(config.unwrap()))))
    }

    fn with(
        postgres: u16,
        token: &'static str,
        tls: Option<(&'static str, Arc<ServerConfig>)>,
    ) -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let machine = Arc::new(Self {
            port: free_port().unwrap(),
            api_port: listener.local_addr().unwrap().port(),
            postgres,
            way: Mutex::default(),
            calls: Mutex::default(),
            is_broken: AtomicBool::new(false),
            tls,
        });
        let served = Arc::clone(&machine);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A caller that hangs up in the middle gets no answer.
                drop(served.serve(stream.unwrap(), token));
            }
        });
        machine
    }

    /// The URL of something that can be done to it.
    pub(crate) fn url(&self, verb: &str) -> String {
        let (scheme, host) = match self.tls {
            Some((name, _)) => ("https", name),
            None => ("http", "127.0.0.1"),
        };
        format!("{scheme}://{host}:{}{NAME}/{verb}", self.api_port)
    }

    /// What was asked of it so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// From now on its API answers that it cannot.
    pub(crate) fn breaks(&self) {
        self.is_broken.store(true, Ordering::Release);
    }

    fn serve(&self, stream: TcpStream, token: &str) -> io::Result<()> {
        let Some((_, config)) = &self.tls else {
            return self.answer(stream, token);
        };
        let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        self.answer(StreamOwned::new(connection, stream), token)
    }

    /// One request. Every answer closes its connection.
    fn answer(&self, stream: impl Read + Write, token: &str) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut lines, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.parse().unwrap();
            }
            lines.push(line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let is_allowed = lines
            .iter()
            .any(|line| line.eq_ignore_ascii_case(&format!("authorization: Bearer {token}")));
        let request = lines.first().cloned().unwrap_or_default();
        let (status, answer) = match request.as_str() {
            _ if !is_allowed => ("401 Unauthorized", r#"{"error":"unauthorized"}"#),
            _ if self.is_broken.load(Ordering::Acquire) => {
                ("503 Service Unavailable", r#"{"error":"no capacity"}"#)
            },
            line if line == format!("POST {NAME}/start HTTP/1.1") => {
                self.start();
                ("200 OK", r#"{"previous_state":"suspended"}"#)
            },
            line if line == format!("POST {NAME}/suspend HTTP/1.1") => {
                self.suspend();
                ("200 OK", r#"{"ok":true}"#)
            },
            _ => ("404 Not Found", r#"{"error":"not found"}"#),
        };
        let body = String::from_utf8_lossy(&body);
        let verb = request
            .split(' ')
            .nth(1)
            .and_then(|path| path.rsplit('/').next());
        self.calls
            .lock()
            .unwrap()
            .push(format!("{} {body}: {status}", verb.unwrap_or_default()));
        let mut stream = reader.into_inner();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        )?;
        stream.flush()
    }

    /// Starts it.
    pub(crate) fn start(&self) {
        let mut way = self.way.lock().unwrap();
        if way.is_none() {
            *way = Some(Way::open(self.port, self.postgres));
        }
    }

    fn suspend(&self) {
        drop(self.way.lock().unwrap().take());
    }
}

impl Way {
    fn open(port: u16, postgres: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let way = Self {
            port,
            is_closed: Arc::default(),
            streams: Arc::default(),
        };
        let (is_closed, streams) = (Arc::clone(&way.is_closed), Arc::clone(&way.streams));
        thread::spawn(move || {
            for near in listener.incoming() {
                if is_closed.load(Ordering::Acquire) {
                    break;
                }
                let near = near.unwrap();
                let far = TcpStream::connect((Ipv4Addr::LOCALHOST, postgres)).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    streams.lock().unwrap().push(from.try_clone().unwrap());
                    thread::spawn(move || {
                        drop(io::copy(&mut from, &mut to));
                        drop(to.shutdown(Shutdown::Both));
                    });
                }
            }
        });
        way
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Release);
        // Whoever accepts looks up, and goes.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        for stream in self.streams.lock().unwrap().iter() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}
