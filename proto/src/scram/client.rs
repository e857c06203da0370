//! The client side: Tidegate proves itself to a server, and the server to Tidegate.
//!
//! The server is not trusted: what it sends is bounded before it is kept, the iterations it asks
//! for are held against a limit before the first one, and nothing counts as a login before its
//! signature was checked.

use std::num::NonZeroU32;

use subtle::ConstantTimeEq as _;

use crate::limits::SCRAM_NONCE_BYTES_MAX;
use crate::limits::SCRAM_SALT_BYTES_MAX;
use crate::limits::SCRAM_SERVER_MESSAGE_BYTES_MAX;

use super::attributes::Attributes;
use super::base64;
use super::error::Defect;
use super::error::ScramError;
use super::error::ScramMessage;
use super::iterations;
use super::keys::KEY_BYTES;
use super::keys::KeyBytes;
use super::keys::ScramKeys;
use super::mechanism::ClientBinding;
use super::mechanism::Mechanism;
use super::nonce;
use super::nonce::RawNonce;
use super::secret::ScramSecret;

/// Before `server-first-message`.
///
/// ```text
///  ClientFirst ──server-first──▶ ClientFinal ──keys──▶ AwaitServerFinal ──server-final──▶ Ok
///       └───────────────────────────┴───────────────────────┴── ScramError: not this server
/// ```
#[derive(Debug)]
pub struct ClientFirst {
    binding: ClientBinding,
    nonce: String,
}

impl ClientFirst {
    /// Starts an exchange; `nonce` is fresh from the system's generator.
    pub fn new(binding: ClientBinding, nonce: &RawNonce) -> Self {
        Self {
            binding,
            nonce: nonce::text(nonce),
        }
    }

    /// The mechanism to name in `SASLInitialResponse`.
    pub fn mechanism(&self) -> Mechanism {
        self.binding.mechanism()
    }

    /// `client-first-message`, to be sent in `SASLInitialResponse`.
    pub fn message(&self) -> Vec<u8> {
        format!("{}{}", self.binding.gs2_header(), self.bare()).into_bytes()
    }

    /// Reads `server-first-message`.
    ///
    /// # Errors
    /// All the server's fault; the connection has to end.
    /// [`ScramError::IterationsRefused`] if it asks for none, or for more than `iterations_max`.
    pub fn server_first(
        self,
        message: &[u8],
        iterations_max: u32,
    ) -> Result<ClientFinal, ScramError> {
        check_length(ScramMessage::ServerFirst, message)?;
        let server_first = ServerFirstMessage::parse(message, iterations_max)?;
        match server_first.nonce.strip_prefix(self.nonce.as_bytes()) {
            Some([_, ..]) => {},
            // Without anything of its own an old answer of the server could be replayed to us.
            Some([]) | None => {
                return Err(ScramError::NonceMismatch {
                    message: ScramMessage::ServerFirst,
                });
            },
        }

        let mut header = self.binding.gs2_header().as_bytes().to_vec();
        header.extend_from_slice(self.binding.data());
        let mut client_final = format!("c={},r=", base64::encode(header)).into_bytes();
        client_final.extend_from_slice(server_first.nonce);
        let auth_message = [self.bare().as_bytes(), message, &client_final].join(&b',');
        Ok(ClientFinal {
            salt: server_first.salt,
            iterations: server_first.iterations,
            without_proof: client_final,
            auth_message,
        })
    }

    /// `client-first-message-bare`. `PostgreSQL` takes the user from the `StartupMessage`, so the
    /// name stays empty, as libpq leaves it.
    fn bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }
}

/// Between `server-first-message` and `client-final-message`: the keys are wanted.
#[derive(Debug)]
pub struct ClientFinal {
    salt: Vec<u8>,
    iterations: NonZeroU32,
    /// `client-final-message-without-proof`.
    without_proof: Vec<u8>,
    auth_message: Vec<u8>,
}

impl ClientFinal {
    /// The salt to derive the keys with.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// How often to iterate; never above the limit that was given.
    pub fn iterations(&self) -> NonZeroU32 {
        self.iterations
    }

    /// Whether the server stores the secret that `secret` is, as far as it shows: keys that a
    /// client revealed while it was checked against `secret` fit this server.
    pub fn is_challenge_of(&self, secret: &ScramSecret) -> bool {
        self.iterations == secret.iterations() && self.salt == secret.salt()
    }

    /// Proves that we have the keys: gives `client-final-message`, to be sent in `SASLResponse`.
    pub fn prove(self, keys: &ScramKeys) -> (Vec<u8>, AwaitServerFinal) {
        let proof = keys.client.proof(&self.auth_message);
        let mut client_final = self.without_proof;
        client_final.extend_from_slice(b",p=");
        client_final.extend_from_slice(base64::encode(proof.as_slice()).as_bytes());
        let server_signature = keys.server.signature(&self.auth_message);
        (client_final, AwaitServerFinal { server_signature })
    }
}

/// Between `client-final-message` and `server-final-message`.
pub struct AwaitServerFinal {
    server_signature: KeyBytes,
}

impl AwaitServerFinal {
    /// Checks that the server knows the secret too. Only then is it the server it claims to be.
    ///
    /// # Errors
    /// All the server's fault; the connection has to end.
    /// [`ScramError::ServerSignatureMismatch`] if it does not know the secret.
    pub fn server_final(self, message: &[u8]) -> Result<(), ScramError> {
        check_length(ScramMessage::ServerFinal, message)?;
        let malformed = |defect| ScramMessage::ServerFinal.malformed(defect);
        let mut attributes = Attributes::new(message);
        let signature = match attributes.next().map_err(malformed)? {
            Some((b'v', signature)) => signature,
            // What it says stays unread: it is the server's text, and the log shows none of it.
            Some((b'e', _)) => return Err(ScramError::ServerRefused),
            _ => return Err(malformed(Defect::AttributeExpected('v'))),
        };
        attributes.finish().map_err(malformed)?;
        let signature =
            base64::decode_exactly::<KEY_BYTES>(signature).ok_or(malformed(Defect::Base64('v')))?;
        if !bool::from(signature.ct_eq(self.server_signature.as_slice())) {
            return Err(ScramError::ServerSignatureMismatch);
        }
        Ok(())
    }
}

impl std::fmt::Debug for AwaitServerFinal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AwaitServerFinal(…)")
    }
}

/// `server-first-message`.
struct ServerFirstMessage<'message> {
    nonce: &'message [u8],
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl<'message> ServerFirstMessage<'message> {
    fn parse(message: &'message [u8], iterations_max: u32) -> Result<Self, ScramError> {
        let malformed = |defect| ScramMessage::ServerFirst.malformed(defect);
        if message.starts_with(b"m=") {
            return Err(ScramError::ExtensionRequired {
                message: ScramMessage::ServerFirst,
            });
        }
        let mut attributes = Attributes::new(message);
        let nonce = attributes.expect(b'r').map_err(malformed)?;
        if nonce.len() > SCRAM_NONCE_BYTES_MAX {
            return Err(malformed(Defect::NonceTooLong));
        }
        nonce::check(nonce).map_err(malformed)?;
        let salt = attributes.expect(b's').map_err(malformed)?;
        let salt =
            base64::decode(salt, SCRAM_SALT_BYTES_MAX).ok_or(malformed(Defect::Base64('s')))?;
        let iterations = attributes.expect(b'i').map_err(malformed)?;
        // As libpq: no extension is defined here, so more text is an attempt at something.
        attributes.finish().map_err(malformed)?;
        let iterations = iterations::parse(iterations, ScramMessage::ServerFirst, iterations_max)?;
        Ok(Self {
            nonce,
            salt,
            iterations,
        })
    }
}

fn check_length(message: ScramMessage, bytes: &[u8]) -> Result<(), ScramError> {
    let bytes_max = SCRAM_SERVER_MESSAGE_BYTES_MAX;
    match bytes.len() {
        0 => Err(message.malformed(Defect::Empty)),
        length if length > bytes_max => Err(ScramError::TooLong { message, bytes_max }),
        _ => Ok(()),
    }
}
