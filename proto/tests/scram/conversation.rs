//! A client and a server of ours, talking to each other, with somebody in between who may change
//! what is said.

use std::num::NonZeroU32;

use tidegate_proto::limits::SCRAM_ITERATIONS_ASKED_MAX_DEFAULT;
use tidegate_proto::limits::SCRAM_RAW_NONCE_BYTES;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramMessage;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::Verdict;

pub(crate) const CLIENT_NONCE: RawNonce = [0x11; SCRAM_RAW_NONCE_BYTES];
pub(crate) const SERVER_NONCE: RawNonce = [0x22; SCRAM_RAW_NONCE_BYTES];
pub(crate) const SALT: &[u8] = b"salt of 16 bytes";

/// Few, because the tests are about messages.
pub(crate) fn iterations() -> NonZeroU32 {
    NonZeroU32::new(2).unwrap()
}

pub(crate) fn secret(password: &[u8]) -> ScramSecret {
    ScramSecret::from_password(password, SALT, iterations()).unwrap()
}

/// Who came to believe whom.
#[derive(Debug)]
pub(crate) struct Ending {
    /// The keys that the server recovered; `None` if it refused the client.
    pub(crate) verified: Option<ScramKeys>,
    /// What the client makes of the server's last message; `None` if there was none.
    pub(crate) server_is_genuine: Option<Result<(), ScramError>>,
}

impl Ending {
    /// Both sides are content.
    pub(crate) fn is_login(&self) -> bool {
        self.verified.is_some() && self.server_is_genuine == Some(Ok(()))
    }
}

/// Runs a whole exchange; `between` may change each message on its way.
pub(crate) fn converse(
    client_password: &[u8],
    binding: ClientBinding,
    server: ServerFirst,
    mut between: impl FnMut(ScramMessage, &mut Vec<u8>),
) -> Result<Ending, ScramError> {
    let client = ClientFirst::new(binding, &CLIENT_NONCE);
    let mechanism = client.mechanism();

    let mut message = client.message();
    between(ScramMessage::ClientFirst, &mut message);
    let (mut message, server) = server.client_first(mechanism, &message)?;

    between(ScramMessage::ServerFirst, &mut message);
    let client = client.server_first(&message, SCRAM_ITERATIONS_ASKED_MAX_DEFAULT)?;
    let keys = ScramKeys::derive(client_password, client.salt(), client.iterations());
    let (mut message, client) = client.prove(&keys);

    between(ScramMessage::ClientFinal, &mut message);
    let (mut message, keys) = match server.client_final(&message)? {
        Verdict::Verified { server_final, keys } => (server_final, keys),
        Verdict::Refused => {
            return Ok(Ending {
                verified: None,
                server_is_genuine: None,
            });
        },
    };

    between(ScramMessage::ServerFinal, &mut message);
    Ok(Ending {
        verified: Some(keys),
        server_is_genuine: Some(client.server_final(&message)),
    })
}

/// [`converse`] over a line that nobody touches.
pub(crate) fn converse_undisturbed(
    client_password: &[u8],
    binding: ClientBinding,
    server: ServerFirst,
) -> Result<Ending, ScramError> {
    converse(client_password, binding, server, |_, _| {})
}
