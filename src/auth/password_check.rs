//! What a `PasswordMessage` proves: an md5 answer, or the password itself.
//!
//! A client that cannot succeed is measured against something of the same kind as the others, so
//! that it is refused after the same work.

use std::num::NonZeroU32;

use subtle::Choice;
use subtle::ConstantTimeEq as _;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::md5::Md5Salt;
use tidegate_proto::md5::Md5Secret;
use tidegate_proto::scram::ClientKey;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerKey;

use crate::auth::client_policy::ClientPolicy;
use crate::auth::credentials::ClientKeys;
use crate::auth::credentials::Credentials;
use crate::auth::credentials::Identity;
use crate::auth::derivation::Derivation;
use crate::auth::error::AuthError;
use crate::auth::secret::Password;
use crate::auth::secret::Secret;
use crate::auth::secret::SecretKind;

/// Waits for the answer to `AuthenticationMD5Password`.
#[derive(Debug)]
pub(in crate::auth) struct Md5Check {
    secret: Md5Secret,
    doomed: bool,
    salt: Md5Salt,
}

impl Md5Check {
    pub(in crate::auth) fn new(
        identity: Identity<'_>,
        policy: &ClientPolicy,
        salt: Md5Salt,
    ) -> Self {
        let name = identity.name_sent.as_bytes();
        let (secret, doomed) = match identity.credentials {
            Credentials::Secret(Secret::Md5(secret)) => (secret, false),
            // The client hashes the name that it sent, which may be user.tenant.
            Credentials::Secret(Secret::Password(password)) => {
                (Md5Secret::from_password(password.reveal(), name), false)
            },
            Credentials::Secret(Secret::Scram(_))
            | Credentials::Unknown
            | Credentials::WithoutSecret => {
                let mock = policy
                    .mock_key
                    .salt(identity.tenant.as_bytes(), identity.user.as_bytes());
                (Md5Secret::from_password(&mock, name), true)
            },
        };
        Self {
            secret,
            doomed,
            salt,
        }
    }

    pub(in crate::auth) fn receive(self, body: &[u8]) -> Result<(), AuthError> {
        let answer = PasswordMessage::decode(body)?.password;
        refuse_unless(self.secret.is_answered_by(answer, self.salt), self.doomed)
    }
}

/// Waits for the answer to `AuthenticationCleartextPassword`.
#[derive(Debug)]
pub(in crate::auth) struct PasswordCheck {
    measure: Measure,
    doomed: bool,
}

#[derive(Debug)]
enum Measure {
    Password(Password),
    Md5(Md5Secret, Box<str>),
    Scram(ScramSecret, u32),
}

/// What a password in the clear leads to.
pub(in crate::auth) enum PasswordStep {
    Derive {
        derivation: Derivation,
        next: PasswordAwaitingKeys,
    },
    Right,
}

impl PasswordCheck {
    /// `kind` is that of the user's secret, or of the tenant's usual ones.
    pub(in crate::auth) fn new(
        identity: Identity<'_>,
        kind: SecretKind,
        policy: &ClientPolicy,
    ) -> Result<Self, AuthError> {
        let (tenant, user) = (identity.tenant.as_bytes(), identity.user.as_bytes());
        let iterations_max = policy.iterations_max;
        let Credentials::Secret(secret) = identity.credentials else {
            let mock = policy.mock_key.salt(tenant, user);
            let measure = match kind {
                SecretKind::Password => Measure::Password(Password::new(&mock)),
                SecretKind::Md5 => {
                    Measure::Md5(Md5Secret::from_password(&mock, user), identity.user.into())
                },
                SecretKind::Scram => Measure::Scram(
                    nobodys_secret(&mock, policy.usual_iterations)?,
                    iterations_max,
                ),
            };
            return Ok(Self {
                measure,
                doomed: true,
            });
        };
        let measure = match secret {
            Secret::Password(password) => Measure::Password(password),
            Secret::Md5(secret) => Measure::Md5(secret, identity.user.into()),
            Secret::Scram(secret) => Measure::Scram(secret, iterations_max),
        };
        Ok(Self {
            measure,
            doomed: false,
        })
    }

    pub(in crate::auth) fn receive(self, body: &[u8]) -> Result<PasswordStep, AuthError> {
        let given = PasswordMessage::decode(body)?.password;
        let is_right = match self.measure {
            // As PostgreSQL: no user has an empty password.
            _ if given.is_empty() => false,
            Measure::Password(password) => password.reveal().ct_eq(given).into(),
            Measure::Md5(secret, user) => secret.is_of(given, user.as_bytes()),
            Measure::Scram(secret, iterations_max) => {
                return derive(secret, Password::new(given), self.doomed, iterations_max);
            },
        };
        refuse_unless(is_right, self.doomed).map(|()| PasswordStep::Right)
    }
}

/// A verifier to hash a password for in vain.
fn nobodys_secret(salt: &[u8], iterations: NonZeroU32) -> Result<ScramSecret, AuthError> {
    let keys = ScramKeys {
        client: ClientKey::from_bytes([0; 32]),
        server: ServerKey::from_bytes([0; 32]),
    };
    Ok(ScramSecret::from_keys(&keys, salt, iterations)?)
}

fn derive(
    secret: ScramSecret,
    given: Password,
    doomed: bool,
    iterations_max: u32,
) -> Result<PasswordStep, AuthError> {
    let iterations = secret.iterations();
    if iterations.get() > iterations_max {
        let iterations = iterations.get();
        return Err(AuthError::StoredIterations {
            iterations,
            iterations_max,
        });
    }
    let derivation = Derivation::new(given, secret.salt(), iterations);
    let next = PasswordAwaitingKeys { secret, doomed };
    Ok(PasswordStep::Derive { derivation, next })
}

/// The password is there, its keys are not.
#[derive(Debug)]
pub(in crate::auth) struct PasswordAwaitingKeys {
    secret: ScramSecret,
    doomed: bool,
}

impl PasswordAwaitingKeys {
    pub(in crate::auth) fn resume(self, keys: ScramKeys) -> Result<ClientKeys, AuthError> {
        refuse_unless(self.secret.is_of(&keys), self.doomed)?;
        Ok(ClientKeys {
            keys,
            secret: self.secret,
        })
    }
}

/// Without a branch on either alone.
fn refuse_unless(is_right: bool, doomed: bool) -> Result<(), AuthError> {
    let admitted = Choice::from(u8::from(is_right)) & !Choice::from(u8::from(doomed));
    if bool::from(admitted) {
        Ok(())
    } else {
        Err(AuthError::PasswordRefused)
    }
}
