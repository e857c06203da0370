//! Step 6: restrictions. Networks, limits and rates are asked before any password is.
//!
//! A client that is denied is told so here, unless refusals are opaque: then it goes on, doomed, and
//! will look like one with a wrong password.

use tokio::time::Instant;

use crate::admin::access::Role;
use crate::edge::EdgeError;
use crate::edge::accepted::Candidate;
use crate::edge::accepted::Named;
use crate::edge::accepted::Place;
use crate::edge::accepted::Standing;
use crate::edge::accepted::TenantPlace;
use crate::edge::gate::Gate;
use crate::restrictions::Applicant;
use crate::restrictions::Denial;
use crate::restrictions::Disposition;
use crate::restrictions::Seen;
use crate::tenancy::Origin;

/// Decides whether a client may be asked who it is.
///
/// # Errors
/// [`EdgeError::Denied`]: the client was told, and the connection is closed.
pub(super) async fn admit(named: Named, gate: &Gate) -> Result<Candidate, EdgeError> {
    let Named {
        line,
        tls,
        claim,
        place,
    } = named;
    let standing = match place {
        Place::Console => operator(&claim.user, line.origin(), gate),
        Place::Tenant(tenant) => {
            let applicant = Applicant {
                tenant: &tenant,
                user: &claim.user,
                origin: line.origin(),
                is_encrypted: tls.is_some(),
            };
            match gate.admission.admit(&applicant, Instant::now().into_std()) {
                Ok(admitted) => Standing::Admitted(TenantPlace {
                    config: admitted.config,
                    permit: admitted.permit,
                }),
                Err(refused) => match disposition(&refused.denial, gate) {
                    Disposition::DoomedAuthentication => Standing::Doomed {
                        tenant,
                        denial: Box::new(refused.denial),
                    },
                    Disposition::Tell(report) => {
                        line.tell(&report).await;
                        return Err(EdgeError::Denied(Box::new(refused.denial)));
                    },
                },
            }
        },
    };
    Ok(Candidate {
        line,
        tls,
        claim,
        standing,
    })
}

/// What a user of the console may do. Others are asked for a password like them, in vain.
fn operator(user: &str, origin: &Origin, gate: &Gate) -> Standing {
    let config = gate.config.load();
    let has = |names: &[String]| names.iter().any(|name| name == user);
    match &config.console {
        Some(console) if has(&console.admin_users) => Standing::Operator(Role::Admin),
        Some(console) if has(&console.stats_users) => Standing::Operator(Role::Stats),
        Some(_) | None => Standing::Doomed {
            tenant: Box::default(),
            denial: Box::new(Denial::Authentication {
                user: user.into(),
                seen: Seen::from(origin),
            }),
        },
    }
}

fn disposition(denial: &Denial, gate: &Gate) -> Disposition {
    denial.disposition(gate.config.load().node.refusals)
}
