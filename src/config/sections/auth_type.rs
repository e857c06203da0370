//! How clients prove who they are.

use crate::config::choice::choices;

choices! {
    /// How clients prove who they are.
    pub enum AuthType {
        /// SCRAM-SHA-256, and -PLUS over TLS.
        ScramSha256 = "scram-sha-256",
        /// An md5 hash; SCRAM for users whose secret is a SCRAM verifier.
        Md5 = "md5",
        /// The password itself, over TLS only.
        Plain = "plain",
        /// A client certificate whose common name is the user.
        Cert = "cert",
        /// Nothing: every client is who it says.
        Trust = "trust",
    }
}
