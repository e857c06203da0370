//! The words of each refusal, for an application developer who has only the connection string.
//!
//! A message says what happened, a detail what Tidegate saw, a hint what to do. None says whether a
//! tenant or a user exists.

use std::time::Duration;

use crate::config::Refusals;
use crate::restrictions::BacklogFull;
use crate::restrictions::Denial;
use crate::restrictions::RateReached;
use crate::restrictions::RateScope;
use crate::restrictions::Seen;
use crate::tenancy::LimitReached;
use crate::tenancy::LimitScope;
use crate::tenancy::ResolveError;

pub(super) struct Words {
    pub(super) message: String,
    pub(super) detail: String,
    pub(super) hint: String,
}

impl Words {
    fn new(message: impl Into<String>, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            detail: detail.into(),
            hint: hint.into(),
        }
    }
}

pub(super) fn of(denial: &Denial, refusals: Refusals) -> Words {
    match denial {
        Denial::Unresolved(error) => unresolved(*error),
        Denial::UnknownTenant { tenant, seen } | Denial::Network { tenant, seen, .. } => {
            not_admitted(tenant, seen)
        },
        Denial::TlsRequired => Words::new(
            "TLS is required",
            "The connection is not encrypted, and the tenant or the listener admits only \
             encrypted ones.",
            "Connect with sslmode=require or stricter, or what your driver calls it.",
        ),
        Denial::ClientLimit(reached) => client_limit(*reached),
        Denial::Rate(reached) => rate(*reached),
        Denial::Throttled { seen, throttled } => Words::new(
            format!("too many failed logins from {}", seen.client.host()),
            format!("{} The next login is not looked at yet.", saw(seen)),
            format!(
                "Try again in {}, with the right user and password; a login that succeeds ends \
                 the waiting.",
                seconds(throttled.retry_after)
            ),
        ),
        Denial::Authentication { user, seen } => authentication(user, seen, refusals),
        Denial::Backlog(full) => backlog(*full),
    }
}

fn unresolved(error: ResolveError) -> Words {
    const WAYS: &str = "Write the user as user.tenant, or set the startup parameter \
        options=tenant=name, or connect to the tenant's own host name.";
    match error {
        ResolveError::Unnamed => Words::new(
            "the connection names no tenant",
            "Neither the user name, nor the startup parameter \"options\", nor the TLS server \
             name names one, and this address has no default.",
            WAYS,
        ),
        ResolveError::NoName(place) => Words::new(
            "the connection does not name a tenant",
            format!(
                "What {place} gives as the tenant is none: a name has 1 to 63 of the characters \
                 a-z, 0-9, \"-\" and \"_\"."
            ),
            format!("{WAYS} What follows the last dot of a user name is always the tenant."),
        ),
        ResolveError::Disagreement(first, second) if first == second => Words::new(
            "the connection names two tenants",
            format!("Two values in {first} differ."),
            "Name the tenant once.",
        ),
        ResolveError::Disagreement(first, second) => Words::new(
            "the connection names two tenants",
            format!("What {first} names is not what {second} names."),
            "Name the tenant once. What follows the last dot of a user name is always the \
             tenant: a user with a dot in its name is written user.name.tenant.",
        ),
        ResolveError::NoUser => Words::new(
            "the connection names no user",
            "Nothing stands before the tenant in the user name.",
            "Write the user as user.tenant.",
        ),
    }
}

/// One text for a tenant that does not exist and one that is closed to the client.
fn not_admitted(tenant: &str, seen: &Seen) -> Words {
    Words::new(
        format!(
            "tenant \"{tenant}\" admits no connection from {}",
            seen.client.host()
        ),
        format!(
            "{} There is no such tenant, or its network restrictions do not admit you.",
            saw(seen)
        ),
        "Check the name of the tenant, and that the tenant's network restrictions list what \
         Tidegate saw; a list of IPv4 networks alone admits no IPv6 address.",
    )
}

fn client_limit(reached: LimitReached) -> Words {
    let (whose, whom) = match reached.scope {
        LimitScope::User => ("this user", "the user"),
        LimitScope::Tenant => ("this tenant", "the tenant"),
        LimitScope::Node => ("this node", "Tidegate"),
    };
    Words::new(
        format!("too many connections for {whose}"),
        format!("The limit of {} clients is reached.", reached.limit),
        format!(
            "Close connections that are not used, make the pools of the application smaller, or \
             have the limit of {whom} raised."
        ),
    )
}

fn rate(reached: RateReached) -> Words {
    let whose = match reached.scope {
        RateScope::User => "this user",
        RateScope::Tenant => "this tenant",
    };
    Words::new(
        format!("connections for {whose} are opened too fast"),
        "The limit on connection attempts per second is reached.",
        format!(
            "Try again in {}; keep connections open instead of opening one per query.",
            seconds(reached.retry_after)
        ),
    )
}

/// One text for every way to fail, within one way to refuse.
fn authentication(user: &str, seen: &Seen, refusals: Refusals) -> Words {
    let message = format!("password authentication failed for user \"{user}\"");
    match refusals {
        Refusals::Named => Words::new(
            message,
            "The user does not exist, or what proves it is wrong.",
            "Check the user name without the tenant, and the password.",
        ),
        Refusals::Opaque => Words::new(
            message,
            format!(
                "{} The tenant or the user does not exist, what proves it is wrong, or the \
                 tenant's network restrictions do not admit you.",
                saw(seen)
            ),
            "Check the tenant, the user and the password, and that the tenant's network \
             restrictions list what Tidegate saw.",
        ),
    }
}

fn backlog(full: BacklogFull) -> Words {
    let detail = match full {
        BacklogFull::InAll => "Too many connections are logging in at once.",
        BacklogFull::ByAddress => "Too many connections from your address are logging in at once.",
    };
    Words::new(
        "too many connections are logging in",
        detail,
        "Try again in a moment, and open fewer connections at once.",
    )
}

fn saw(seen: &Seen) -> String {
    let host = seen.client.host();
    match &seen.private_endpoint {
        Some(endpoint) => {
            format!("Tidegate saw the client at {host}, through the private endpoint {endpoint}.")
        },
        None => format!("Tidegate saw the client at {host}."),
    }
}

/// Whole seconds, rounded up: who waits as long as told is not refused again for being early.
fn seconds(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    match seconds.max(1) {
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}
