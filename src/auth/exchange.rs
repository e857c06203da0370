//! `ClientAuthentication`: which request a client gets, and what its answers prove.
//!
//! A user that does not exist gets the requests of one that does, and ends as a wrong password
//! does. After a failure nothing more is asked: the client is told once and the connection closes.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use tidegate_proto::backend::Authentication;
use tidegate_proto::md5::Md5Salt;
use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramKeys;

use crate::auth::client_policy::ClientPolicy;
use crate::auth::credentials::ClientKeys;
use crate::auth::credentials::Credentials;
use crate::auth::credentials::Identity;
use crate::auth::credentials::Protection;
use crate::auth::derivation::Derivation;
use crate::auth::error::AuthError;
use crate::auth::password_check::Md5Check;
use crate::auth::password_check::PasswordAwaitingKeys;
use crate::auth::password_check::PasswordCheck;
use crate::auth::password_check::PasswordStep;
use crate::auth::sasl::Sasl;
use crate::auth::sasl::SaslAwaitingKeys;
use crate::auth::sasl::SaslStep;
use crate::auth::secret::SecretKind;
use crate::config::AuthType;

/// Random numbers for one authentication, from the system's generator.
#[derive(Debug, Clone, Copy)]
pub struct Randomness {
    /// Our part of the SCRAM nonce.
    pub nonce: RawNonce,
    /// The salt of `AuthenticationMD5Password`.
    pub md5_salt: Md5Salt,
}

/// What to do next.
#[derive(Debug)]
#[must_use]
pub enum ClientStep {
    /// Send `message`, a whole one, and give the body of the client's next message to `next`, if
    /// its tag is `p`; another tag is a violation of the protocol.
    Ask {
        /// The request.
        message: Vec<u8>,
        /// What takes the answer.
        next: ClientAuthentication,
    },
    /// Have keys derived, where it delays nobody, and give them to `next`.
    Derive {
        /// From what.
        derivation: Derivation,
        /// What takes the keys.
        next: AwaitingKeys,
    },
    /// The client is who it says. `message`, which may be empty, is due before `AuthenticationOk`;
    /// that one is the caller's to send, who may still have a reason to refuse the client.
    Done {
        /// `AuthenticationSASLFinal`, after SCRAM.
        message: Vec<u8>,
        /// What the client revealed, to log in to a server that stores the same secret.
        keys: Option<ClientKeys>,
    },
    /// It is not. Tell it [`AuthError::message_for`] and close the connection.
    Failed(AuthError),
}

/// An authentication that waits for the client's next message.
///
/// ```text
///  begin ─ scram-sha-256 ─▶ SASL ──SASLInitialResponse──▶ SASLContinue ──SASLResponse──▶ Done │ Failed
///        ├ md5 ───────────▶ MD5Password ───────PasswordMessage────────────────────────▶ Done │ Failed
///        ├ plain ─────────▶ CleartextPassword ─PasswordMessage────────────────────────▶ Done │ Failed
///        └ cert, trust ───────────────────────────────────────────────────────────────▶ Done │ Failed
/// ```
#[derive(Debug)]
pub struct ClientAuthentication(State);

#[derive(Debug)]
enum State {
    Sasl(Sasl),
    Md5(Md5Check),
    Password(PasswordCheck),
}

impl ClientAuthentication {
    /// Begins to authenticate a client.
    ///
    /// A stored SCRAM verifier is met by SCRAM under `md5` too, as PgBouncer does it. `trust` and
    /// `cert` admit only users that exist, and say so for others as for a wrong proof.
    pub fn begin(
        auth_type: AuthType,
        identity: Identity<'_>,
        policy: &ClientPolicy,
        randomness: Randomness,
    ) -> ClientStep {
        let kind = match &identity.credentials {
            Credentials::Secret(secret) => secret.kind(),
            Credentials::Unknown | Credentials::WithoutSecret => policy.usual_kind,
        };
        let step = match (auth_type, kind) {
            (AuthType::ScramSha256, _) | (AuthType::Md5, SecretKind::Scram) => {
                Sasl::begin(identity, policy, randomness.nonce).map(ClientStep::from)
            },
            (AuthType::Md5, SecretKind::Password | SecretKind::Md5) => {
                begin_md5(identity, policy, randomness.md5_salt)
            },
            (AuthType::Plain, _) => begin_password(identity, kind, policy),
            (AuthType::Cert, _) if is_certified(&identity, policy) => Ok(done(None)),
            (AuthType::Cert, _) => Err(AuthError::CertificateRefused),
            (AuthType::Trust, _) => match identity.credentials {
                Credentials::Unknown => Err(AuthError::PasswordRefused),
                Credentials::WithoutSecret | Credentials::Secret(_) => Ok(done(None)),
            },
        };
        step.unwrap_or_else(ClientStep::Failed)
    }

    /// Takes the body of the client's answer.
    pub fn receive(self, body: &[u8]) -> ClientStep {
        let step = match self.0 {
            State::Sasl(sasl) => sasl.receive(body).map(ClientStep::from),
            State::Md5(check) => check.receive(body).map(|()| done(None)),
            State::Password(check) => check.receive(body).map(ClientStep::from),
        };
        step.unwrap_or_else(ClientStep::Failed)
    }
}

/// An authentication that waits for keys.
#[derive(Debug)]
pub struct AwaitingKeys(KeyState);

#[derive(Debug)]
enum KeyState {
    Sasl(SaslAwaitingKeys),
    Password(PasswordAwaitingKeys),
}

impl AwaitingKeys {
    /// Goes on with the keys that the [`Derivation`] gave.
    pub fn resume(self, keys: ScramKeys) -> ClientStep {
        let step = match self.0 {
            KeyState::Sasl(sasl) => sasl.resume(&keys).map(ClientStep::from),
            KeyState::Password(check) => check
                .resume(keys)
                .map(|client_keys| done(Some(client_keys))),
        };
        step.unwrap_or_else(ClientStep::Failed)
    }
}

impl From<SaslStep> for ClientStep {
    fn from(step: SaslStep) -> Self {
        match step {
            SaslStep::Ask { message, next } => Self::Ask {
                message,
                next: ClientAuthentication(State::Sasl(next)),
            },
            SaslStep::Derive { derivation, next } => Self::Derive {
                derivation,
                next: AwaitingKeys(KeyState::Sasl(next)),
            },
            SaslStep::Done { message, keys } => Self::Done { message, keys },
        }
    }
}

impl From<PasswordStep> for ClientStep {
    fn from(step: PasswordStep) -> Self {
        match step {
            PasswordStep::Derive { derivation, next } => Self::Derive {
                derivation,
                next: AwaitingKeys(KeyState::Password(next)),
            },
            PasswordStep::Right => done(None),
        }
    }
}

fn begin_md5(
    identity: Identity<'_>,
    policy: &ClientPolicy,
    salt: Md5Salt,
) -> Result<ClientStep, AuthError> {
    let mut message = Vec::new();
    Authentication::Md5Password { salt }.encode(&mut message)?;
    let next = ClientAuthentication(State::Md5(Md5Check::new(identity, policy, salt)));
    Ok(ClientStep::Ask { message, next })
}

fn begin_password(
    identity: Identity<'_>,
    kind: SecretKind,
    policy: &ClientPolicy,
) -> Result<ClientStep, AuthError> {
    if !matches!(identity.protection, Protection::Tls { .. }) {
        return Err(AuthError::TlsRequired);
    }
    let mut message = Vec::new();
    Authentication::CleartextPassword.encode(&mut message)?;
    let next = ClientAuthentication(State::Password(PasswordCheck::new(identity, kind, policy)?));
    Ok(ClientStep::Ask { message, next })
}

fn is_certified(identity: &Identity<'_>, policy: &ClientPolicy) -> bool {
    let Some(name) = identity.certificate_name.as_deref() else {
        return false;
    };
    let names_both = name
        .strip_prefix(identity.user)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|tenant| tenant == identity.tenant);
    let names_user = policy.bare_common_name && name == identity.user;
    (names_both || names_user) && !matches!(identity.credentials, Credentials::Unknown)
}

fn done(keys: Option<ClientKeys>) -> ClientStep {
    ClientStep::Done {
        message: Vec::new(),
        keys,
    }
}
