//! Whom Tidegate is to a server, and how it proves that.
//!
//! The stored secret goes first: `server_secret`, else the user's own. Where only a SCRAM verifier is
//! stored, or nothing, the keys that the client's own login revealed are used: they open a server
//! that stores the same secret, and nothing else.

use std::cell::RefCell;

use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::sqlstate::SqlState;

use crate::auth::Derivation;
use crate::auth::DerivedKeys;
use crate::auth::Protection;
use crate::auth::Secret;
use crate::auth::ServerAuthentication;
use crate::auth::ServerPolicy;
use crate::auth::ServerSecret;
use crate::auth::channel_binding;
use crate::net::Socket;
use crate::net::Transport;
use crate::pool::Pool;
use crate::pool::PoolError;

/// The user that a pool logs in as.
pub(super) fn server_user(pool: &Pool) -> String {
    let user = pool.user();
    user.server_user
        .clone()
        .unwrap_or_else(|| user.name.clone())
}

/// A login over this connection, that waits for the server's first request.
///
/// # Errors
///
/// [`PoolError::Secret`]: the stored secret is none. The operator's fault.
pub(super) fn authentication(
    pool: &Pool,
    socket: &Socket,
) -> Result<ServerAuthentication, PoolError> {
    let user = pool.user();
    let stored = match &user.server_secret {
        Some(secret) => Some(secret),
        // A user that logs in to the server as somebody else has no secret in common with it.
        None if user.server_user.is_none() => user.secret.as_ref(),
        None => None,
    };
    let stored = stored
        .map(|secret| Secret::parse(secret.reveal()))
        .transpose()
        .map_err(PoolError::Secret)?;
    let revealed = match user.server_user {
        None => pool.client_keys.borrow().clone(),
        Some(_) => None,
    };
    let policy = ServerPolicy {
        iterations_max: user.pool.scram_iterations_max,
        cleartext: user.pool.server_password_cleartext,
        // Postgres may know us by our certificate, our address or our unix user.
        unchallenged: true,
    };
    let mut nonce = RawNonce::default();
    (pool.home.random)(&mut nonce);
    Ok(ServerAuthentication::new(
        &server_user(pool),
        ServerSecret::of(stored, revealed),
        protection(socket),
        policy,
        nonce,
    ))
}

/// Whose fault a failed login is. What the client has proven is held against the server as it is, so
/// that the client hears the server's own words. They would be a lie where the configuration names
/// another user, or another secret.
pub(super) fn blame(pool: &Pool, error: PoolError) -> PoolError {
    let user = pool.user();
    let is_configured = user.server_user.is_some() || user.server_secret.is_some();
    if let PoolError::ServerRefused { sqlstate, .. } = &error
        && is_configured
        && is_about_whoever_logs_in(*sqlstate)
    {
        return PoolError::OwnLoginRefused(Box::new(error));
    }
    error
}

/// A wrong password, a role that may not log in, no line in `pg_hba.conf`, no right to connect.
fn is_about_whoever_logs_in(sqlstate: SqlState) -> bool {
    sqlstate.as_str().starts_with("28") || sqlstate == SqlState::INSUFFICIENT_PRIVILEGE
}

/// Derives keys where it delays nobody, unless they were derived before.
pub(super) async fn derive(known: &RefCell<DerivedKeys>, derivation: &Derivation) -> ScramKeys {
    let found = known.borrow_mut().get(derivation);
    match found {
        Some(keys) => keys,
        None => run(derivation.clone()).await,
    }
}

async fn run(derivation: Derivation) -> ScramKeys {
    let again = derivation.clone();
    let derived = tokio::task::spawn_blocking(move || derivation.run()).await;
    // The runtime refuses blocking work only while it is going down.
    derived.unwrap_or_else(|_| again.run())
}

pub(super) fn protection(socket: &Socket) -> Protection {
    match socket {
        Socket::ServerTls(stream) => Protection::Tls {
            binding: stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(|chain| chain.first())
                .and_then(|certificate| channel_binding(certificate)),
        },
        Socket::Plain(Transport::Tcp(stream)) => match stream.peer_addr() {
            Ok(address) if address.ip().is_loopback() => Protection::Local,
            _ => Protection::None,
        },
        Socket::Plain(Transport::Unix(_) | Transport::Memory(_)) => Protection::Local,
        Socket::Plain(Transport::Replayed(_) | Transport::Parked(_)) | Socket::ClientTls(_) => {
            Protection::None
        },
    }
}
