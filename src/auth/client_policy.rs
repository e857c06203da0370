//! What all clients of a tenant have in common when they authenticate.

use std::num::NonZeroU32;

use tidegate_proto::scram::MockKey;

use crate::auth::secret::SecretKind;

/// How the clients of one tenant are authenticated.
#[derive(Debug, Clone)]
pub struct ClientPolicy {
    /// What the salts of unknown users, and of those with a password in the clear, come from.
    pub mock_key: MockKey,
    /// The form that the secrets of this tenant usually have: an unknown user is asked for the same.
    /// A tenant whose users have secrets of different forms shows by the request which users exist.
    pub usual_kind: SecretKind,
    /// The iterations that the tenant's secrets usually have; 4096 unless it says otherwise.
    pub usual_iterations: NonZeroU32,
    /// The most iterations that a password in the clear is hashed with.
    pub iterations_max: u32,
    /// Whether a certificate may name the user alone. False: it must name `user.tenant`, for an
    /// authority that several tenants share must not let `alice` of one be `alice` of another.
    pub bare_common_name: bool,
}
