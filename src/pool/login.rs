//! Logging in to a server: `StartupMessage`, authentication, and what it says of itself until it is
//! ready for the first query.
//!
//! Nothing that a client sent is part of it: a client's parameters are applied when it is lent the
//! server, so that no client decides what the next one finds.
//!
//! See "Start-up", <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use std::cell::RefCell;
use std::io;

use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::tag;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::startup::ProtocolVersion;
use tidegate_proto::startup::StartupMessage;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::auth::AuthError;
use crate::auth::DerivedKeys;
use crate::auth::ServerAuthentication;
use crate::auth::ServerStep;
use crate::limits::LOGIN_MESSAGE_BYTES_MAX;
use crate::limits::REPORTED_COUNT_MAX;
use crate::net::Socket;
use crate::pool::BackendKey;
use crate::pool::Notices;
use crate::pool::PoolError;
use crate::pool::Reported;
use crate::pool::credentials;
use crate::pool::injected;

/// What a server said at login.
#[derive(Debug, Default)]
pub(super) struct LoggedIn {
    pub(super) key: BackendKey,
    pub(super) parameters: Reported,
    pub(super) notices: Notices,
}

/// Who logs in, and to what.
pub(super) struct Login<'a> {
    /// The user, by its name on the server.
    pub(super) user: &'a str,
    /// The database.
    pub(super) database: &'a str,
    /// Settings of the session.
    pub(super) settings: &'a [(&'a str, &'a str)],
    /// How the user proves who it is.
    pub(super) authentication: ServerAuthentication,
    /// Keys that were derived before.
    pub(super) keys: &'a RefCell<DerivedKeys>,
}

impl Login<'_> {
    /// Logs in over a fresh connection.
    ///
    /// # Errors
    ///
    /// [`PoolError`]: the server's own words if it refused, otherwise what went wrong.
    pub(super) async fn log_in(self, socket: &mut Socket) -> Result<LoggedIn, PoolError> {
        let who = [("user", self.user), ("database", self.database)];
        let parameters = who.iter().chain(self.settings);
        let parameters = parameters.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut message = Vec::new();
        StartupMessage::encode(ProtocolVersion::V3_0, parameters, &mut message)?;
        send(socket, &message).await?;
        let mut authentication = Some(self.authentication);
        let mut logged_in = LoggedIn::default();
        let mut body = Vec::new();
        loop {
            let tag = receive(socket, &mut body).await?;
            match tag {
                tag::AUTHENTICATION => {
                    let asked = authentication.take().ok_or(out_of_place(tag))?;
                    authentication = answer(self.keys, socket, asked.receive(&body)).await?;
                },
                tag::ERROR_RESPONSE => return Err(PoolError::refused_by_server(&body)),
                _ if authentication.is_some() => return Err(out_of_place(tag)),
                tag::PARAMETER_STATUS => learn(&body, &mut logged_in)?,
                tag::BACKEND_KEY_DATA => {
                    let data = BackendKeyData::decode(&body).map_err(PoolError::ServerViolation)?;
                    logged_in.key = BackendKey {
                        process_id: data.process_id,
                        secret: data.key.as_bytes().into(),
                    };
                },
                tag::READY_FOR_QUERY => return Ok(logged_in),
                tag::NOTICE_RESPONSE => {
                    let has_key = !logged_in.key.secret.is_empty();
                    logged_in.notices.keep(&body, has_key);
                },
                tag::NEGOTIATE_PROTOCOL_VERSION => {},
                unexpected => return Err(out_of_place(unexpected)),
            }
        }
    }
}

/// Answers one request of the server; `None` once we are logged in.
async fn answer(
    known: &RefCell<DerivedKeys>,
    socket: &mut Socket,
    step: Result<ServerStep, AuthError>,
) -> Result<Option<ServerAuthentication>, PoolError> {
    let mut step = step.map_err(PoolError::Login)?;
    loop {
        step = match step {
            ServerStep::Answer { message, next } => {
                send(socket, &message).await?;
                return Ok(Some(next));
            },
            ServerStep::Wait { next } => return Ok(Some(next)),
            ServerStep::Done => return Ok(None),
            ServerStep::Derive { derivation, next } => {
                let keys = credentials::derive(known, &derivation).await;
                // A password of the configuration, not a guess: worth remembering at once.
                known.borrow_mut().insert(&derivation, keys.clone());
                next.resume(&keys).map_err(PoolError::Login)?
            },
        };
    }
}

fn learn(body: &[u8], logged_in: &mut LoggedIn) -> Result<(), PoolError> {
    if logged_in.parameters.len() >= REPORTED_COUNT_MAX {
        return Err(out_of_place(tag::PARAMETER_STATUS));
    }
    if let Some((name, value)) = injected::parameter_status(body) {
        logged_in.parameters.push((name.into(), value.into()));
    }
    Ok(())
}

async fn send(socket: &mut Socket, bytes: &[u8]) -> Result<(), PoolError> {
    if bytes.is_empty() {
        return Ok(());
    }
    socket.write_all(bytes).await.map_err(PoolError::Broke)?;
    socket.flush().await.map_err(PoolError::Broke)
}

/// Reads one message of at most `LOGIN_MESSAGE_BYTES_MAX`.
async fn receive(socket: &mut Socket, body: &mut Vec<u8>) -> Result<u8, PoolError> {
    let mut header = [0; FRAME_HEADER_BYTES];
    socket
        .read_exact(&mut header)
        .await
        .map_err(PoolError::Broke)?;
    let header =
        FrameHeader::parse(Sender::Backend, &header).map_err(PoolError::ServerViolation)?;
    let Some(header) = header else {
        return Err(PoolError::Broke(io::ErrorKind::UnexpectedEof.into()));
    };
    let length = header.body_bytes();
    if length > LOGIN_MESSAGE_BYTES_MAX {
        return Err(out_of_place(header.tag()));
    }
    body.clear();
    body.resize(length, 0);
    socket.read_exact(body).await.map_err(PoolError::Broke)?;
    Ok(header.tag())
}

fn out_of_place(tag: u8) -> PoolError {
    PoolError::ServerViolation(Violation::out_of_place(Sender::Backend, tag))
}
