//! Step 3: requests for encryption, and the handshake.
//!
//! A connection opens with an `SSLRequest`, a `GSSENCRequest` (answered with N), both in either
//! order, each at most once; or with a TLS handshake at once (direct TLS, which must name
//! `postgresql` by ALPN). Bytes behind a request were not encrypted and may have been injected:
//! they close the connection (CVE-2021-23214).
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html>, "SSL Session Encryption".

use std::io;

use tidegate_proto::startup::GssencRequest;
use tidegate_proto::startup::Request;
use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::edge::EdgeError;
use crate::edge::accepted::Introduced;
use crate::edge::accepted::Secured;
use crate::edge::deadline::Deadline;
use crate::edge::line::Line;
use crate::edge::terms::Terms;
use crate::edge::tls;
use crate::edge::tls::Alpn;
use crate::edge::tls::TlsFront;
use crate::limits::EDGE_READ_BYTES;
use crate::net::Socket;
use crate::net::Transport;
use crate::tenancy::Origin;

/// Settles whether there is TLS.
///
/// # Errors
/// [`EdgeError`]; the connection is closed. No client is told why: none has said yet that it
/// speaks Postgres.
pub(super) async fn secure(introduced: Introduced, terms: &Terms) -> Result<Secured, EdgeError> {
    let Introduced {
        transport,
        origin,
        deadline,
    } = introduced;
    let mut opening = Opening {
        transport,
        received: Vec::with_capacity(EDGE_READ_BYTES),
        deadline,
    };
    let (mut may_ask_for_tls, mut may_ask_for_gss, mut is_first) = (true, true, true);
    loop {
        match opening.request().await? {
            Request::DirectTls if is_first => {
                let front = terms.tls.as_ref().ok_or(EdgeError::TlsNotOffered)?;
                return opening.handshake(front, Alpn::Required, origin).await;
            },
            Request::DirectTls => return Err(EdgeError::TlsOutOfPlace),
            Request::Ssl if may_ask_for_tls => {
                may_ask_for_tls = false;
                opening.take_request()?;
                if let Some(front) = &terms.tls {
                    opening.answer(SslRequest::ACCEPTED).await?;
                    return opening.handshake(front, Alpn::Optional, origin).await;
                }
                opening.answer(SslRequest::REFUSED).await?;
            },
            Request::Gssenc if may_ask_for_gss => {
                may_ask_for_gss = false;
                opening.take_request()?;
                opening.answer(GssencRequest::REFUSED).await?;
            },
            // A repeated request is, as for Postgres, a startup message of a protocol that nobody
            // speaks; the next step says so.
            Request::Ssl
            | Request::Gssenc
            | Request::Cancel { .. }
            | Request::Startup { .. }
            | Request::Unsupported { .. } => return Ok(opening.without_tls(origin)),
        }
        is_first = false;
    }
}

/// A plain connection whose first bytes are read. What was read beyond a request stays here.
struct Opening {
    transport: Transport,
    received: Vec<u8>,
    deadline: Deadline,
}

impl Opening {
    /// What comes next; its bytes stay in `received`.
    async fn request(&mut self) -> Result<Request, EdgeError> {
        loop {
            let request = Request::classify(&self.received).map_err(EdgeError::Startup)?;
            if let Some(request) = request {
                return Ok(request);
            }
            self.receive().await?;
        }
    }

    async fn receive(&mut self) -> Result<(), EdgeError> {
        let read = self.transport.read_buf(&mut self.received);
        let read = self.deadline.within(read).await.map_err(EdgeError::Late)?;
        match read.map_err(EdgeError::Io)? {
            0 if self.received.is_empty() => Err(EdgeError::Nothing),
            0 => Err(EdgeError::Io(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }

    /// Takes a request for encryption out of what was received: nothing may stand behind it.
    fn take_request(&mut self) -> Result<(), EdgeError> {
        if self.received.len() > SslRequest::BYTES.len() {
            return Err(EdgeError::PlaintextBehindRequest);
        }
        self.received.clear();
        Ok(())
    }

    async fn answer(&mut self, answer: u8) -> Result<(), EdgeError> {
        let write = self.transport.write_u8(answer);
        let written = self.deadline.within(write).await.map_err(EdgeError::Late)?;
        written.map_err(EdgeError::Io)
    }

    async fn handshake(
        self,
        front: &TlsFront,
        alpn: Alpn,
        origin: Origin,
    ) -> Result<Secured, EdgeError> {
        let Self {
            transport,
            received,
            deadline,
        } = self;
        let transport = transport.replaying(&received);
        // Boxed, lest every login hold the room that a handshake needs.
        let handshake = Box::pin(tls::accept(front, transport, alpn));
        let (socket, facts) = deadline
            .within(handshake)
            .await
            .map_err(EdgeError::Late)?
            .map_err(EdgeError::Handshake)?;
        Ok(Secured {
            line: Line::new(socket, Vec::new(), origin, deadline),
            tls: Some(Box::new(facts)),
        })
    }

    fn without_tls(self, origin: Origin) -> Secured {
        let socket = Socket::Plain(self.transport);
        Secured {
            line: Line::new(socket, self.received, origin, self.deadline),
            tls: None,
        }
    }
}

const _: () = assert!(SslRequest::BYTES.len() == GssencRequest::BYTES.len());
