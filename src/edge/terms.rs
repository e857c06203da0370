//! On what terms clients arrive at a listener: its configuration and its certificates, as one.
//!
//! A login takes the terms once, at its start, and keeps them. A reload loads all new terms first
//! and installs them afterwards, so that one bad certificate leaves everything as it was.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::Listener;
use crate::config::ListenerTls;
use crate::edge::tls::TlsError;
use crate::edge::tls::TlsFront;

/// The terms of one listener at one moment.
#[derive(Debug)]
pub struct Terms {
    /// The configuration.
    pub listener: Arc<Listener>,
    /// The certificates; `None` without TLS.
    pub(super) tls: Option<TlsFront>,
}

/// A listener as its connections see it; shared by the workers.
#[derive(Debug)]
pub struct ListenerRuntime {
    terms: ArcSwap<Terms>,
}

impl Terms {
    /// Reads the certificates. Blocks on the file system: not for a worker's loop.
    ///
    /// # Errors
    /// [`TlsError`]: the operator's fault.
    pub fn load(listener: Arc<Listener>) -> Result<Self, TlsError> {
        let tls = match listener.tls {
            ListenerTls::Disable => None,
            ListenerTls::Allow | ListenerTls::Require => Some(TlsFront::load(&listener)?),
        };
        Ok(Self { listener, tls })
    }
}

impl ListenerRuntime {
    /// A listener with its first terms.
    pub fn new(terms: Terms) -> Self {
        Self {
            terms: ArcSwap::from_pointee(terms),
        }
    }

    /// The terms now.
    pub fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }

    /// Takes other terms. Logins that are under way keep the old ones.
    pub fn install(&self, terms: Terms) {
        self.terms.store(Arc::new(terms));
    }
}
