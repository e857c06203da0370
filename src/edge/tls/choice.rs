//! Which certificate one client is shown, and what it asked for.
//!
//! A handshake asks once, in its middle, and tells nobody what it was told: so each has a resolver
//! of its own, which remembers. Reading the client's first message twice, to know beforehand, costs
//! more.

use std::sync::Arc;
use std::sync::OnceLock;

use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;

use crate::edge::tls::certificate::Certificate;
use crate::edge::tls::server_names::Fit;

/// The certificates of a listener: the first is for clients without SNI, or with one that no
/// certificate is for.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) default: Certificate,
    pub(super) others: Vec<Certificate>,
}

/// The choice for one handshake.
#[derive(Debug)]
pub(super) struct Choice {
    from: Arc<Certificates>,
    made: OnceLock<Made>,
}

#[derive(Debug)]
struct Made {
    /// `None` for the default.
    other: Option<usize>,
    server_name: Option<Box<str>>,
}

impl Certificates {
    /// The one of those whose key the client can verify that fits its server name best; the first
    /// of equals.
    fn choose(&self, hello: &ClientHello<'_>) -> Option<usize> {
        let schemes = hello.signature_schemes();
        let fit = |certificate: &Certificate| {
            let fit = |name| certificate.fit(name);
            let fit = hello.server_name().map_or(Fit::None, fit);
            (certificate.can_sign(schemes), fit)
        };
        if self.others.is_empty() {
            return None;
        }
        let mut best = (None, fit(&self.default));
        for (index, certificate) in self.others.iter().enumerate() {
            let fit = fit(certificate);
            if fit > best.1 {
                best = (Some(index), fit);
            }
        }
        best.0
    }

    fn certificate(&self, other: Option<usize>) -> &Certificate {
        other
            .and_then(|index| self.others.get(index))
            .unwrap_or(&self.default)
    }
}

impl Choice {
    /// For a handshake that has not begun.
    pub(super) const fn new(from: Arc<Certificates>) -> Self {
        Self {
            from,
            made: OnceLock::new(),
        }
    }

    /// The certificate that was shown. Before one was, the default.
    pub(super) fn certificate(&self) -> &Certificate {
        let other = self.made.get().and_then(|made| made.other);
        self.from.certificate(other)
    }

    /// The server name that the client asked for.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.made.get()?.server_name.as_deref()
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A client that is told to try again with another key share does not choose again.
        let made = self.made.get_or_init(|| Made {
            other: self.from.choose(&hello),
            server_name: hello.server_name().map(Box::from),
        });
        Some(Arc::clone(self.from.certificate(made.other).key()))
    }
}
