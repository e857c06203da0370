//! The conversation in which a client proves who it is, over its line.
//!
//! `auth` says what to ask and what an answer proves; this sends, reads and waits. Nothing that the
//! proof gives is sent yet: whether it counts is decided afterwards.

use crate::auth::AuthError;
use crate::auth::ClientKeys;
use crate::auth::ClientStep;
use crate::auth::Derivation;
use crate::edge::EdgeError;
use crate::edge::line::Line;
use crate::edge::secret_store::SecretStore;

/// What came of it.
pub(super) enum Proof {
    /// The client is who it says.
    Proven {
        /// What is due before `AuthenticationOk`; may be empty.
        message: Vec<u8>,
        /// What it revealed, to log in to a server that stores the same secret.
        keys: Option<ClientKeys>,
    },
    /// It is not.
    Failed,
}

/// When keys that were derived may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remember {
    /// At once: they come from a password that is stored.
    AtOnce,
    /// When the client is proven: they come from a password that it sent.
    WhenProven,
}

/// Goes on from `step` to the end.
///
/// # Errors
/// [`EdgeError`]: the client broke the protocol, left, or was too late.
pub(super) async fn prove(
    line: &mut Line,
    mut step: ClientStep,
    secrets: &SecretStore,
    remember: Remember,
) -> Result<Proof, EdgeError> {
    let mut derived: Option<(Derivation, _)> = None;
    loop {
        step = match step {
            ClientStep::Ask { message, next } => {
                line.say(message);
                next.receive(line.ask().await?)
            },
            ClientStep::Derive { derivation, next } => {
                let keys = line.within(secrets.derive(&derivation)).await?;
                let keys = keys.map_err(EdgeError::Io)?;
                if remember == Remember::AtOnce {
                    secrets.remember(&derivation, keys.clone());
                } else {
                    derived = Some((derivation, keys.clone()));
                }
                next.resume(keys)
            },
            ClientStep::Done { message, keys } => {
                if let Some((derivation, keys)) = derived {
                    secrets.remember(&derivation, keys);
                }
                return Ok(Proof::Proven { message, keys });
            },
            // Which of these it is must not be told.
            ClientStep::Failed(
                AuthError::PasswordRefused
                | AuthError::CertificateRefused
                | AuthError::StoredIterations { .. },
            ) => return Ok(Proof::Failed),
            ClientStep::Failed(error) => return Err(EdgeError::Authentication(error)),
        }
    }
}
