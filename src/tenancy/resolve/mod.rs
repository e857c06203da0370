//! Which tenant a connection names, and the user name that remains.
//!
//! A pure function of what the client sent and the listener says. It never looks into the
//! directory: what a name means must not depend on which tenants exist, or adding one could take
//! over the connections of another.
//!
//! The tenant may be named in three places: the user name (`user.tenant`), the startup parameter
//! `options`, and the TLS server name. Places that disagree are refused. The listener's
//! `default_tenant` is asked only when none of them names one.

use std::borrow::Cow;
use std::fmt;

use crate::config;
use crate::tenancy::is_tenant_name;
use crate::tenancy::startup_options;

/// What the listener knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListenerNaming<'a> {
    /// The tenant of clients that name none.
    pub default_tenant: Option<&'a str>,
    /// The domain below which a server name is a tenant's name.
    pub sni_suffix: Option<&'a str>,
}

impl<'a> From<&'a config::Listener> for ListenerNaming<'a> {
    fn from(listener: &'a config::Listener) -> Self {
        Self {
            default_tenant: listener.default_tenant.as_deref(),
            sni_suffix: listener.sni_suffix.as_deref(),
        }
    }
}

/// What the client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Names<'a> {
    /// The startup parameter `user`.
    pub user: &'a str,
    /// The startup parameter `options`.
    pub options: Option<&'a [u8]>,
    /// The server name of the TLS handshake with us. A name that a balancer reports is no proof of
    /// anything; only a listener that is told to trust it may pass it here.
    pub server_name: Option<&'a str>,
}

/// A connection that names a tenant (which may not exist).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<'a> {
    /// The tenant's name; it has the form of one.
    pub tenant: Cow<'a, str>,
    /// What named it.
    pub named_by: NamedBy,
    /// The user without the tenant.
    pub user: &'a str,
    /// The startup parameter `options` as the server may see it: without Tidegate's own. `None`
    /// when nothing remains, or nothing was sent.
    pub options: Option<Cow<'a, [u8]>>,
}

/// A place that can name a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedBy {
    /// `user.tenant`.
    User,
    /// `tenant=` or `reference=` in `options`.
    Options,
    /// `<tenant>.<sni_suffix>`.
    ServerName,
    /// `default_tenant` of the listener.
    Listener,
}

impl fmt::Display for NamedBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "the user name",
            Self::Options => "the startup parameter \"options\"",
            Self::ServerName => "the TLS server name",
            Self::Listener => "the listener",
        })
    }
}

/// Why a connection names no tenant: always the client's fault, and none of it depends on which
/// tenants exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ResolveError {
    /// Nothing names a tenant.
    #[error("the connection names no tenant")]
    Unnamed,
    /// What stands in the place of the name cannot be one.
    #[error("{0} names a tenant that cannot exist")]
    NoName(NamedBy),
    /// Two places, or two options, name different tenants.
    #[error("{0} and {1} name different tenants")]
    Disagreement(NamedBy, NamedBy),
    /// No user remains.
    #[error("the user name is empty")]
    NoUser,
}

/// Finds out which tenant a connection names.
///
/// The user name is split at its last dot, always: user names may hold dots and tenant names may
/// not, so `first.last` of the tenant `acme` is `first.last.acme`, in every case.
///
/// # Errors
/// [`ResolveError`]: the client's fault.
pub fn resolve<'a>(
    listener: &ListenerNaming<'a>,
    names: &Names<'a>,
) -> Result<Named<'a>, ResolveError> {
    let (user, by_user) = match names.user.rsplit_once('.') {
        Some((user, tenant)) => (user, Some(Cow::Borrowed(tenant))),
        None => (names.user, None),
    };
    let options = names.options.map(startup_options::read);
    let (by_options, rest) = match options {
        Some(options) => (options.tenants, options.rest),
        None => (Vec::new(), None),
    };
    let by_server_name = listener
        .sni_suffix
        .zip(names.server_name)
        .and_then(|(suffix, server_name)| below(suffix, server_name));

    let places = by_user
        .map(|tenant| (NamedBy::User, tenant))
        .into_iter()
        .chain(
            by_options
                .into_iter()
                .map(|tenant| (NamedBy::Options, text(&tenant))),
        )
        .chain(by_server_name.map(|tenant| (NamedBy::ServerName, Cow::Owned(tenant))));
    let by_client = agreed(places)?;
    let by_listener = || {
        let tenant = listener.default_tenant?;
        Some((NamedBy::Listener, Cow::Borrowed(tenant)))
    };
    let (named_by, tenant) = by_client
        .or_else(by_listener)
        .ok_or(ResolveError::Unnamed)?;
    if user.is_empty() {
        return Err(ResolveError::NoUser);
    }
    Ok(Named {
        tenant,
        named_by,
        user,
        options: rest,
    })
}

/// Bytes that are not UTF-8 are no name, and become text that is none either.
fn text<'a>(bytes: &[u8]) -> Cow<'a, str> {
    Cow::Owned(String::from_utf8_lossy(bytes).into_owned())
}

/// The one tenant that all places name; `None` if there are no places.
fn agreed<'a>(
    places: impl Iterator<Item = (NamedBy, Cow<'a, str>)>,
) -> Result<Option<(NamedBy, Cow<'a, str>)>, ResolveError> {
    let mut first: Option<(NamedBy, Cow<'a, str>)> = None;
    for (place, tenant) in places {
        if !is_tenant_name(&tenant) {
            return Err(ResolveError::NoName(place));
        }
        match &first {
            Some((_, named)) if *named == tenant => {},
            Some((before, _)) => return Err(ResolveError::Disagreement(*before, place)),
            None => first = Some((place, tenant)),
        }
    }
    Ok(first)
}

/// The label in front of `suffix`. A server name elsewhere, the suffix itself and deeper names
/// name no tenant: a client may well have connected by another name of this machine.
fn below(suffix: &str, server_name: &str) -> Option<String> {
    let suffix = suffix.trim_matches('.').to_ascii_lowercase();
    let server_name = server_name.to_ascii_lowercase();
    let server_name = server_name.strip_suffix('.').unwrap_or(&server_name);
    let label = server_name.strip_suffix(&suffix)?.strip_suffix('.')?;
    (!suffix.is_empty() && !label.is_empty() && !label.contains('.')).then(|| label.to_owned())
}

#[cfg(test)]
mod tests;
