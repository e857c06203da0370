//! Which proof a client is asked for, and what it is held against.
//!
//! Whoever does not exist, has no secret, or was doomed before is asked in the same way as everybody
//! else, with a mock that no proof fits: same messages, same salt each time, same cost.

use std::num::NonZeroU32;

use tidegate_proto::limits::SCRAM_ITERATIONS_DEFAULT;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;

use crate::config::AuthType;
use crate::config::SecretText;
use crate::edge::EdgeError;
use crate::edge::accepted::Candidate;
use crate::edge::accepted::Standing;
use crate::edge::exchange;
use crate::edge::exchange::Proof;
use crate::edge::gate::Gate;
use crate::edge::terms::Terms;

/// Asks the client for a proof.
///
/// # Errors
/// [`EdgeError`]: the client broke the protocol, left, or was too late.
pub(super) async fn prove(
    candidate: &mut Candidate,
    terms: &Terms,
    gate: &Gate,
) -> Result<Proof, EdgeError> {
    let auth_type = match &candidate.standing {
        Standing::Admitted(place) => place.config.auth_type,
        Standing::Operator(_) | Standing::Doomed { .. } => None,
    };
    match auth_type.unwrap_or(terms.listener.auth_type) {
        AuthType::Trust => Ok(without_proof(candidate, true)),
        AuthType::Cert => {
            let shown = candidate.tls.as_ref();
            let name = shown.and_then(|tls| tls.client_certificate.as_ref()?.as_str());
            Ok(without_proof(
                candidate,
                name == Some(&candidate.claim.user),
            ))
        },
        AuthType::ScramSha256 | AuthType::Md5 | AuthType::Plain => {
            let (first, secret) = scram(candidate, gate);
            let can_bind = candidate
                .tls
                .as_ref()
                .is_some_and(|tls| tls.binding.is_some());
            let offered: &[Mechanism] = if can_bind {
                &[Mechanism::ScramSha256Plus, Mechanism::ScramSha256]
            } else {
                &[Mechanism::ScramSha256]
            };
            exchange::scram(&mut candidate.line, first, secret, offered).await
        },
    }
}

/// Where nothing is asked, only the doomed are refused.
const fn without_proof(candidate: &Candidate, is_known: bool) -> Proof {
    match candidate.standing {
        Standing::Admitted(_) | Standing::Operator(_) if is_known => Proof::Proven(None),
        Standing::Admitted(_) | Standing::Operator(_) | Standing::Doomed { .. } => Proof::Failed,
    }
}

fn scram(candidate: &Candidate, gate: &Gate) -> (ServerFirst, Option<ScramSecret>) {
    let mut nonce = RawNonce::default();
    (gate.random)(&mut nonce);
    let binding = candidate.tls.as_ref().and_then(|tls| tls.binding.clone());
    let (tenant, user) = (candidate.standing.tenant_name(), &candidate.claim.user);
    let (tenant, user) = (tenant.as_bytes(), user.as_bytes());
    let iterations = NonZeroU32::new(SCRAM_ITERATIONS_DEFAULT).unwrap_or(NonZeroU32::MIN);
    let secret = secret(candidate, gate).and_then(|secret| {
        let text = secret.reveal();
        if ScramSecret::is_scram_secret(text) {
            return ScramSecret::parse(text).ok();
        }
        let salt = gate.mock_key.salt(tenant, user);
        ScramSecret::from_password(text.as_bytes(), &salt, iterations).ok()
    });
    if let Some(secret) = secret {
        let first = ServerFirst::new(secret.clone(), binding, nonce);
        return (first, Some(secret));
    }
    let mock = gate.mock_key.secret(tenant, user, iterations);
    (ServerFirst::doomed(mock, binding, nonce), None)
}

fn secret(candidate: &Candidate, gate: &Gate) -> Option<SecretText> {
    let user = &candidate.claim.user;
    match &candidate.standing {
        Standing::Admitted(place) => place.config.users.get(user)?.secret.clone(),
        Standing::Operator(_) => {
            let config = gate.config.load();
            config.console.as_ref()?.users.get(user).cloned()
        },
        Standing::Doomed { .. } => None,
    }
}
