//! Step 7: the client proves who it is.
//!
//! A wrong password, a user that does not exist and a client that was doomed before get the very
//! same bytes. What came of it is settled with the throttle before the client hears anything.

use tokio::time::Instant;

use crate::edge::EdgeError;
use crate::edge::accepted::Candidate;
use crate::edge::accepted::Proven;
use crate::edge::accepted::Seat;
use crate::edge::accepted::Standing;
use crate::edge::credentials;
use crate::edge::exchange::Proof;
use crate::edge::gate::Gate;
use crate::edge::terms::Terms;
use crate::restrictions::Attempt;
use crate::restrictions::Denial;
use crate::restrictions::LoginOutcome;
use crate::restrictions::Seen;
use crate::restrictions::Settled;

/// Lets a client prove who it is.
///
/// # Errors
/// [`EdgeError`]: it did not. It was told, and the connection is closed.
pub(super) async fn authenticate(
    mut candidate: Candidate,
    terms: &Terms,
    gate: &Gate,
) -> Result<Proven, EdgeError> {
    let refusals = gate.config.load().node.refusals;
    let attempt = match begin(&candidate, gate) {
        Ok(attempt) => attempt,
        Err(denial) => {
            candidate.line.tell(&denial.report(refusals)).await;
            return Err(EdgeError::Denied(Box::new(denial)));
        },
    };
    let (outcome, message, keys) = match credentials::prove(&mut candidate, terms, gate).await {
        Ok(Proof::Proven { message, keys }) => (LoginOutcome::Proven, message, keys),
        Ok(Proof::Failed) => (LoginOutcome::Failed, Vec::new(), None),
        Err(error) => return Err(candidate.line.refuse(error).await),
    };
    let now = Instant::now().into_std();
    let settled = gate.throttle.settle(attempt, outcome, now);
    let Candidate {
        line,
        claim,
        standing,
        ..
    } = candidate;
    let seat = match (settled, standing) {
        (Settled::Proven, Standing::Admitted(place)) => Seat::Tenant(place, keys),
        (Settled::Proven, Standing::Operator(role)) => Seat::Console(role),
        (settled, standing) => {
            let words = Denial::Authentication {
                user: claim.user.into(),
                seen: Seen::from(line.origin()),
            };
            line.tell(&words.report(refusals)).await;
            return Err(EdgeError::Denied(Box::new(reason(
                words, settled, standing,
            ))));
        },
    };
    Ok(Proven {
        line,
        claim,
        seat,
        message,
    })
}

fn begin(candidate: &Candidate, gate: &Gate) -> Result<Attempt, Denial> {
    let origin = candidate.line.origin();
    let tenant = candidate.standing.tenant_name();
    let now = Instant::now().into_std();
    gate.throttle
        .begin(origin.client(), tenant, now)
        .map_err(|throttled| Denial::Throttled {
            seen: Seen::from(origin),
            throttled,
        })
}

/// Why a client was really refused, whatever it was told.
fn reason(told: Denial, settled: Settled, standing: Standing) -> Denial {
    match (settled, standing, told) {
        (Settled::Throttled(throttled), _, Denial::Authentication { seen, .. }) => {
            Denial::Throttled { seen, throttled }
        },
        (_, Standing::Doomed { denial, .. }, _) => *denial,
        (_, Standing::Admitted(_) | Standing::Operator(_), told) => told,
    }
}
