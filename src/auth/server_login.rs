//! `ServerAuthentication`: Tidegate logs in to a PostgreSQL server.
//!
//! The server is not trusted. It never gets the password itself unless a setting allows it, it
//! cannot make us work without a limit, and with SCRAM it has to prove that it knows the secret
//! before the login counts.
//!
//! A server that says `AuthenticationOk` at once is believed unless the policy forbids it: it may
//! have `trust`, `peer` or `cert` configured for us, and there is nothing that a password could
//! prove then. Who the server is, is for TLS to say: `verify-full` is the default off loopback.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use tidegate_proto::backend::Authentication;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::frontend::SaslResponse;
use tidegate_proto::md5::Md5Salt;
use tidegate_proto::md5::Md5Secret;
use tidegate_proto::scram::AwaitServerFinal;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFinal;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramKeys;

use crate::auth::credentials::ClientKeys;
use crate::auth::credentials::Protection;
use crate::auth::derivation::Derivation;
use crate::auth::error::AuthError;
use crate::auth::secret::Password;
use crate::auth::secret::Secret;

const SCRAM: &str = "SCRAM-SHA-256";
const MD5: &str = "md5";
const CLEARTEXT: &str = "password";

/// What a login to a server can be made with.
#[derive(Debug, Clone)]
pub enum ServerSecret {
    /// Nothing: only a server that asks for no proof lets us in.
    None,
    /// The password, which answers everything.
    Password(Password),
    /// The md5 digest, which answers only md5.
    Md5(Md5Secret),
    /// The keys that the client's own login revealed, which answer SCRAM if the server stores the
    /// same secret.
    Keys(Box<ClientKeys>),
    /// A SCRAM verifier alone, which answers nothing.
    Verifier,
}

impl ServerSecret {
    /// The best of what is stored of the user and of what its client revealed.
    pub fn of(stored: Option<Secret>, revealed: Option<ClientKeys>) -> Self {
        match (stored, revealed) {
            (Some(Secret::Password(password)), _) => Self::Password(password),
            (_, Some(keys)) => Self::Keys(Box::new(keys)),
            (Some(Secret::Md5(secret)), None) => Self::Md5(secret),
            (Some(Secret::Scram(_)), None) => Self::Verifier,
            (None, None) => Self::None,
        }
    }
}

/// What a server may ask of us.
#[derive(Debug, Clone, Copy)]
pub struct ServerPolicy {
    /// The most SCRAM iterations.
    pub iterations_max: u32,
    /// Whether it may ask for the password itself. Even then it gets it only over TLS or without a
    /// network.
    pub cleartext: bool,
    /// Whether it may let us in without asking for a proof.
    pub unchallenged: bool,
}

/// What to do next.
#[derive(Debug)]
#[must_use]
pub enum ServerStep {
    /// Send `message`, a whole one, and give the body of the server's next `R` message to `next`.
    Answer {
        /// The answer.
        message: Vec<u8>,
        /// What takes the next request.
        next: ServerAuthentication,
    },
    /// Have keys derived, where it delays nobody, and give them to `next`.
    Derive {
        /// From what.
        derivation: Derivation,
        /// What takes the keys.
        next: AwaitingServerKeys,
    },
    /// Send nothing, and give the body of the server's next `R` message to `next`.
    Wait {
        /// What takes the next request.
        next: ServerAuthentication,
    },
    /// We are logged in.
    Done,
}

/// A login that waits for the server's next `R` message.
///
/// ```text
///  new ──SASL──▶ asked ──SASLContinue──▶ proved ──SASLFinal──▶ proven ──Ok──▶ Done
///   ├──MD5Password, CleartextPassword──▶ answered ─────────────────────Ok──▶ Done
///   └──────────────────────────────────────────────────────────────────Ok──▶ Done, if the policy allows
/// ```
#[derive(Debug)]
pub struct ServerAuthentication {
    state: State,
    login: Login,
}

#[derive(Debug)]
enum State {
    /// Nothing was asked for yet.
    New(RawNonce),
    /// `client-first-message` was sent.
    Asked(ClientFirst),
    /// `client-final-message` was sent.
    Proved(AwaitServerFinal),
    /// The server's signature was right.
    Proven,
    /// A password or its digest was sent.
    Answered,
}

/// What stays the same from the first message to the last.
#[derive(Debug)]
struct Login {
    /// The user that we log in as, whose name goes into an md5 digest.
    user: Box<str>,
    secret: ServerSecret,
    protection: Protection,
    policy: ServerPolicy,
}

impl ServerAuthentication {
    /// A login as `user`, to be begun when the server sends its first `R` message.
    ///
    /// `protection` is that of the connection, with TLS the binding of the server's certificate;
    /// `nonce` is fresh from the system's generator.
    pub fn new(
        user: &str,
        secret: ServerSecret,
        protection: Protection,
        policy: ServerPolicy,
        nonce: RawNonce,
    ) -> Self {
        let login = Login {
            user: Box::from(user),
            secret,
            protection,
            policy,
        };
        Self {
            state: State::New(nonce),
            login,
        }
    }

    /// Takes the body of an `R` message.
    ///
    /// # Errors
    /// The server's fault, or the pooler's if its secret does not fit; [`AuthError::fault`] tells.
    /// The connection has to close.
    pub fn receive(self, body: &[u8]) -> Result<ServerStep, AuthError> {
        let request = Authentication::decode(body)?;
        let login = self.login;
        match (self.state, request) {
            (State::New(nonce), request) => login.first(request, nonce),
            (State::Asked(client), Authentication::SaslContinue { data }) => {
                let challenge = client.server_first(data, login.policy.iterations_max)?;
                login.prove(challenge)
            },
            (State::Proved(client), Authentication::SaslFinal { data }) => {
                client.server_final(data)?;
                Ok(ServerStep::Wait {
                    next: login.at(State::Proven),
                })
            },
            (State::Proven | State::Answered, Authentication::Ok) => Ok(ServerStep::Done),
            (State::Asked(_) | State::Proved(_), Authentication::Ok) => {
                Err(AuthError::ServerUnproven)
            },
            (State::Asked(_) | State::Proved(_) | State::Proven | State::Answered, _) => {
                Err(AuthError::ServerOutOfPlace)
            },
        }
    }
}

impl Login {
    fn at(self, state: State) -> ServerAuthentication {
        ServerAuthentication { state, login: self }
    }

    /// Answers the first request.
    fn first(self, request: Authentication<'_>, nonce: RawNonce) -> Result<ServerStep, AuthError> {
        match request {
            Authentication::Ok if self.policy.unchallenged => Ok(ServerStep::Done),
            Authentication::Ok => Err(AuthError::ServerUnchallenged),
            Authentication::CleartextPassword => self.cleartext(),
            Authentication::Md5Password { salt } => self.md5(salt),
            Authentication::Sasl { mechanisms } => self.sasl(mechanisms.iter(), &nonce),
            Authentication::KerberosV5 => Err(AuthError::ServerMethod {
                method: "Kerberos V5",
            }),
            Authentication::Gss => Err(AuthError::ServerMethod { method: "GSSAPI" }),
            Authentication::Sspi => Err(AuthError::ServerMethod { method: "SSPI" }),
            Authentication::GssContinue { .. }
            | Authentication::SaslContinue { .. }
            | Authentication::SaslFinal { .. } => Err(AuthError::ServerOutOfPlace),
        }
    }

    fn cleartext(self) -> Result<ServerStep, AuthError> {
        if !self.policy.cleartext {
            return Err(AuthError::ServerCleartext);
        }
        if matches!(self.protection, Protection::None) {
            return Err(AuthError::ServerCleartextUnprotected);
        }
        let mut message = Vec::new();
        match &self.secret {
            ServerSecret::Password(password) => {
                PasswordMessage {
                    password: password.reveal(),
                }
                .encode(&mut message)?;
            },
            ServerSecret::None => {
                return Err(AuthError::ServerSecretMissing { method: CLEARTEXT });
            },
            ServerSecret::Md5(_) | ServerSecret::Keys(_) | ServerSecret::Verifier => {
                return Err(AuthError::ServerSecretUnfit { method: CLEARTEXT });
            },
        }
        Ok(ServerStep::Answer {
            message,
            next: self.at(State::Answered),
        })
    }

    fn md5(self, salt: Md5Salt) -> Result<ServerStep, AuthError> {
        let answer = match &self.secret {
            ServerSecret::Password(password) => {
                Md5Secret::from_password(password.reveal(), self.user.as_bytes()).answer(salt)
            },
            ServerSecret::Md5(secret) => secret.answer(salt),
            ServerSecret::None => return Err(AuthError::ServerSecretMissing { method: MD5 }),
            ServerSecret::Keys(_) | ServerSecret::Verifier => {
                return Err(AuthError::ServerSecretUnfit { method: MD5 });
            },
        };
        let mut message = Vec::new();
        PasswordMessage {
            password: answer.as_slice(),
        }
        .encode(&mut message)?;
        Ok(ServerStep::Answer {
            message,
            next: self.at(State::Answered),
        })
    }

    fn sasl<'name>(
        self,
        mechanisms: impl Iterator<Item = &'name [u8]>,
        nonce: &RawNonce,
    ) -> Result<ServerStep, AuthError> {
        match &self.secret {
            ServerSecret::Password(_) | ServerSecret::Keys(_) => {},
            ServerSecret::None => return Err(AuthError::ServerSecretMissing { method: SCRAM }),
            ServerSecret::Md5(_) | ServerSecret::Verifier => {
                return Err(AuthError::ServerSecretUnfit { method: SCRAM });
            },
        }
        let (tls, binding) = match &self.protection {
            Protection::Tls { binding } => (true, binding.clone()),
            Protection::None | Protection::Local => (false, None),
        };
        let client = ClientFirst::new(ClientBinding::choose(mechanisms, tls, binding)?, nonce);
        let mut message = Vec::new();
        SaslInitialResponse {
            mechanism: client.mechanism().as_str().as_bytes(),
            response: Some(&client.message()),
        }
        .encode(&mut message)?;
        Ok(ServerStep::Answer {
            message,
            next: self.at(State::Asked(client)),
        })
    }

    /// Answers the challenge with what there is, or has the keys derived first.
    fn prove(self, challenge: ClientFinal) -> Result<ServerStep, AuthError> {
        match &self.secret {
            ServerSecret::Password(password) => {
                let (salt, iterations) = (challenge.salt(), challenge.iterations());
                let derivation = Derivation::new(password.clone(), salt, iterations);
                let next = AwaitingServerKeys {
                    challenge,
                    login: self,
                };
                Ok(ServerStep::Derive { derivation, next })
            },
            // A proof for another secret would only be refused, without a word about why.
            ServerSecret::Keys(keys) if !challenge.is_challenge_of(&keys.secret) => {
                Err(AuthError::ServerSecretDiffers)
            },
            ServerSecret::Keys(keys) => {
                let keys = keys.keys.clone();
                AwaitingServerKeys {
                    challenge,
                    login: self,
                }
                .resume(&keys)
            },
            ServerSecret::None | ServerSecret::Md5(_) | ServerSecret::Verifier => {
                Err(AuthError::ServerSecretUnfit { method: SCRAM })
            },
        }
    }
}

/// A login that waits for keys.
#[derive(Debug)]
pub struct AwaitingServerKeys {
    challenge: ClientFinal,
    login: Login,
}

impl AwaitingServerKeys {
    /// Goes on with the keys that the [`Derivation`] gave.
    ///
    /// # Errors
    /// The pooler's fault: the message cannot be written.
    pub fn resume(self, keys: &ScramKeys) -> Result<ServerStep, AuthError> {
        let (client_final, client) = self.challenge.prove(keys);
        let mut message = Vec::new();
        SaslResponse {
            response: &client_final,
        }
        .encode(&mut message)?;
        Ok(ServerStep::Answer {
            message,
            next: self.login.at(State::Proved(client)),
        })
    }
}
