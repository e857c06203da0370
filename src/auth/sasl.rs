//! The SASL part of a client's authentication: SCRAM-SHA-256 and SCRAM-SHA-256-PLUS in the messages
//! of the PostgreSQL protocol.
//!
//! See <https://www.postgresql.org/docs/current/sasl-authentication.html>.

use tidegate_proto::backend::Authentication;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::frontend::SaslResponse;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::MockSecret;
use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFinal;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::Verdict;

use crate::auth::client_policy::ClientPolicy;
use crate::auth::credentials::ClientKeys;
use crate::auth::credentials::Credentials;
use crate::auth::credentials::Identity;
use crate::auth::credentials::Protection;
use crate::auth::derivation::Derivation;
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;

/// What stands before the data of `AuthenticationSASLContinue` and `AuthenticationSASLFinal`.
const PREFIX_BYTES: usize = FRAME_HEADER_BYTES + size_of::<u32>();

/// Room for `AuthenticationSASL` with both mechanisms.
const OFFER_BYTES: usize = PREFIX_BYTES + 36;

/// A SASL exchange that waits for the client.
#[derive(Debug)]
pub(in crate::auth) struct Sasl(State);

#[derive(Debug)]
enum State {
    /// `AuthenticationSASL` was sent.
    Offered(Offer),
    /// The client took this mechanism without a first message, and was asked for one.
    Chosen(Mechanism, Offer),
    /// `server-first-message` was sent.
    Challenged(Challenged),
}

/// What to do next.
pub(in crate::auth) enum SaslStep {
    Ask {
        message: Vec<u8>,
        next: Sasl,
    },
    Derive {
        derivation: Derivation,
        next: SaslAwaitingKeys,
    },
    Done {
        message: Vec<u8>,
        keys: Option<ClientKeys>,
    },
}

impl Sasl {
    /// Offers what can be offered.
    pub(in crate::auth) fn begin(
        identity: Identity<'_>,
        policy: &ClientPolicy,
        nonce: RawNonce,
    ) -> Result<SaslStep, AuthError> {
        let source = Source::of(&identity, policy);
        let binding = match identity.protection {
            Protection::Tls { binding } => binding,
            Protection::None | Protection::Local => None,
        };
        let (plus, plain) = (
            Mechanism::ScramSha256Plus.as_str(),
            Mechanism::ScramSha256.as_str(),
        );
        let mut message = Vec::with_capacity(OFFER_BYTES);
        match binding {
            Some(_) => Authentication::encode_sasl(&[plus, plain], &mut message)?,
            None => Authentication::encode_sasl(&[plain], &mut message)?,
        }
        let offer = Offer {
            source,
            binding,
            nonce,
        };
        Ok(SaslStep::Ask {
            message,
            next: Self(State::Offered(offer)),
        })
    }

    /// Takes the body of the client's answer.
    pub(in crate::auth) fn receive(self, body: &[u8]) -> Result<SaslStep, AuthError> {
        match self.0 {
            State::Offered(offer) => {
                let initial = SaslInitialResponse::decode(body)?;
                let mechanism = Mechanism::from_name(initial.mechanism)
                    .ok_or(ScramError::MechanismNotOffered)?;
                if mechanism == Mechanism::ScramSha256Plus && offer.binding.is_none() {
                    return Err(ScramError::MechanismNotOffered.into());
                }
                match initial.response {
                    Some(client_first) => offer.client_first(mechanism, client_first),
                    None => ask(b"", State::Chosen(mechanism, offer)),
                }
            },
            State::Chosen(mechanism, offer) => {
                offer.client_first(mechanism, SaslResponse::decode(body).response)
            },
            State::Challenged(challenged) => {
                challenged.client_final(SaslResponse::decode(body).response)
            },
        }
    }
}

/// What a client is checked against.
#[derive(Debug)]
enum Source {
    /// The user's verifier.
    Stored(ScramSecret),
    /// The user's password: a verifier has to be made first.
    Password(Derivation),
    /// Nothing: the client cannot succeed, and must not notice.
    Mock(MockSecret),
}

impl Source {
    fn of(identity: &Identity<'_>, policy: &ClientPolicy) -> Self {
        let (tenant, user) = (identity.tenant.as_bytes(), identity.user.as_bytes());
        match &identity.credentials {
            Credentials::Secret(Secret::Scram(secret)) => Self::Stored(secret.clone()),
            Credentials::Secret(Secret::Password(password)) => {
                // The salt that the user would have if it did not exist.
                let salt = policy.mock_key.salt(tenant, user);
                Self::Password(Derivation::new(
                    password.clone(),
                    &salt,
                    policy.usual_iterations,
                ))
            },
            // PostgreSQL too lets a user with an md5 secret run into a mock.
            Credentials::Secret(Secret::Md5(_))
            | Credentials::Unknown
            | Credentials::WithoutSecret => Self::Mock(policy.mock_key.secret(
                tenant,
                user,
                policy.usual_iterations,
            )),
        }
    }
}

#[derive(Debug)]
struct Offer {
    source: Source,
    binding: Option<ChannelBindingData>,
    nonce: RawNonce,
}

impl Offer {
    fn client_first(self, mechanism: Mechanism, message: &[u8]) -> Result<SaslStep, AuthError> {
        let (server, passthrough) = match self.source {
            Source::Stored(secret) => {
                let server = ServerFirst::new(secret.clone(), self.binding, self.nonce);
                (server, Some(secret))
            },
            Source::Mock(secret) => (ServerFirst::doomed(secret, self.binding, self.nonce), None),
            Source::Password(derivation) => {
                let next = SaslAwaitingKeys {
                    mechanism,
                    client_first: message.to_vec(),
                    derivation: derivation.clone(),
                    binding: self.binding,
                    nonce: self.nonce,
                };
                return Ok(SaslStep::Derive { derivation, next });
            },
        };
        challenge(server, passthrough, mechanism, message)
    }
}

/// `client-first-message` is there, the keys of the stored password are not.
#[derive(Debug)]
pub(in crate::auth) struct SaslAwaitingKeys {
    mechanism: Mechanism,
    client_first: Vec<u8>,
    derivation: Derivation,
    binding: Option<ChannelBindingData>,
    nonce: RawNonce,
}

impl SaslAwaitingKeys {
    pub(in crate::auth) fn resume(self, keys: &ScramKeys) -> Result<SaslStep, AuthError> {
        let secret = self.derivation.secret_of(keys)?;
        let server = ServerFirst::new(secret, self.binding, self.nonce);
        // The keys have a salt of ours: no server stores the same, so nothing is passed through.
        challenge(server, None, self.mechanism, &self.client_first)
    }
}

fn challenge(
    server: ServerFirst,
    passthrough: Option<ScramSecret>,
    mechanism: Mechanism,
    client_first: &[u8],
) -> Result<SaslStep, AuthError> {
    let (server_first, server) = server.client_first(mechanism, client_first)?;
    ask(
        &server_first,
        State::Challenged(Challenged {
            server,
            passthrough,
        }),
    )
}

fn ask(data: &[u8], next: State) -> Result<SaslStep, AuthError> {
    let mut message = Vec::with_capacity(PREFIX_BYTES + data.len());
    Authentication::SaslContinue { data }.encode(&mut message)?;
    Ok(SaslStep::Ask {
        message,
        next: Sasl(next),
    })
}

#[derive(Debug)]
struct Challenged {
    server: ServerFinal,
    /// The stored verifier, if a server may store the same.
    passthrough: Option<ScramSecret>,
}

impl Challenged {
    fn client_final(self, message: &[u8]) -> Result<SaslStep, AuthError> {
        let Verdict::Verified { server_final, keys } = self.server.client_final(message)? else {
            return Err(AuthError::PasswordRefused);
        };
        // `AuthenticationOk` comes behind it.
        let mut message = Vec::with_capacity(2 * PREFIX_BYTES + server_final.len());
        Authentication::SaslFinal {
            data: &server_final,
        }
        .encode(&mut message)?;
        let keys = self.passthrough.map(|secret| ClientKeys { keys, secret });
        Ok(SaslStep::Done { message, keys })
    }
}
