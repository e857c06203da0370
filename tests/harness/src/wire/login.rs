//! How a test's client says who it is, and proves it: SCRAM-SHA-256, md5, in clear, or not at all.

use std::net::SocketAddr;

use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::tag;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::frontend::SaslResponse;
use tidegate_proto::limits::SCRAM_ITERATIONS_ASKED_MAX_DEFAULT;
use tidegate_proto::md5::Md5Secret;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::startup::ProtocolVersion;
use tidegate_proto::startup::StartupMessage;

use super::Wire;
use super::WireError;

/// Always the same: these passwords protect nothing.
const NONCE: [u8; 18] = *b"a test's own nonce";

/// Who logs in, where, and with which words.
#[derive(Debug, Clone)]
pub struct Login {
    /// Where to.
    pub address: SocketAddr,
    /// The user, as the other side knows it.
    pub user: String,
    /// The database.
    pub database: String,
    /// The password; not used if the other side trusts.
    pub password: String,
    /// Further startup parameters, such as `options`.
    pub parameters: Vec<(String, String)>,
    /// What is sent before the startup message: a PROXY header.
    pub before: Vec<u8>,
    /// The protocol's minor version: 0 or 2.
    pub protocol_minor: u16,
}

impl Login {
    /// The same with one more startup parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same as another user.
    #[must_use]
    pub fn as_user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// The same with another password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// The same behind a PROXY header.
    #[must_use]
    pub fn behind(mut self, header: Vec<u8>) -> Self {
        self.before = header;
        self
    }

    /// The startup message.
    ///
    /// # Errors
    /// [`WireError::Encode`] if a value has a zero byte.
    pub fn startup(&self) -> Result<Vec<u8>, WireError> {
        let mut bytes = Vec::new();
        let own = [("user", &self.user), ("database", &self.database)];
        let own = own
            .into_iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let more = self.parameters.iter();
        let more = more.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let version = ProtocolVersion {
            major: 3,
            minor: self.protocol_minor,
        };
        StartupMessage::encode(version, own.chain(more), &mut bytes)?;
        Ok(bytes)
    }
}

/// From the startup message to `AuthenticationOk`.
pub(super) fn authenticate(wire: &mut Wire, login: &Login) -> Result<(), WireError> {
    loop {
        let message = wire.message()?;
        match message.tag() {
            tag::ERROR_RESPONSE => return Err(message.report()?.into()),
            tag::AUTHENTICATION => {},
            _ => continue,
        }
        let mut answer = Vec::new();
        match Authentication::decode(message.body())? {
            Authentication::Ok => return Ok(()),
            Authentication::Sasl { .. } => scram(wire, &login.password)?,
            Authentication::Md5Password { salt } => {
                let (password, user) = (login.password.as_bytes(), login.user.as_bytes());
                let digest = Md5Secret::from_password(password, user).answer(salt);
                let password = digest.as_slice();
                PasswordMessage { password }.encode(&mut answer)?;
            },
            Authentication::CleartextPassword => {
                let password = login.password.as_bytes();
                PasswordMessage { password }.encode(&mut answer)?;
            },
            other @ (Authentication::KerberosV5
            | Authentication::Gss
            | Authentication::GssContinue { .. }
            | Authentication::Sspi
            | Authentication::SaslContinue { .. }
            | Authentication::SaslFinal { .. }) => {
                return Err(WireError::Login(format!("{other:?} was asked for")));
            },
        }
        wire.send(&answer)?;
    }
}

fn scram(wire: &mut Wire, password: &str) -> Result<(), WireError> {
    let failed = |error| WireError::Login(format!("{error}"));
    let first = ClientFirst::new(ClientBinding::Unsupported, &NONCE);
    let mut bytes = Vec::new();
    let response = SaslInitialResponse {
        mechanism: first.mechanism().as_str().as_bytes(),
        response: Some(&first.message()),
    };
    response.encode(&mut bytes)?;
    wire.send(&bytes)?;
    let challenge = sasl_data(wire)?;
    let last = first
        .server_first(&challenge, SCRAM_ITERATIONS_ASKED_MAX_DEFAULT)
        .map_err(failed)?;
    let keys = ScramKeys::derive(password.as_bytes(), last.salt(), last.iterations());
    let (proof, awaited) = last.prove(&keys);
    let mut bytes = Vec::new();
    SaslResponse { response: &proof }.encode(&mut bytes)?;
    wire.send(&bytes)?;
    let signature = sasl_data(wire)?;
    awaited.server_final(&signature).map_err(failed)
}

fn sasl_data(wire: &mut Wire) -> Result<Vec<u8>, WireError> {
    let message = wire.message()?;
    if message.tag() == tag::ERROR_RESPONSE {
        return Err(message.report()?.into());
    }
    let request = Authentication::decode(message.body())?;
    let (Authentication::SaslContinue { data } | Authentication::SaslFinal { data }) = request
    else {
        return Err(WireError::Login(format!("{request:?} in place of SASL")));
    };
    Ok(data.to_vec())
}
