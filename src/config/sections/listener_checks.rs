//! Whether the settings of a listener go together.

use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::sections::auth_type::AuthType;
use crate::config::sections::listen_address::ListenAddress;
use crate::config::sections::listen_address::SocketMode;
use crate::config::sections::listener::ClientCertificate;
use crate::config::sections::listener::Listener;
use crate::config::sections::listener::ListenerTls;
use crate::config::sections::listener::ProxyProtocol;

/// Reports settings that contradict each other, and warns of those that do nothing.
pub(in crate::config) fn check(listener: &Listener, section: &Section<'_>) {
    let mistake = |key, sentence| section.mistake_here(key, Problem::Contradiction(sentence));
    let warning = |key, sentence| section.warning_here(key, Problem::Contradiction(sentence));
    check_proxy(listener, section, &mistake, &warning);
    check_tls(listener, &mistake, &warning);
    check_auth(listener, &mistake, &warning);
    let is_tcp = matches!(listener.address, ListenAddress::Tcp(_));
    if is_tcp && listener.unix_socket_mode != SocketMode::default() {
        warning(
            "unix_socket_mode",
            "this does nothing: the listener is not a unix socket",
        );
    }
}

type Tell<'a> = dyn Fn(&'static str, &'static str) + 'a;

fn check_proxy(listener: &Listener, section: &Section<'_>, mistake: &Tell<'_>, warning: &Tell<'_>) {
    let is_tcp = matches!(listener.address, ListenAddress::Tcp(_));
    let is_on = listener.proxy_protocol != ProxyProtocol::Off;
    if is_on && is_tcp && listener.trusted_proxies.is_empty() {
        // A list with an entry that was refused is empty too, but that is told by itself.
        if section.is_empty_list("trusted_proxies") {
            mistake(
                "trusted_proxies",
                "no proxy is trusted, so no client could connect; list the load balancers",
            );
        } else if !section.has("trusted_proxies") {
            mistake(
                "proxy_protocol",
                "trusted_proxies is required with it: list the addresses of the load balancers",
            );
        }
    }
    if !is_on && !listener.trusted_proxies.is_empty() {
        warning(
            "trusted_proxies",
            "this does nothing while proxy_protocol is off",
        );
    }
    if is_on && !is_tcp && !listener.trusted_proxies.is_empty() {
        warning(
            "trusted_proxies",
            "this does nothing: who may open a unix socket is its permissions' to say",
        );
    }
}

fn check_tls(listener: &Listener, mistake: &Tell<'_>, warning: &Tell<'_>) {
    let is_on = listener.tls != ListenerTls::Disable;
    if is_on && listener.tls_certificates.is_empty() {
        mistake("tls", "tls_certificates is required with it");
    }
    if !is_on && !listener.tls_certificates.is_empty() {
        warning(
            "tls_certificates",
            "this does nothing while tls is disable; set tls to allow or require",
        );
    }
    if !is_on && listener.sni_suffix.is_some() {
        warning(
            "sni_suffix",
            "this does nothing while tls is disable: SNI comes with TLS",
        );
    }
    let is_asked = listener.tls_client_certificate != ClientCertificate::Ignore;
    if is_asked && !is_on {
        mistake(
            "tls_client_certificate",
            "client certificates come with TLS; set tls to allow or require",
        );
    }
    if is_asked && listener.tls_client_ca.is_none() {
        mistake(
            "tls_client_certificate",
            "tls_client_ca is required with it",
        );
    }
    if !is_asked && listener.tls_client_ca.is_some() {
        warning(
            "tls_client_ca",
            "this does nothing while tls_client_certificate is ignore",
        );
    }
}

fn check_auth(listener: &Listener, mistake: &Tell<'_>, warning: &Tell<'_>) {
    let is_off = listener.tls == ListenerTls::Disable;
    match listener.auth_type {
        AuthType::Cert if listener.tls_client_ca.is_none() => {
            mistake(
                "auth_type",
                "cert needs tls_client_ca, and tls_client_certificate require or optional",
            );
        },
        AuthType::Cert if listener.tls_client_certificate == ClientCertificate::Ignore => {
            mistake(
                "auth_type",
                "cert needs tls_client_certificate require or optional",
            );
        },
        AuthType::Plain if is_off => {
            mistake(
                "auth_type",
                "plain sends passwords as they are, so it needs tls; set tls to require",
            );
        },
        AuthType::Trust if !listener.address.is_local() => {
            warning(
                "auth_type",
                "trust lets everybody in who reaches this address, as any user",
            );
        },
        AuthType::ScramSha256
        | AuthType::Md5
        | AuthType::Plain
        | AuthType::Cert
        | AuthType::Trust => {},
    }
}
