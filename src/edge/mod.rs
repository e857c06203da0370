//! The edge: bytes arrive, and a client of a tenant leaves, or nothing.
//!
//! One login is the calls of `log_in`, one below the other; each takes the state that the one before
//! it made, and all of them stand under one deadline that counts from accept. Nothing here touches a
//! server, and nothing of a client is believed before the step that proves it.
//!
//! See DESIGN, "One query in a straight line", steps 1 to 7.

mod accept_errors;
mod accepted;
mod admission;
mod authenticate;
mod cancel_request;
mod credentials;
mod deadline;
mod error;
mod exchange;
mod gate;
mod identity;
mod line;
mod listener;
mod negotiation;
mod outcome;
mod proxy_header;
mod refusal;
mod secret_store;
mod socket_file;
mod startup;
mod startup_options;
mod terms;
mod tls;
mod trail;
mod welcome;

pub use cancel_request::CancelSink;
pub use cancel_request::Canceled;
pub use cancel_request::SessionKey;
pub use deadline::Late;
pub use error::EdgeError;
pub use gate::Gate;
pub use gate::Randomness;
pub use listener::Accepted;
pub use listener::Bound;
pub use listener::ListeningSocket;
pub use listener::Sharing;
pub use outcome::Closed;
pub use outcome::ClosedReason;
pub use outcome::Outcome;
pub use secret_store::Answer;
pub use secret_store::LookupError;
pub use secret_store::Question;
pub use secret_store::SecretLookups;
pub use secret_store::SecretStore;
pub use terms::ListenerRuntime;
pub use terms::Terms;
pub use tls::HandshakeError;
pub use tls::TlsError;

use deadline::Deadline;
use startup::Opening;
use trail::Trail;

use crate::restrictions::BacklogGuard;

/// Takes one connection from accept to where it belongs, and logs it if that is nowhere.
///
/// The future is large while a handshake runs: the caller boxes it. It may be dropped at any time;
/// the connection is closed then. Its caller counts what became of it.
pub async fn serve(accepted: Accepted, listener: &ListenerRuntime, gate: &Gate) -> Outcome {
    let terms = listener.terms();
    let mut trail = Trail::new(&accepted);
    let ended = match gate.backlog.enter() {
        Ok(place) => log_in(accepted, place, &terms, gate, &mut trail).await,
        Err(full) => Err(EdgeError::Denied(Box::new(full.into()))),
    };
    ended.unwrap_or_else(|error| trail.end(ClosedReason::Failed(error), gate))
}

/// The login. `place` is given back at its end, whatever that is.
async fn log_in(
    accepted: Accepted,
    mut place: BacklogGuard,
    terms: &Terms,
    gate: &Gate,
    trail: &mut Trail,
) -> Result<Outcome, EdgeError> {
    let listener = &*terms.listener;
    let (accepted_at, local) = (accepted.at, accepted.local);
    let timeout = gate.config.load().node.client_login_timeout;
    let deadline = Deadline::after(accepted_at, timeout);

    let introduced = proxy_header::read(accepted, listener, deadline).await?;
    trail.comes_from(&introduced.origin);
    place
        .attribute(introduced.origin.client())
        .map_err(|full| EdgeError::Denied(Box::new(full.into())))?;
    let secured = negotiation::secure(introduced, terms).await?;
    let started = match startup::read(secured).await? {
        Opening::Startup(started) => started,
        Opening::Cancel(cancel) => return Ok(trail.end(cancel.hand_on(gate), gate)),
    };
    let named = identity::resolve(started, listener, gate).await?;
    trail.is_for(&named);
    let candidate = admission::admit(named, gate).await?;
    let proven = authenticate::authenticate(candidate, terms, gate).await?;
    welcome::welcome(
        proven,
        (listener.pool_mode, listener.route),
        accepted_at,
        local,
    )
    .await
}

#[cfg(test)]
mod tests;
