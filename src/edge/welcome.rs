//! The end of the edge: what a client wants is checked against its tenant.
//!
//! `AuthenticationOk` is the last thing that the edge says. A session sends it in one write with what
//! it says itself.

use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_proto::backend::Authentication;
use tidegate_proto::startup::Replication;
use tokio::time::Instant;

use crate::admin::Operator;
use crate::config;
use crate::config::PoolMode;
use crate::config::Route;
use crate::edge::EdgeError;
use crate::edge::accepted::Claim;
use crate::edge::accepted::Proven;
use crate::edge::accepted::Seat;
use crate::edge::accepted::TenantPlace;
use crate::edge::line::Line;
use crate::edge::outcome::Outcome;
use crate::edge::refusal;
use crate::pool::PoolKey;
use crate::session::Arrival;

/// Lets a client in.
///
/// # Errors
/// [`EdgeError`]: the tenant has no such database, or the pool mode cannot do what is asked; the
/// client was told, and the connection is closed.
pub(super) async fn welcome(
    proven: Proven,
    (listener_mode, route): (Option<PoolMode>, Route),
    accepted_at: Instant,
    local: Option<SocketAddr>,
) -> Result<Outcome, EdgeError> {
    let Proven {
        mut line,
        claim,
        seat,
        message,
    } = proven;
    line.say(message);
    match seat {
        Seat::Console(role) => {
            let origin = line.origin().clone();
            say_ok(&mut line)?;
            line.send().await?;
            let (socket, _) = line.into_parts();
            Ok(Outcome::Operator(Box::new(Operator {
                socket,
                origin,
                name: claim.user,
                role,
                database: claim.database,
                parameters: claim.parameters,
            })))
        },
        Seat::Tenant(place, client_keys) => {
            let destination = match Destination::of(&claim, &place, listener_mode) {
                Ok(destination) => destination,
                Err(error) => return Err(line.refuse(error).await),
            };
            let origin = line.origin().clone();
            say_ok(&mut line)?;
            let (socket, greeting) = line.into_parts();
            let local = local.or_else(|| socket.transport().local_address());
            Ok(Outcome::Session(Box::new(Arrival {
                socket,
                greeting,
                origin,
                local,
                tenant: Arc::clone(place.permit.tenant()),
                user: destination.user,
                key: destination.key,
                database_label: claim.database,
                parameters: claim.parameters,
                replication: claim.replication,
                protocol_minor: claim.protocol_minor,
                pool_mode: destination.pool_mode,
                route,
                permit: place.permit,
                client_keys,
                accepted_at,
            })))
        },
    }
}

/// Puts `AuthenticationOk` behind what the exchange left to be sent.
fn say_ok(line: &mut Line) -> Result<(), EdgeError> {
    Authentication::Ok
        .encode(line.outgoing())
        .map_err(EdgeError::Encode)
}

/// Where in its tenant a client is going.
struct Destination {
    user: Arc<config::User>,
    key: PoolKey,
    pool_mode: PoolMode,
}

impl Destination {
    fn of(
        claim: &Claim,
        place: &TenantPlace,
        listener_mode: Option<PoolMode>,
    ) -> Result<Self, EdgeError> {
        let config = &place.config;
        let database = match &config.databases {
            None => &claim.database,
            Some(databases) => databases
                .get(&claim.database)
                .ok_or_else(|| EdgeError::NoDatabase(claim.database.as_str().into()))?,
        };
        let user = config.user(&claim.user);
        let pool_mode = match listener_mode {
            Some(mode) if !user.pool.pool_mode_set => mode,
            Some(_) | None => user.pool.pool_mode,
        };
        if claim.replication != Replication::None && pool_mode != PoolMode::Session {
            let report = refusal::replication_needs_session_mode();
            return Err(EdgeError::Refused(Box::new(report)));
        }
        Ok(Self {
            key: PoolKey::new(place.permit.tenant(), database, &user.name),
            user,
            pool_mode,
        })
    }
}
