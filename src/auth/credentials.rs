//! Who wants in, and what is known of that user.

use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;

use crate::auth::secret::Secret;

/// What is known of a user. The first two look the same to a client.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// There is no such user. Also right for a client that must run into an authentication that
    /// cannot succeed.
    Unknown,
    /// The user exists and no password is right: none is set, or it has expired.
    WithoutSecret,
    /// The user exists and has this secret.
    Secret(Secret),
}

/// How a connection is kept from others.
#[derive(Debug, Clone)]
pub enum Protection {
    /// By nothing: plain TCP.
    None,
    /// By the machine: a unix socket, or loopback.
    Local,
    /// By TLS.
    Tls {
        /// What the certificate of the connection's accepting side gives for
        /// `tls-server-end-point`; `None` if its signature algorithm allows no binding.
        binding: Option<ChannelBindingData>,
    },
}

/// Who wants in, gathered before the authentication begins.
#[derive(Debug, Clone)]
pub struct Identity<'a> {
    /// The tenant, which decides over the salt that an unknown user sees.
    pub tenant: &'a str,
    /// The user of the tenant.
    pub user: &'a str,
    /// The user as the client wrote it, which may be `user.tenant`. A client hashes this name into
    /// an md5 answer, and is told this name when it fails.
    pub name_sent: &'a str,
    /// What is known of that user.
    pub credentials: Credentials,
    /// How the connection is kept from others; with TLS the binding of our own certificate.
    pub protection: Protection,
    /// The common name of the client's certificate, if there is one and it was verified.
    pub certificate_name: Option<Box<str>>,
}

/// What a client's SCRAM proof revealed, and where it is of use: at a server that stores the same
/// secret.
#[derive(Debug, Clone)]
pub struct ClientKeys {
    /// The keys.
    pub keys: ScramKeys,
    /// The secret that the client was checked against; only its salt and count are looked at.
    pub secret: ScramSecret,
}
