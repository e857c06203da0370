//! Step 5: which tenant a client names, or that it wants the console.
//!
//! What a name means never depends on which tenants exist. The console is for peers on this machine;
//! a PROXY header can only take that away.

use crate::config::Listener;
use crate::config::ListenerTls;
use crate::edge::EdgeError;
use crate::edge::accepted::Claim;
use crate::edge::accepted::Named;
use crate::edge::accepted::Place;
use crate::edge::accepted::Started;
use crate::edge::accepted::Wish;
use crate::edge::gate::Gate;
use crate::edge::startup_options;
use crate::restrictions::Denial;
use crate::restrictions::Report;
use crate::tenancy;
use crate::tenancy::ListenerNaming;
use crate::tenancy::Names;
use crate::tenancy::Origin;

/// The databases that are the console: PgBouncer's word, and our own.
const CONSOLE_DATABASES: [&str; 2] = ["pgbouncer", "tidegate"];

/// Finds out where a client wants to go.
///
/// # Errors
/// [`EdgeError`]: the connection names no tenant, or lacks TLS on a listener that requires it. The
/// client was told, and the connection is closed.
pub(super) async fn resolve(
    started: Started,
    listener: &Listener,
    gate: &Gate,
) -> Result<Named, EdgeError> {
    let Started { line, tls, wish } = started;
    let named = if listener.tls == ListenerTls::Require && tls.is_none() {
        Err(Refused::Denied(Denial::TlsRequired))
    } else {
        let server_name = tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        name(wish, listener, server_name, line.origin())
    };
    match named {
        Ok((claim, place)) => Ok(Named {
            line,
            tls,
            claim,
            place,
        }),
        Err(Refused::Denied(denial)) => {
            let refusals = gate.config.load().node.refusals;
            line.tell(&denial.report(refusals)).await;
            Err(EdgeError::Denied(Box::new(denial)))
        },
        Err(Refused::Told(report)) => {
            line.tell(&report).await;
            Err(EdgeError::Refused(report))
        },
    }
}

enum Refused {
    Denied(Denial),
    Told(Box<Report>),
}

fn name(
    mut wish: Wish,
    listener: &Listener,
    server_name: Option<&str>,
    origin: &Origin,
) -> Result<(Claim, Place), Refused> {
    if wants_console(&wish) && listener.console && is_here(origin) {
        let database = wish.database.clone().unwrap_or_default();
        let options = wish.options.clone();
        let user = wish.user.clone();
        let claim = claim(wish, user, database, options.as_deref())?;
        return Ok((claim, Place::Console));
    }
    let names = Names {
        user: &wish.user,
        options: wish.options.as_deref(),
        server_name,
    };
    let named = tenancy::resolve(&ListenerNaming::from(listener), &names)
        .map_err(|error| Refused::Denied(error.into()))?;
    let (tenant, user) = (named.tenant.into(), named.user.to_owned());
    let options = named.options.map(std::borrow::Cow::into_owned);
    let database = wish.database.take().unwrap_or_else(|| user.clone());
    let claim = claim(wish, user, database, options.as_deref())?;
    Ok((claim, Place::Tenant(tenant)))
}

fn claim(
    wish: Wish,
    user: String,
    database: String,
    options: Option<&[u8]>,
) -> Result<Claim, Refused> {
    let told = |report| Refused::Told(Box::new(report));
    // As on a server, what stands in `options` comes before what stands on its own.
    let mut parameters = options
        .map_or(Ok(Vec::new()), startup_options::settings)
        .map_err(told)?;
    parameters.extend(wish.parameters);
    Ok(Claim {
        user,
        name_sent: wish.user,
        database,
        replication: wish.replication,
        parameters,
        protocol_minor: wish.protocol_minor,
    })
}

fn wants_console(wish: &Wish) -> bool {
    wish.database
        .as_deref()
        .is_some_and(|database| CONSOLE_DATABASES.contains(&database))
}

/// Whether peer and client are on this machine. The peer decides; the client's address, which a
/// balancer on this machine reports, can only deny it.
fn is_here(origin: &Origin) -> bool {
    let client_is_here = origin.client().ip().is_none_or(|ip| ip.is_loopback());
    origin.peer().is_local() && client_is_here
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::PeerAddress;
    use crate::tenancy::UnixPeer;

    fn wish(user: &str, database: Option<&str>, options: Option<&str>) -> Wish {
        Wish {
            user: user.to_owned(),
            database: database.map(str::to_owned),
            options: options.map(|options| options.as_bytes().to_vec()),
            parameters: vec![("application_name".to_owned(), "psql".to_owned())],
            ..Wish::default()
        }
    }

    fn listener(console: bool) -> Listener {
        Listener {
            console,
            ..Listener::default()
        }
    }

    fn from(peer: &str) -> Origin {
        Origin::direct(PeerAddress::from_socket(peer.parse().unwrap()))
    }

    fn place(wish: Wish, console: bool, origin: &Origin) -> Option<Place> {
        name(wish, &listener(console), None, origin)
            .ok()
            .map(|(_, place)| place)
    }

    #[test]
    fn the_database_is_named_like_the_user_without_its_tenant() {
        let (claim, place) = name(
            wish("app.acme", None, None),
            &listener(false),
            None,
            &from("192.0.2.1:1"),
        )
        .ok()
        .unwrap();
        assert_eq!(place, Place::Tenant("acme".into()));
        assert_eq!(
            (claim.user.as_str(), claim.database.as_str()),
            ("app", "app")
        );
    }

    #[test]
    fn options_come_first_and_without_the_tenant() {
        let options = "-c geqo=off -c tenant=acme";
        let (claim, _) = name(
            wish("app", None, Some(options)),
            &listener(false),
            None,
            &from("192.0.2.1:1"),
        )
        .ok()
        .unwrap();
        let parameters: Vec<_> = claim.parameters.iter().map(|(name, _)| &**name).collect();
        assert_eq!(parameters, ["geqo", "application_name"]);
    }

    #[test]
    fn the_console_is_for_peers_on_this_machine_and_listeners_that_say_so() {
        let unix = Origin::direct(PeerAddress::from_unix(UnixPeer::default()));
        for database in CONSOLE_DATABASES {
            let ask = || wish("admin", Some(database), None);
            assert_eq!(place(ask(), true, &unix), Some(Place::Console));
            assert_eq!(
                place(ask(), true, &from("127.0.0.1:1")),
                Some(Place::Console)
            );
            assert_eq!(place(ask(), false, &unix), None);
            assert_eq!(place(ask(), true, &from("192.0.2.1:1")), None);
        }
        assert_eq!(
            place(wish("admin", Some("postgres"), None), true, &unix),
            None
        );
    }

    #[test]
    fn proxy_loopback_source_no_privilege() {
        let ask = || wish("admin", Some("pgbouncer"), None);
        let remote = PeerAddress::from_socket("10.0.0.1:1".parse().unwrap());
        let local = PeerAddress::from_socket("127.0.0.1:1".parse().unwrap());
        for source in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            let origin = Origin::proxied(remote, source.parse().unwrap(), None, None);
            assert_eq!(place(ask(), true, &origin), None, "{source}");
        }
        // A balancer on this machine is local; the client behind it is not.
        let origin = Origin::proxied(local, "198.51.100.7:1".parse().unwrap(), None, None);
        assert_eq!(place(ask(), true, &origin), None);
    }
}
