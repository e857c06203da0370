//! `[[listener]]`: an address on which clients arrive, and on what terms.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::bounds::Any;
use crate::config::bounds::Each;
use crate::config::choice::choices;
use crate::config::name::Domain;
use crate::config::name::Name;
use crate::config::name::TenantName;
use crate::config::pem::CertificatePem;
use crate::config::reading::section::Section;
use crate::config::sections::auth_type::AuthType;
use crate::config::sections::certificate_files::CertificateFiles;
use crate::config::sections::listen_address::ListenAddress;
use crate::config::sections::listen_address::SocketMode;
use crate::config::sections::listener_checks;
use crate::config::sections::pool_settings::PoolMode;
use crate::config::sections::reads::Route;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::settings;

choices! {
    /// Whether connections begin with a PROXY header; never guessed.
    pub enum ProxyProtocol {
        /// They must not.
        Off = "off",
        /// With one of version 1, the text.
        V1 = "v1",
        /// With one of version 2, the binary.
        V2 = "v2",
        /// With one of either version.
        V1AndV2 = "v1+v2",
    }
}

choices! {
    /// TLS towards clients.
    pub enum ListenerTls {
        /// An `SSLRequest` is answered with N.
        Disable = "disable",
        /// The client chooses.
        Allow = "allow",
        /// A client without TLS is refused.
        Require = "require",
    }
}

choices! {
    /// What becomes of a client's certificate.
    pub enum ClientCertificate {
        /// None is asked for.
        Ignore = "ignore",
        /// Verified if the client sends one.
        Optional = "optional",
        /// A client without a valid one is refused.
        Require = "require",
    }
}

choices! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// TLS 1.2.
        V1_2 = "1.2",
        /// TLS 1.3.
        V1_3 = "1.3",
    }
}

settings! {
    /// An address on which clients arrive, and on what terms.
    pub struct Listener in "[[listener]]" {
        /// The name in logs, metrics and the console.
        name: String = String::new(), Name, "name", Restart, Required => "\"main\"";
        /// `127.0.0.1:6432`, `[::]:6432` (IPv4 too), or the path of a unix socket.
        address: ListenAddress = ListenAddress::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 6432))), Any, "address", Restart, Required => "\"127.0.0.1:6432\"";
        /// The permissions of a unix socket.
        unix_socket_mode: SocketMode = SocketMode::default(), Any, "octal", Restart;
        /// How many connections the system may hold ready before they are accepted.
        listen_backlog: u32 = 1024, 1..=65_535, "connections", Restart;
        /// Whether connections begin with a PROXY header, and of which version; never guessed.
        proxy_protocol: ProxyProtocol = ProxyProtocol::Off, Any, "word", Reload;
        /// Who may send that header: addresses and networks of the load balancers.
        trusted_proxies: Vec<IpNet> = Vec::new(), Any, "networks", Reload => "[\"10.0.0.0/8\", \"fdaa::/16\"]";
        /// How long the header may take.
        proxy_header_timeout: Duration = Duration::from_secs(5), Duration::from_millis(100)..=Duration::from_mins(1), "duration", Reload;
        /// TLS towards clients.
        tls: ListenerTls = ListenerTls::Disable, Any, "word", Reload;
        /// Certificates with their keys; the client's SNI chooses, the first is for those without. With
        /// an ECDSA key a handshake costs a quarter of what one with RSA does.
        tls_certificates: Vec<CertificateFiles> = Vec::new(), Any, "files", Reload => "[{ certificate = \"server.crt\", key = \"server.key\" }]";
        /// The authorities that may sign client certificates.
        tls_client_ca: Option<PathBuf> = None, Each(CertificatePem), "file", Reload => "\"client-ca.crt\"";
        /// What becomes of a client's certificate.
        tls_client_certificate: ClientCertificate = ClientCertificate::Ignore, Any, "word", Reload;
        /// The oldest version of TLS that is spoken.
        tls_min_version: TlsVersion = TlsVersion::V1_2, Any, "word", Reload;
        /// When a server goes back to its pool, for tenants and users that do not say.
        pool_mode: Option<PoolMode> = None, Any, "word", Reload => "\"transaction\"";
        /// Where the statements of clients that come here go; `auto`: as the user's `route` says.
        route: Route = Route::Auto, Any, "word", Reload;
        /// The tenant of clients that name none.
        default_tenant: Option<String> = None, Each(TenantName), "name", Reload => "\"acme\"";
        /// Clients whose SNI is `<tenant>.<suffix>` name that tenant.
        sni_suffix: Option<String> = None, Each(Domain), "domain", Reload => "\"db.example.com\"";
        /// How clients prove who they are, if their tenant does not say.
        auth_type: AuthType = AuthType::ScramSha256, Any, "word", Reload;
        /// Whether the SQL console answers here, to peers on a unix socket or on loopback.
        console: bool = false, Any, "boolean", Reload;
    }
}

impl Listener {
    /// Reads `[[listener]]` and checks that its settings go together. The section is left open for
    /// what depends on others.
    pub(in crate::config) fn load(section: &mut Section<'_>) -> Self {
        let mut listener = Self::read(section, Scope::Own, &Self::default());
        // The address carries the permissions of its socket.
        if let ListenAddress::Unix { mode, .. } = &mut listener.address {
            SocketMode(*mode) = listener.unix_socket_mode;
        }
        listener_checks::check(&listener, section);
        listener
    }
}
