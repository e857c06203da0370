//! The conversation in which a client proves who it is, over its line.
//!
//! It knows no tenant and no user; whoever calls has found the secret, or a mock that no proof fits.
//!
//! See <https://www.postgresql.org/docs/current/sasl-authentication.html>.

use tidegate_proto::backend::Authentication;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::Verdict;

use crate::auth::ClientKeys;
use crate::edge::EdgeError;
use crate::edge::line::Line;

/// What came of it. The client was told nothing yet.
pub(super) enum Proof {
    /// It is who it says. What is due before `AuthenticationOk` is outgoing.
    Proven(Option<ClientKeys>),
    /// It is not.
    Failed,
}

/// Asks for a proof by SCRAM. `secret` is what the proof is checked against, unless nothing is
/// right.
pub(super) async fn scram(
    line: &mut Line,
    first: ServerFirst,
    secret: Option<ScramSecret>,
    offered: &[Mechanism],
) -> Result<Proof, EdgeError> {
    let names: Vec<_> = offered.iter().map(|mechanism| mechanism.as_str()).collect();
    Authentication::encode_sasl(&names, line.outgoing()).map_err(EdgeError::Encode)?;
    let body = line.ask().await?;
    let initial = SaslInitialResponse::decode(&body).map_err(EdgeError::Authentication)?;
    let mechanism = Mechanism::from_name(initial.mechanism)
        .ok_or(EdgeError::Scram(ScramError::MechanismNotOffered))?;
    let (server_first, state) = first
        .client_first(mechanism, initial.response.unwrap_or_default())
        .map_err(EdgeError::Scram)?;
    Authentication::SaslContinue {
        data: &server_first,
    }
    .encode(line.outgoing())
    .map_err(EdgeError::Encode)?;
    let body = line.ask().await?;
    match state.client_final(&body).map_err(EdgeError::Scram)? {
        Verdict::Refused => Ok(Proof::Failed),
        Verdict::Verified { server_final, keys } => {
            Authentication::SaslFinal {
                data: &server_final,
            }
            .encode(line.outgoing())
            .map_err(EdgeError::Encode)?;
            Ok(Proof::Proven(
                secret.map(|secret| ClientKeys { keys, secret }),
            ))
        },
    }
}
