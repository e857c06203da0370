//! The server side: Tidegate checks a client.
//!
//! What is accepted and refused, and when, follows `PostgreSQL`'s `auth-scram.c`, so that a client
//! sees no difference. An unknown user goes through the very same steps with a mock secret, and
//! fails at the end.
//!
//! Three things that `PostgreSQL` lets pass are malformed here, as they are in RFC 5802: an empty
//! nonce, a comma at the end, and a proof whose base64 has bits left over.

use std::io::Write as _;

use subtle::Choice;

use crate::limits::SCRAM_CLIENT_MESSAGE_BYTES_MAX;
use crate::limits::SCRAM_RAW_NONCE_BYTES;

use super::attributes::Attributes;
use super::attributes::split_at_comma;
use super::attributes::split_at_last_comma;
use super::base64;
use super::channel_binding::ChannelBindingData;
use super::error::Defect;
use super::error::ScramError;
use super::error::ScramMessage;
use super::keys::KEY_BYTES;
use super::keys::KeyBytes;
use super::keys::ScramKeys;
use super::mechanism::Mechanism;
use super::mock::MockSecret;
use super::nonce;
use super::nonce::RawNonce;
use super::secret::ScramSecret;

const TLS_SERVER_END_POINT: &[u8] = b"tls-server-end-point";

/// `n,,` and `y,,` in base64, as `c=` repeats them.
const UNSUPPORTED: &str = "biws";
const NOT_OFFERED: &str = "eSws";

/// Room for `r=`, `,s=`, `,i=` and the longest count.
const SERVER_FIRST_BYTES: usize = 8 + 10;

/// Room for `c=`, `,r=` and a channel binding with SHA-256 in `client-final-message-without-proof`.
const CLIENT_FINAL_BYTES: usize = 5 + 76;

/// Before `client-first-message`.
///
/// ```text
///  ServerFirst ──client-first──▶ ServerFinal ──client-final──▶ Verdict::Verified │ Verdict::Refused
///       └──────────────────────────┴── ScramError: the client broke the protocol
/// ```
#[derive(Debug)]
pub struct ServerFirst {
    secret: ScramSecret,
    doomed: bool,
    /// `Some` exactly if SCRAM-SHA-256-PLUS was offered.
    binding: Option<ChannelBindingData>,
    nonce: RawNonce,
}

impl ServerFirst {
    /// Checks a user against the stored secret.
    ///
    /// `binding` is the data of our own certificate if SCRAM-SHA-256-PLUS was offered, `None` if
    /// it was not; `nonce` is fresh from the system's generator.
    pub fn new(secret: ScramSecret, binding: Option<ChannelBindingData>, nonce: RawNonce) -> Self {
        Self {
            secret,
            doomed: false,
            binding,
            nonce,
        }
    }

    /// The same towards a user that does not exist or may not log in: the steps, the messages and
    /// the time are those of [`new`](Self::new), the verdict is always [`Verdict::Refused`].
    pub fn doomed(
        secret: MockSecret,
        binding: Option<ChannelBindingData>,
        nonce: RawNonce,
    ) -> Self {
        Self {
            secret: secret.into_inner(),
            doomed: true,
            binding,
            nonce,
        }
    }

    /// Reads `client-first-message`, sent with the choice of `mechanism`; gives
    /// `server-first-message` and the next state.
    ///
    /// # Errors
    /// All the client's fault; the connection has to end. Among them
    /// [`ScramError::ChannelBindingDowngrade`] if the client could bind but did not see the offer.
    pub fn client_first(
        self,
        mechanism: Mechanism,
        message: &[u8],
    ) -> Result<(Vec<u8>, ServerFinal), ScramError> {
        check_length(ScramMessage::ClientFirst, message)?;
        let client_first = ClientFirstMessage::parse(message)?;
        let channel_binding = self.expected_binding(mechanism, client_first.flag)?;

        let nonce_bytes = client_first.nonce.len() + base64::text_bytes(SCRAM_RAW_NONCE_BYTES);
        let mut nonce = Vec::with_capacity(nonce_bytes);
        nonce.extend_from_slice(client_first.nonce);
        nonce::append(&self.nonce, &mut nonce);

        let salt_bytes = base64::text_bytes(self.secret.salt.len());
        let mut server_first = Vec::with_capacity(SERVER_FIRST_BYTES + nonce_bytes + salt_bytes);
        server_first.extend_from_slice(b"r=");
        server_first.extend_from_slice(&nonce);
        server_first.extend_from_slice(b",s=");
        base64::append(&self.secret.salt, &mut server_first);
        // Writing to memory cannot fail.
        write!(server_first, ",i={}", self.secret.iterations).ok();

        // The client's last message comes behind it.
        let client_final_bytes = CLIENT_FINAL_BYTES + nonce_bytes;
        let auth_bytes = client_first.bare.len() + server_first.len() + 2 + client_final_bytes;
        let mut auth_message = Vec::with_capacity(auth_bytes);
        for part in [client_first.bare, &server_first] {
            auth_message.extend_from_slice(part);
            auth_message.push(b',');
        }
        let next = ServerFinal {
            secret: self.secret,
            doomed: self.doomed,
            channel_binding,
            nonce,
            auth_message,
        };
        Ok((server_first, next))
    }

    /// Holds the client's flag against the mechanism it chose and what was offered; gives what
    /// `c=` has to be.
    fn expected_binding(
        &self,
        mechanism: Mechanism,
        flag: Flag<'_>,
    ) -> Result<ExpectedBinding, ScramError> {
        match (mechanism, &self.binding, flag) {
            (Mechanism::ScramSha256Plus, None, _) => Err(ScramError::MechanismNotOffered),
            (Mechanism::ScramSha256Plus, Some(_), Flag::Unsupported | Flag::NotOffered) => {
                Err(ScramError::ChannelBindingMissing)
            },
            (Mechanism::ScramSha256Plus, Some(data), Flag::Requested(TLS_SERVER_END_POINT)) => {
                let header = b"p=tls-server-end-point,,";
                let text = base64::encode([header.as_slice(), data.as_bytes()].concat());
                Ok(ExpectedBinding::Certificate(text))
            },
            (Mechanism::ScramSha256Plus, Some(_), Flag::Requested(_)) => {
                Err(ScramError::ChannelBindingType)
            },
            (Mechanism::ScramSha256, _, Flag::Unsupported) => {
                Ok(ExpectedBinding::Flag(UNSUPPORTED))
            },
            // Somebody in between may have taken SCRAM-SHA-256-PLUS off the list.
            (Mechanism::ScramSha256, Some(_), Flag::NotOffered) => {
                Err(ScramError::ChannelBindingDowngrade)
            },
            (Mechanism::ScramSha256, None, Flag::NotOffered) => {
                Ok(ExpectedBinding::Flag(NOT_OFFERED))
            },
            (Mechanism::ScramSha256, _, Flag::Requested(_)) => {
                Err(ScramError::ChannelBindingUnexpected)
            },
        }
    }
}

/// Between `server-first-message` and `client-final-message`.
#[derive(Debug)]
pub struct ServerFinal {
    secret: ScramSecret,
    doomed: bool,
    channel_binding: ExpectedBinding,
    /// The client's and ours.
    nonce: Vec<u8>,
    /// `client-first-message-bare,server-first-message,`: what is still missing is the client's
    /// last message without its proof.
    auth_message: Vec<u8>,
}

impl ServerFinal {
    /// Reads `client-final-message` and judges it.
    ///
    /// # Errors
    /// All the client's fault; the connection has to end. They are the same for every user,
    /// existing or not, and say nothing about the password.
    pub fn client_final(mut self, message: &[u8]) -> Result<Verdict, ScramError> {
        check_length(ScramMessage::ClientFinal, message)?;
        let client_final = ClientFinalMessage::parse(message)?;
        self.channel_binding.check(client_final.channel_binding)?;
        if client_final.nonce != self.nonce {
            return Err(ScramError::NonceMismatch {
                message: ScramMessage::ClientFinal,
            });
        }

        self.auth_message
            .extend_from_slice(client_final.without_proof);
        let (client, is_right) = self
            .secret
            .stored_key
            .recover(&client_final.proof, &self.auth_message);
        let signature = self.secret.server_key.signature(&self.auth_message);
        if !bool::from(is_right & !Choice::from(u8::from(self.doomed))) {
            return Ok(Verdict::Refused);
        }
        let mut server_final = Vec::with_capacity(2 + base64::text_bytes(KEY_BYTES));
        server_final.extend_from_slice(b"v=");
        base64::append(signature.as_slice(), &mut server_final);
        let keys = ScramKeys {
            client,
            server: self.secret.server_key,
        };
        Ok(Verdict::Verified { server_final, keys })
    }
}

/// How an exchange ended.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// The client knows the password.
    Verified {
        /// `server-final-message`, to be sent with `AuthenticationSASLFinal`.
        server_final: Vec<u8>,
        /// What the proof revealed: enough to log in to a server that stores the same secret.
        keys: ScramKeys,
    },
    /// It does not, or the user does not exist. Nothing is sent but the refusal.
    Refused,
}

/// What `c=` has to be, in base64.
#[derive(Debug)]
enum ExpectedBinding {
    /// The flag alone, as the client gave it in its first message.
    Flag(&'static str),
    /// The flag and the hash of our certificate.
    Certificate(String),
}

impl ExpectedBinding {
    fn check(&self, found: &[u8]) -> Result<(), ScramError> {
        match self {
            Self::Flag(text) if found == text.as_bytes() => Ok(()),
            Self::Certificate(text) if found == text.as_bytes() => Ok(()),
            Self::Flag(_) => {
                Err(ScramMessage::ClientFinal.malformed(Defect::ChannelBindingAttribute))
            },
            Self::Certificate(_) => Err(ScramError::ChannelBindingMismatch),
        }
    }
}

/// `gs2-cbind-flag`.
#[derive(Clone, Copy)]
enum Flag<'message> {
    /// `n`.
    Unsupported,
    /// `y`.
    NotOffered,
    /// `p=<type>`.
    Requested(&'message [u8]),
}

/// `client-first-message = gs2-header client-first-message-bare`.
struct ClientFirstMessage<'message> {
    flag: Flag<'message>,
    bare: &'message [u8],
    nonce: &'message [u8],
}

impl<'message> ClientFirstMessage<'message> {
    fn parse(message: &'message [u8]) -> Result<Self, ScramError> {
        let malformed = |defect| ScramMessage::ClientFirst.malformed(defect);
        let missing = |attribute| malformed(Defect::AttributeExpected(attribute));

        let (flag, rest) = split_at_comma(message).ok_or(malformed(Defect::ChannelBindingFlag))?;
        let flag = match flag {
            b"n" => Flag::Unsupported,
            b"y" => Flag::NotOffered,
            [b'p', b'=', kind @ ..] => Flag::Requested(kind),
            _ => return Err(malformed(Defect::ChannelBindingFlag)),
        };
        let (authorization_identity, bare) = split_at_comma(rest).ok_or(missing('a'))?;
        match authorization_identity {
            [] => {},
            [b'a', ..] => return Err(ScramError::AuthorizationIdentity),
            _ => return Err(missing('a')),
        }
        if bare.starts_with(b"m=") {
            return Err(ScramError::ExtensionRequired {
                message: ScramMessage::ClientFirst,
            });
        }
        // The user is the one of the StartupMessage; PostgreSQL ignores this one, and so do we.
        let mut attributes = Attributes::new(bare);
        attributes.expect(b'n').map_err(malformed)?;
        let nonce = attributes.expect(b'r').map_err(malformed)?;
        nonce::check(nonce).map_err(malformed)?;
        attributes.skip_extensions().map_err(malformed)?;
        Ok(Self { flag, bare, nonce })
    }
}

/// `client-final-message = client-final-message-without-proof "," proof`.
struct ClientFinalMessage<'message> {
    channel_binding: &'message [u8],
    nonce: &'message [u8],
    without_proof: &'message [u8],
    proof: KeyBytes,
}

impl<'message> ClientFinalMessage<'message> {
    fn parse(message: &'message [u8]) -> Result<Self, ScramError> {
        let malformed = |defect| ScramMessage::ClientFinal.malformed(defect);

        let (without_proof, proof) =
            split_at_last_comma(message).ok_or(malformed(Defect::AttributeExpected('p')))?;
        let proof = Attributes::new(proof).expect(b'p').map_err(malformed)?;
        let proof =
            base64::decode_exactly::<KEY_BYTES>(proof).ok_or(malformed(Defect::Base64('p')))?;

        let mut attributes = Attributes::new(without_proof);
        let channel_binding = attributes.expect(b'c').map_err(malformed)?;
        let nonce = attributes.expect(b'r').map_err(malformed)?;
        attributes.skip_extensions().map_err(malformed)?;
        Ok(Self {
            channel_binding,
            nonce,
            without_proof,
            proof,
        })
    }
}

fn check_length(message: ScramMessage, bytes: &[u8]) -> Result<(), ScramError> {
    let bytes_max = SCRAM_CLIENT_MESSAGE_BYTES_MAX;
    match bytes.len() {
        0 => Err(message.malformed(Defect::Empty)),
        length if length > bytes_max => Err(ScramError::TooLong { message, bytes_max }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    /// The server of RFC 7677 §3, whose nonce is not of the form that ours have.
    fn server_of_rfc_7677() -> ServerFinal {
        let salt = base64::decode(b"W22ZaJ0SNY7soEsUEjb6gQ==", 16).unwrap();
        let iterations = NonZeroU32::new(4096).unwrap();
        ServerFinal {
            secret: ScramSecret::from_password(b"pencil", &salt, iterations).unwrap(),
            doomed: false,
            channel_binding: ExpectedBinding::Flag(UNSUPPORTED),
            nonce: b"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_vec(),
            auth_message: b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
                r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
                .to_vec(),
        }
    }

    const CLIENT_FINAL_OF_RFC_7677: &[u8] =
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
          p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    #[test]
    fn the_client_of_rfc_7677_section_3_is_verified() {
        let verdict = server_of_rfc_7677()
            .client_final(CLIENT_FINAL_OF_RFC_7677)
            .unwrap();
        let Verdict::Verified { server_final, .. } = verdict else {
            panic!("refused");
        };
        assert_eq!(
            server_final,
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }

    #[test]
    fn the_flags_are_repeated_in_base64() {
        assert_eq!(UNSUPPORTED, base64::encode("n,,"));
        assert_eq!(NOT_OFFERED, base64::encode("y,,"));
    }

    #[test]
    fn the_right_proof_does_not_help_a_doomed_client() {
        let doomed = ServerFinal {
            doomed: true,
            ..server_of_rfc_7677()
        };
        let verdict = doomed.client_final(CLIENT_FINAL_OF_RFC_7677).unwrap();
        assert!(matches!(verdict, Verdict::Refused));
    }

    #[test]
    fn the_first_message_of_rfc_7677_section_3_is_read() {
        let message = ClientFirstMessage::parse(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert_eq!(message.bare, b"n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(message.nonce, b"rOprNGfwEbeRWgbNEkqO");
    }
}
