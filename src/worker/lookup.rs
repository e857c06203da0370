//! The system's resolver: `getaddrinfo`, with all that it knows of `/etc/hosts`, search domains and
//! `nsswitch.conf`.
//!
//! It may take as long as it wants, and cannot be called off. So each lookup has a thread of its own, which
//! nobody waits for at the end of the process.

use std::net::SocketAddr;
use std::net::ToSocketAddrs;
use std::thread;

use crate::pool::Lookup;
use crate::pool::Question;

/// The system's resolver.
#[derive(Debug, Clone, Copy)]
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn begin(&self, question: Question) {
        let builder = thread::Builder::new().name("lookup".to_owned());
        let spawned = builder.spawn(move || {
            let found = (question.name(), 0).to_socket_addrs();
            question.answer(found.map(Iterator::collect::<Vec<SocketAddr>>));
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "there is no thread to look a name up");
        }
    }
}
