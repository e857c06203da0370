//! How a client of the load logs in: trusted, with SCRAM, or with md5, which is all that some
//! poolers ask for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::tag;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::Frame;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::frontend::SaslResponse;
use tidegate_proto::limits::SCRAM_ITERATIONS_ASKED_MAX_DEFAULT;
use tidegate_proto::md5::Md5Secret;
use tidegate_proto::scram::AwaitServerFinal;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::startup::ProtocolVersion;
use tidegate_proto::startup::StartupMessage;

use super::connection::Connection;
use crate::error::RigError;

type KnownKeys = RefCell<HashMap<Vec<u8>, Rc<ScramKeys>>>;

/// Who logs in. Keys are derived once for each salt: the generator must not be what is measured.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: String,
    keys: Known,
}

#[derive(Default)]
struct Known(KnownKeys);

impl std::fmt::Debug for Known {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Known")
    }
}

impl Account {
    /// Somebody. `{}` in `user` and `database` becomes the number of a tenant.
    pub(super) fn new(user: &str, database: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            database: database.to_owned(),
            password: password.to_owned(),
            keys: Known::default(),
        }
    }

    /// Logs in, up to the first `ReadyForQuery`.
    ///
    /// # Errors
    /// What the server said, or what broke.
    pub(super) async fn login(
        &self,
        connection: &mut Connection,
        tenant: u32,
    ) -> Result<(), RigError> {
        let number = tenant.to_string();
        let (user, database) = (
            self.user.replace("{}", &number),
            self.database.replace("{}", &number),
        );
        let parameters = [("user", &user), ("database", &database)];
        let parameters = parameters.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut bytes = Vec::with_capacity(2_048);
        let version = ProtocolVersion { major: 3, minor: 0 };
        StartupMessage::encode(version, parameters, &mut bytes)?;
        connection.send(&bytes).await?;
        bytes.clear();
        let mut exchange = Exchange::None;
        loop {
            while let Some((frame, rest)) = Frame::split(Sender::Backend, &bytes)? {
                let (mut answer, taken) = (Vec::new(), bytes.len() - rest.len());
                match frame.header.tag() {
                    tag::READY_FOR_QUERY => return Ok(()),
                    tag::ERROR_RESPONSE => {
                        let words = String::from_utf8_lossy(frame.body).replace('\0', " ");
                        return Err(RigError::Refused(words));
                    },
                    tag::AUTHENTICATION => {
                        exchange = self.step(exchange, &user, frame.body, &mut answer)?;
                    },
                    _ => {},
                }
                bytes.drain(..taken);
                if !answer.is_empty() {
                    connection.send(&answer).await?;
                }
            }
            if connection.receive_bytes(&mut bytes).await? == 0 {
                return Err(RigError::Closed(None));
            }
        }
    }

    fn step(
        &self,
        exchange: Exchange,
        user: &str,
        body: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<Exchange, RigError> {
        match (Authentication::decode(body)?, exchange) {
            (Authentication::Ok, exchange) => Ok(exchange),
            (Authentication::Md5Password { salt }, exchange) => {
                let secret = Md5Secret::from_password(self.password.as_bytes(), user.as_bytes());
                let digest = secret.answer(salt);
                let password = digest.as_slice();
                PasswordMessage { password }.encode(answer)?;
                Ok(exchange)
            },
            (Authentication::Sasl { .. }, _) => {
                let first = ClientFirst::new(ClientBinding::Unsupported, &nonce());
                let response = SaslInitialResponse {
                    mechanism: first.mechanism().as_str().as_bytes(),
                    response: Some(&first.message()),
                };
                response.encode(answer)?;
                Ok(Exchange::First(first))
            },
            (Authentication::SaslContinue { data }, Exchange::First(first)) => {
                let last = first.server_first(data, SCRAM_ITERATIONS_ASKED_MAX_DEFAULT);
                let last = last.map_err(RigError::Scram)?;
                let keys = self.keys(last.salt(), || {
                    ScramKeys::derive(self.password.as_bytes(), last.salt(), last.iterations())
                });
                let (proof, awaited) = last.prove(&keys);
                SaslResponse { response: &proof }.encode(answer)?;
                Ok(Exchange::Final(awaited))
            },
            (Authentication::SaslFinal { data }, Exchange::Final(awaited)) => {
                awaited.server_final(data).map_err(RigError::Scram)?;
                Ok(Exchange::None)
            },
            (other, _) => Err(RigError::Refused(format!("{other:?} was asked for"))),
        }
    }

    fn keys(&self, salt: &[u8], derive: impl FnOnce() -> ScramKeys) -> Rc<ScramKeys> {
        let mut keys = self.keys.0.borrow_mut();
        let known = keys.entry(salt.to_vec());
        Rc::clone(known.or_insert_with(|| Rc::new(derive())))
    }
}

/// Where a SCRAM exchange is.
enum Exchange {
    None,
    First(ClientFirst),
    Final(AwaitServerFinal),
}

/// Without the system's generator the login fails at the other side, which is what it should do.
fn nonce() -> [u8; 18] {
    let mut nonce = [0; 18];
    getrandom::fill(&mut nonce).ok();
    nonce
}
