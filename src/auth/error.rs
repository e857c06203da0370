//! Why an authentication failed, on either side.
//!
//! No variant carries a secret, a name or a byte of a peer: an error may go to a log as it is.

use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Violation;
use tidegate_proto::fault::Fault;
use tidegate_proto::scram::ScramError;
use tidegate_proto::sqlstate::SqlState;

/// Why an authentication cannot succeed. The connection it happened on has to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The password is wrong, or the user does not exist, or has no password. Which of these it
    /// is stays unsaid, here too.
    #[error("password authentication failed")]
    PasswordRefused,
    /// There is no verified certificate, or it is another user's.
    #[error("certificate authentication failed")]
    CertificateRefused,
    /// The password itself would cross the network unencrypted. The client was not asked for it.
    #[error("password authentication requires TLS")]
    TlsRequired,
    /// A message of the exchange cannot be read.
    #[error("the authentication message is malformed")]
    Violation(#[from] Violation),
    /// The SCRAM exchange cannot go on.
    #[error("the SCRAM exchange failed")]
    Scram(#[from] ScramError),
    /// A password in the clear would have to be hashed more often than the limit allows.
    #[error("the stored secret has {iterations} iterations, allowed are {iterations_max}")]
    StoredIterations {
        /// What the secret says.
        iterations: u32,
        /// The limit.
        iterations_max: u32,
    },
    /// A message of ours cannot be written.
    #[error("an authentication message cannot be written")]
    Encode(#[from] EncodeError),

    /// The server asks for a method that Tidegate does not speak.
    #[error("the server asks for {method} authentication, which is not supported")]
    ServerMethod {
        /// Its name.
        method: &'static str,
    },
    /// The server asks for the password itself, and must not.
    #[error("the server asks for the password in the clear, which is not allowed")]
    ServerCleartext,
    /// The server asks for the password itself over a network without TLS, which no setting allows.
    #[error("the server asks for the password in the clear over a connection without TLS")]
    ServerCleartextUnprotected,
    /// The server asks for a proof, and there is no secret for this user.
    #[error("the server asks for {method} authentication, and there is no secret for this user")]
    ServerSecretMissing {
        /// What it asks for.
        method: &'static str,
    },
    /// What is stored of the user cannot answer what the server asks for.
    #[error("the server asks for {method} authentication, which the stored secret cannot answer")]
    ServerSecretUnfit {
        /// What it asks for.
        method: &'static str,
    },
    /// The keys that the client's login revealed belong to another secret than the server has.
    #[error("the server stores another SCRAM secret than the one the client was checked against")]
    ServerSecretDiffers,
    /// The server says that the login is done before it proved that it knows the secret.
    #[error("the server accepted the login without proving that it knows the secret")]
    ServerUnproven,
    /// The server let us in without asking for a proof, and the policy demands one.
    #[error("the server accepted the login without asking for a proof")]
    ServerUnchallenged,
    /// The server sent a request that cannot stand here.
    #[error("the server sent an authentication request out of place")]
    ServerOutOfPlace,
}

impl AuthError {
    /// Who caused it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::PasswordRefused | Self::CertificateRefused | Self::TlsRequired => Fault::Client,
            Self::Violation(violation) => violation.fault(),
            Self::Scram(error) => error.fault(),
            Self::Encode(error) => error.fault(),
            Self::StoredIterations { .. }
            | Self::ServerSecretMissing { .. }
            | Self::ServerSecretUnfit { .. }
            | Self::ServerSecretDiffers => Fault::Pooler,
            Self::ServerMethod { .. }
            | Self::ServerCleartext
            | Self::ServerCleartextUnprotected
            | Self::ServerUnproven
            | Self::ServerUnchallenged
            | Self::ServerOutOfPlace => Fault::Server,
        }
    }

    /// The code that the client is told: its own failures as PostgreSQL has them, a failed login to
    /// a server as a broken server connection.
    pub fn sqlstate(&self) -> SqlState {
        match self {
            // Anything but a refusal would tell that the user exists.
            Self::PasswordRefused | Self::StoredIterations { .. } => SqlState::INVALID_PASSWORD,
            Self::CertificateRefused | Self::TlsRequired => {
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            },
            Self::Violation(violation) if violation.fault() == Fault::Server => {
                SqlState::CONNECTION_FAILURE
            },
            Self::Violation(violation) => violation.sqlstate(),
            Self::Scram(error) => error.sqlstate(),
            Self::Encode(error) => error.sqlstate(),
            Self::ServerMethod { .. }
            | Self::ServerCleartext
            | Self::ServerCleartextUnprotected
            | Self::ServerSecretMissing { .. }
            | Self::ServerSecretUnfit { .. }
            | Self::ServerSecretDiffers
            | Self::ServerUnproven
            | Self::ServerUnchallenged
            | Self::ServerOutOfPlace => SqlState::CONNECTION_FAILURE,
        }
    }

    /// The message of the FATAL error that the client is told, in the words of PostgreSQL where it
    /// has some. `name_sent` is the user as the client wrote it.
    pub fn message_for(&self, name_sent: &str) -> String {
        match self {
            Self::PasswordRefused | Self::StoredIterations { .. } => {
                format!("{} for user \"{name_sent}\"", Self::PasswordRefused)
            },
            Self::CertificateRefused => format!("{self} for user \"{name_sent}\""),
            // Which part of a message is wrong is said by the level below.
            Self::Violation(violation) if violation.fault() == Fault::Client => {
                violation.to_string()
            },
            Self::Scram(error) if error.fault() == Fault::Client => error.to_string(),
            Self::Violation(_) | Self::Scram(_) => "the login to the server failed".to_owned(),
            Self::TlsRequired
            | Self::Encode(_)
            | Self::ServerMethod { .. }
            | Self::ServerCleartext
            | Self::ServerCleartextUnprotected
            | Self::ServerSecretMissing { .. }
            | Self::ServerSecretUnfit { .. }
            | Self::ServerSecretDiffers
            | Self::ServerUnproven
            | Self::ServerUnchallenged
            | Self::ServerOutOfPlace => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_client_reads_what_postgres_says() {
        let refused = AuthError::PasswordRefused;
        assert_eq!(
            refused.message_for("alice"),
            "password authentication failed for user \"alice\""
        );
        assert_eq!(refused.sqlstate().as_str(), "28P01");
        let refused = AuthError::CertificateRefused;
        assert_eq!(
            refused.message_for("alice"),
            "certificate authentication failed for user \"alice\""
        );
        assert_eq!(refused.sqlstate().as_str(), "28000");
    }

    #[test]
    fn a_failed_login_to_a_server_is_a_broken_server_connection() {
        let error = AuthError::from(ScramError::ServerSignatureMismatch);
        assert_eq!(
            (error.fault(), error.sqlstate().as_str()),
            (Fault::Server, "08006")
        );
        assert_eq!(error.message_for("alice"), "the login to the server failed");
        let error = AuthError::ServerSecretDiffers;
        assert_eq!(
            (error.fault(), error.sqlstate().as_str()),
            (Fault::Pooler, "08006")
        );
    }
}
