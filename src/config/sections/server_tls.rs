//! `[tenant.server_tls]` and `[tenant.endpoint.server_tls]`: TLS towards servers.

use std::path::PathBuf;

use crate::config::bounds::Any;
use crate::config::bounds::Each;
use crate::config::choice::choices;
use crate::config::pem::CertificatePem;
use crate::config::reading::section::Section;
use crate::config::sections::certificate_files::CertificateFiles;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::settings;

choices! {
    /// TLS towards a server.
    pub enum ServerTlsMode {
        /// None.
        Disable = "disable",
        /// Encrypted, whoever it is.
        Require = "require",
        /// Encrypted, with a certificate of a known authority.
        VerifyCa = "verify-ca",
        /// The same, and the certificate names the host.
        VerifyFull = "verify-full",
    }
}

settings! {
    /// TLS towards a server. `[tenant.server_tls]` is for all endpoints of the tenant.
    pub(in crate::config) struct ServerTlsRows in "[tenant.endpoint.server_tls]" {
        /// Not given: `verify-full`, but `disable` on loopback and unix sockets.
        mode: Option<ServerTlsMode> = None, Any, "word", Reload => "\"verify-full\"";
        /// The authorities that may sign the server's certificate; not given: the system's.
        ca: Option<PathBuf> = None, Each(CertificatePem), "file", Reload => "\"server-ca.crt\"";
        /// The certificate that Tidegate shows to the server.
        certificate: Option<CertificateFiles> = None, Any, "files", Reload => "{ certificate = \"tidegate.crt\", key = \"tidegate.key\" }";
    }
}

/// TLS towards one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Whether and how.
    pub mode: ServerTlsMode,
    /// The authorities that may sign the server's certificate; none: the system's.
    pub ca: Option<PathBuf>,
    /// The certificate that Tidegate shows to the server.
    pub certificate: Option<CertificateFiles>,
}

impl Default for ServerTls {
    fn default() -> Self {
        Self {
            mode: ServerTlsMode::VerifyFull,
            ca: None,
            certificate: None,
        }
    }
}

impl ServerTlsRows {
    /// Reads the table `server_tls` of a tenant or an endpoint; what is not given comes from `base`.
    pub(in crate::config) fn load(section: &mut Section<'_>, base: &Self) -> Self {
        let Some(mut table) = section.section("server_tls") else {
            return base.clone();
        };
        let rows = Self::read(&mut table, Scope::Own, base);
        table.finish();
        rows
    }

    /// What they mean for an endpoint that is on this machine or not.
    pub(in crate::config) fn resolve(self, is_local: bool) -> ServerTls {
        let default = if is_local {
            ServerTlsMode::Disable
        } else {
            ServerTlsMode::VerifyFull
        };
        ServerTls {
            mode: self.mode.unwrap_or(default),
            ca: self.ca,
            certificate: self.certificate,
        }
    }
}
