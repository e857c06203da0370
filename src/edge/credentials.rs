//! Which proof a client is asked for, and what it is held against.
//!
//! Whoever does not exist, has no secret, or was doomed before is asked in the same way as everybody
//! else, with a mock that no proof fits.

use std::num::NonZeroU32;
use std::sync::Arc;

use tidegate_proto::limits::SCRAM_ITERATIONS_ASKED_MAX_DEFAULT;
use tidegate_proto::limits::SCRAM_ITERATIONS_DEFAULT;

use crate::auth::ClientAuthentication;
use crate::auth::ClientPolicy;
use crate::auth::Credentials;
use crate::auth::Identity;
use crate::auth::Protection;
use crate::auth::Randomness;
use crate::auth::Secret;
use crate::auth::SecretKind;
use crate::config;
use crate::config::AuthType;
use crate::config::SecretText;
use crate::edge::EdgeError;
use crate::edge::accepted::Candidate;
use crate::edge::accepted::Standing;
use crate::edge::accepted::TenantPlace;
use crate::edge::exchange;
use crate::edge::exchange::Proof;
use crate::edge::exchange::Remember;
use crate::edge::gate::Gate;
use crate::edge::secret_store::Question;
use crate::edge::terms::Terms;

/// Asks the client for a proof.
///
/// # Errors
/// [`EdgeError`]: the client broke the protocol, left, or was too late; or its tenant's database
/// could not be asked for its secret.
pub(super) async fn prove(
    candidate: &mut Candidate,
    terms: &Terms,
    gate: &Gate,
) -> Result<Proof, EdgeError> {
    let auth_type = match &candidate.standing {
        Standing::Admitted(place) => place.config.auth_type,
        Standing::Operator(_) | Standing::Doomed { .. } => None,
    };
    let auth_type = auth_type.unwrap_or(terms.listener.auth_type);
    let found = find(candidate, gate).await?;
    let policy = policy(candidate, terms, gate);
    let identity = identity(candidate, found.credentials);
    let step = ClientAuthentication::begin(auth_type, identity, &policy, randomness(gate));
    let remember = match auth_type {
        AuthType::Plain => Remember::WhenProven,
        AuthType::ScramSha256 | AuthType::Md5 | AuthType::Cert | AuthType::Trust => {
            Remember::AtOnce
        },
    };
    let proof = exchange::prove(&mut candidate.line, step, &gate.secrets, remember).await?;
    if let (Proof::Failed, Source::LookedUp, Standing::Admitted(place)) =
        (&proof, found.source, &candidate.standing)
    {
        let slot = place.permit.tenant().slot();
        gate.secrets.login_failed(slot, &candidate.claim.user);
    }
    Ok(proof)
}

struct Found {
    credentials: Credentials,
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Configured,
    LookedUp,
}

/// What is known of the user.
async fn find(candidate: &Candidate, gate: &Gate) -> Result<Found, EdgeError> {
    let user = &candidate.claim.user;
    let credentials = match &candidate.standing {
        Standing::Doomed { .. } => Credentials::Unknown,
        Standing::Operator(_) => {
            let config = gate.config.load();
            let users = config.console.as_ref().map(|console| &console.users);
            match users.and_then(|users| users.get(user)) {
                Some(secret) => read(secret),
                None => Credentials::WithoutSecret,
            }
        },
        Standing::Admitted(place) => {
            let row = place.config.users.get(user);
            let secret = row.and_then(|row| row.secret.as_ref());
            match (secret, &place.config.auth_query) {
                (Some(secret), _) => read(secret),
                (None, Some(query)) => return look_up(candidate, place, query, gate).await,
                (None, None) if row.is_some() => Credentials::WithoutSecret,
                (None, None) => Credentials::Unknown,
            }
        },
    };
    Ok(Found {
        credentials,
        source: Source::Configured,
    })
}

async fn look_up(
    candidate: &Candidate,
    place: &TenantPlace,
    query: &config::AuthQuery,
    gate: &Gate,
) -> Result<Found, EdgeError> {
    let label = &candidate.claim.database;
    let databases = place.config.databases.as_ref();
    let question = Question {
        tenant: place.permit.tenant(),
        query,
        database: databases.and_then(|map| map.get(label)).unwrap_or(label),
        user: &candidate.claim.user,
    };
    let answer = gate.secrets.credentials(question, gate.lookups.as_deref());
    let answer = candidate.line.within(answer).await?;
    Ok(Found {
        credentials: answer.map_err(EdgeError::Lookup)?,
        source: Source::LookedUp,
    })
}

/// The configuration was checked when it was loaded; what is no secret all the same lets nobody in.
fn read(secret: &SecretText) -> Credentials {
    match Secret::of(secret) {
        Ok(secret) => Credentials::Secret(secret),
        Err(error) => {
            tracing::error!(%error, "a configured secret cannot be read");
            Credentials::WithoutSecret
        },
    }
}

fn identity(candidate: &Candidate, credentials: Credentials) -> Identity<'_> {
    let origin = candidate.line.origin();
    let certificate_name = candidate
        .tls
        .as_ref()
        .and_then(|tls| tls.client_name.clone());
    Identity {
        tenant: candidate.standing.tenant_name(),
        user: &candidate.claim.user,
        name_sent: &candidate.claim.name_sent,
        credentials,
        protection: match &candidate.tls {
            Some(tls) => Protection::Tls {
                binding: tls.binding.clone(),
            },
            None if origin.peer().is_local() && !origin.is_proxied() => Protection::Local,
            None => Protection::None,
        },
        certificate_name,
    }
}

fn policy(candidate: &Candidate, terms: &Terms, gate: &Gate) -> ClientPolicy {
    let (usual_kind, usual_iterations) = match &candidate.standing {
        Standing::Admitted(place) => usual(&place.config),
        Standing::Operator(_) | Standing::Doomed { .. } => USUAL,
    };
    // A certificate that names the user alone names one of the listener's own tenant.
    let tenant = candidate.standing.tenant_name();
    let is_default = terms.listener.default_tenant.as_deref() == Some(tenant);
    ClientPolicy {
        mock_key: gate.mock_key.clone(),
        usual_kind,
        usual_iterations,
        iterations_max: SCRAM_ITERATIONS_ASKED_MAX_DEFAULT,
        bare_common_name: is_default || matches!(candidate.standing, Standing::Operator(_)),
    }
}

const USUAL: (SecretKind, NonZeroU32) = (
    SecretKind::Password,
    NonZeroU32::new(SCRAM_ITERATIONS_DEFAULT).unwrap(),
);

/// The form that a tenant's secrets have: that of the first, for a tenant's users are made alike.
/// Those that are looked up are verifiers.
fn usual(config: &Arc<config::Tenant>) -> (SecretKind, NonZeroU32) {
    let mut secrets = config
        .users
        .values()
        .filter_map(|user| user.secret.as_ref());
    let (kind, iterations) = USUAL;
    match secrets.find_map(|secret| Secret::of(secret).ok()) {
        Some(Secret::Scram(secret)) => (SecretKind::Scram, secret.iterations()),
        Some(secret) => (secret.kind(), iterations),
        None if config.auth_query.is_some() => (SecretKind::Scram, iterations),
        None => (kind, iterations),
    }
}

fn randomness(gate: &Gate) -> Randomness {
    let mut randomness = Randomness {
        nonce: Default::default(),
        md5_salt: Default::default(),
    };
    (gate.random)(&mut randomness.nonce);
    (gate.random)(&mut randomness.md5_salt);
    randomness
}
