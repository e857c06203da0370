//! Why a connection was refused, as a label of a counter.
//!
//! The labels are the operator's: what the client is told stands in `restrictions::denial`, and can
//! say less.

/// Why a connection ended before it became a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum RefusalReason {
    /// The peer of a listener that requires PROXY is not among `trusted_proxies`.
    ProxyUntrusted,
    /// The PROXY header is missing, malformed, too long or late.
    ProxyHeader,
    /// The TLS handshake failed, or plaintext stood before it.
    Tls,
    /// The startup message broke the protocol.
    Startup,
    /// The deadline from accept to authentication passed.
    LoginTimeout,
    /// Too many connections stand unauthenticated, in all.
    Backlog,
    /// Too many connections stand unauthenticated, from this address.
    BacklogByAddress,
    /// The connection names no tenant, two different ones, or one that is no name.
    TenantUnnamed,
    /// The tenant does not exist.
    TenantUnknown,
    /// The tenant's networks do not admit the client's address.
    Network,
    /// The tenant's private endpoints do not admit the one the connection came through.
    PrivateEndpoint,
    /// The tenant or the listener requires TLS.
    TlsRequired,
    /// A limit on clients is reached: the node's, the tenant's or the user's.
    ClientLimit,
    /// Connections arrive faster than the tenant's or the user's rate.
    Rate,
    /// Too many logins failed from this address.
    Throttle,
    /// The password, the user, or the certificate is wrong.
    Authentication,
    /// The tenant serves no database of this name.
    Database,
    /// The node shuts down.
    Shutdown,
}

impl RefusalReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 18] = [
        Self::ProxyUntrusted,
        Self::ProxyHeader,
        Self::Tls,
        Self::Startup,
        Self::LoginTimeout,
        Self::Backlog,
        Self::BacklogByAddress,
        Self::TenantUnnamed,
        Self::TenantUnknown,
        Self::Network,
        Self::PrivateEndpoint,
        Self::TlsRequired,
        Self::ClientLimit,
        Self::Rate,
        Self::Throttle,
        Self::Authentication,
        Self::Database,
        Self::Shutdown,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The value of the metric's label `reason`, and of the log field.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ProxyUntrusted => "proxy_untrusted",
            Self::ProxyHeader => "proxy_header",
            Self::Tls => "tls",
            Self::Startup => "startup",
            Self::LoginTimeout => "login_timeout",
            Self::Backlog => "backlog",
            Self::BacklogByAddress => "backlog_by_address",
            Self::TenantUnnamed => "tenant_unnamed",
            Self::TenantUnknown => "tenant_unknown",
            Self::Network => "network",
            Self::PrivateEndpoint => "private_endpoint",
            Self::TlsRequired => "tls_required",
            Self::ClientLimit => "client_limit",
            Self::Rate => "rate",
            Self::Throttle => "throttle",
            Self::Authentication => "authentication",
            Self::Database => "database",
            Self::Shutdown => "shutdown",
        }
    }

    /// The place of the counter.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_reason_has_its_own_place_and_label() {
        let labels: HashSet<_> = RefusalReason::ALL.iter().map(|r| r.label()).collect();
        assert_eq!(labels.len(), RefusalReason::COUNT);
        for (index, reason) in RefusalReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
    }
}
