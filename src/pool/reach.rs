//! To one of an endpoint's addresses: every one is tried, and none takes the time of the others.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;

use crate::config::Endpoint;
use crate::config::Host;
use crate::limits::ADDRESS_CONNECT_TIMEOUT;
use crate::net::Transport;
use crate::pool::Dial;
use crate::pool::Names;
use crate::pool::PoolError;
use crate::telemetry::TenantSlot;

/// Connects to an endpoint for a tenant, to one address of it if `only` says which. Says which it was,
/// if it has one.
///
/// # Errors
///
/// [`PoolError`]: no address, or none that answers.
pub(super) async fn reach(
    dial: &dyn Dial,
    endpoint: &Endpoint,
    only: Option<SocketAddr>,
    asker: TenantSlot,
) -> Result<(Transport, Option<SocketAddr>), PoolError> {
    let (Host::Name(name), None, Some(names)) = (&endpoint.host, only, dial.names()) else {
        return Ok((dial.dial(endpoint, only).await?, only));
    };
    let found = names.resolve(name, endpoint.port, asker).await;
    let found = found.map_err(|error| PoolError::Unresolved {
        host: name.clone(),
        source: Some(error),
    })?;
    let way = Way {
        dial,
        endpoint,
        names,
        name,
    };
    way.any_of(&found).await
}

/// The way to an endpoint that has a name.
struct Way<'a> {
    dial: &'a dyn Dial,
    endpoint: &'a Endpoint,
    names: &'a Arc<Names>,
    name: &'a str,
}

/// An address that is tried. Whoever waits may give up before that ends: it is not the first to be tried
/// next time, then, or an address that is silent would always take the time of the others.
struct Attempt<'a> {
    way: &'a Way<'a>,
    ip: IpAddr,
    is_reached: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let Way { names, name, .. } = self.way;
        names.tried(name, self.ip, self.is_reached, Instant::now());
    }
}

impl Way<'_> {
    async fn any_of(
        &self,
        addresses: &[SocketAddr],
    ) -> Result<(Transport, Option<SocketAddr>), PoolError> {
        let mut failed = self.silent();
        for (number, address) in addresses.iter().enumerate() {
            let mut attempt = Attempt {
                way: self,
                ip: address.ip(),
                is_reached: false,
            };
            let dialing = self.dial.dial(self.endpoint, Some(*address));
            let dialed = if number + 1 < addresses.len() {
                let dialed = tokio::time::timeout(ADDRESS_CONNECT_TIMEOUT, dialing).await;
                dialed.unwrap_or_else(|_| Err(self.silent()))
            } else {
                // Whoever waits for the connection says how long.
                dialing.await
            };
            attempt.is_reached = dialed.is_ok();
            drop(attempt);
            match dialed {
                Ok(transport) => return Ok((transport, Some(*address))),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn silent(&self) -> PoolError {
        PoolError::Unreachable {
            endpoint: self.endpoint.name.clone(),
            source: io::ErrorKind::TimedOut.into(),
        }
    }
}
