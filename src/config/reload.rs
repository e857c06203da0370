//! What a reload changes: compares the running configuration with a loaded one, in words.
//!
//! A reload is all or nothing: a file with a mistake never gets here. What only a restart can
//! change keeps its running value and is reported. What did not change keeps its `Arc`, so that
//! readers tell by the pointer whether anything concerns them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::AuthQuery;
use crate::config::Config;
use crate::config::Endpoint;
use crate::config::Listener;
use crate::config::Tenant;
use crate::config::User;
use crate::config::setting::Change;
use crate::config::setting::Setting;
use crate::config::setting::Settings;

/// What a reload changes, in words that may be logged: names, never values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is in force now: `tenant acme: network.allow`, `tenant acme: removed`.
    pub applied: Vec<String>,
    /// What waits for a restart, with its running value until then.
    pub needs_restart: Vec<String>,
}

impl Changes {
    /// Whether the new file says nothing new.
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.needs_restart.is_empty()
    }

    fn applied(&mut self, what: &str, change: &str) {
        self.applied.push(format!("{what}: {change}"));
    }

    fn needs_restart(&mut self, what: &str, change: &str) {
        self.needs_restart.push(format!("{what}: {change}"));
    }

    fn settings(&mut self, what: &str, path: &str, settings: &[&'static Setting]) {
        for setting in settings {
            let key = format!("{path}{}", setting.name);
            match setting.change {
                Change::Reload => self.applied(what, &key),
                Change::Restart => self.needs_restart(what, &key),
            }
        }
    }

    /// Compares two values of one section.
    fn compare<T: Settings>(&mut self, what: &str, path: &str, running: &T, loaded: &T) {
        self.settings(what, path, &loaded.differences(running));
    }
}

/// The configuration that a reload puts in force, and what it changes.
pub fn reload(running: &Config, loaded: Config) -> (Config, Changes) {
    let mut changes = Changes::default();
    changes.compare("node", "", &running.node, &loaded.node);
    changes.compare("log", "", &running.log, &loaded.log);
    compare_defaults(&mut changes, running, &loaded);
    let mut next = loaded;
    next.node.keep_until_restart(&running.node);
    next.log.keep_until_restart(&running.log);
    match (&running.http, &mut next.http) {
        (None, None) => {},
        (Some(http), Some(loaded)) => {
            changes.compare("http", "", http, loaded);
            loaded.keep_until_restart(http);
        },
        (http, loaded) => {
            changes.needs_restart("http", if loaded.is_some() { "added" } else { "removed" });
            loaded.clone_from(http);
        },
    }
    compare_console(&mut changes, running, &next);
    next.listeners = reload_listeners(&mut changes, &running.listeners, &next.listeners);
    reload_tenants(&mut changes, &running.tenants, &mut next.tenants);
    (next, changes)
}

fn compare_defaults(changes: &mut Changes, running: &Config, loaded: &Config) {
    let (running, loaded) = (&running.defaults, &loaded.defaults);
    changes.compare("pool", "", &running.user.pool, &loaded.user.pool);
    changes.compare("pool", "", &running.user, &loaded.user);
    changes.compare("pool", "", &running.tenant, &loaded.tenant);
}

fn compare_console(changes: &mut Changes, running: &Config, loaded: &Config) {
    match (&running.console, &loaded.console) {
        (None, None) => {},
        (None, Some(_)) => changes.applied("console", "added"),
        (Some(_), None) => changes.applied("console", "removed"),
        (Some(running), Some(loaded)) => {
            changes.compare("console", "", running, loaded);
            if running.users != loaded.users {
                changes.applied("console", "users");
            }
        },
    }
}

/// Sockets are opened at start, so the listeners stay those that run; their terms may change.
fn reload_listeners(
    changes: &mut Changes,
    running: &[Arc<Listener>],
    loaded: &[Arc<Listener>],
) -> Vec<Arc<Listener>> {
    let named = |name: &str| loaded.iter().find(|listener| listener.name == name);
    for added in loaded
        .iter()
        .filter(|new| !running.iter().any(|old| old.name == new.name))
    {
        changes.needs_restart(&format!("listener {}", added.name), "added");
    }
    let kept = running.iter().map(|old| {
        let what = format!("listener {}", old.name);
        let Some(new) = named(&old.name) else {
            changes.needs_restart(&what, "removed");
            return Arc::clone(old);
        };
        reload_listener(changes, &what, old, new)
    });
    kept.collect()
}

/// Its terms belong to its address: where the address must wait for a restart, so must they, or a
/// public socket would get the terms of a private one.
fn reload_listener(
    changes: &mut Changes,
    what: &str,
    running: &Arc<Listener>,
    loaded: &Arc<Listener>,
) -> Arc<Listener> {
    let settings = loaded.differences(running);
    if settings.is_empty() {
        return Arc::clone(running);
    }
    if settings
        .iter()
        .any(|setting| setting.change == Change::Restart)
    {
        for setting in settings {
            changes.needs_restart(what, setting.name);
        }
        return Arc::clone(running);
    }
    changes.settings(what, "", &settings);
    Arc::clone(loaded)
}

fn reload_tenants(
    changes: &mut Changes,
    running: &BTreeMap<String, Arc<Tenant>>,
    loaded: &mut BTreeMap<String, Arc<Tenant>>,
) {
    for name in running.keys().filter(|name| !loaded.contains_key(*name)) {
        changes.applied(&format!("tenant {name}"), "removed");
    }
    for (name, tenant) in loaded {
        let what = format!("tenant {name}");
        match running.get(name) {
            None => changes.applied(&what, "added"),
            Some(old) if old == tenant => *tenant = Arc::clone(old),
            Some(old) => {
                compare_tenant(changes, &what, old, tenant);
                *tenant = Arc::new(keep_unchanged(old, tenant));
            },
        }
    }
}

fn compare_tenant(changes: &mut Changes, what: &str, running: &Tenant, loaded: &Tenant) {
    changes.compare(what, "", running, loaded);
    changes.compare(what, "", &running.pool, &loaded.pool);
    changes.compare(what, "network.", &running.network, &loaded.network);
    compare_auth_query(
        changes,
        what,
        running.auth_query.as_ref(),
        loaded.auth_query.as_ref(),
    );
    if running.databases != loaded.databases {
        changes.applied(what, "databases");
    }
    let endpoints = |tenant: &Tenant| -> BTreeMap<String, Arc<Endpoint>> {
        let named = |endpoint: &Arc<Endpoint>| (endpoint.name.clone(), Arc::clone(endpoint));
        tenant.endpoints.iter().map(named).collect()
    };
    let (old, new) = (endpoints(running), endpoints(loaded));
    compare_named(changes, what, "endpoint", &old, &new);
    if old == new && running.endpoints != loaded.endpoints {
        changes.applied(what, "order of endpoints");
    }
    changes.compare(what, "", &*running.other_users, &*loaded.other_users);
    compare_named(changes, what, "user", &running.users, &loaded.users);
}

fn compare_auth_query(
    changes: &mut Changes,
    what: &str,
    running: Option<&AuthQuery>,
    loaded: Option<&AuthQuery>,
) {
    match (running, loaded) {
        (None, None) => {},
        (None, Some(_)) => changes.applied(what, "auth_query added"),
        (Some(_), None) => changes.applied(what, "auth_query removed"),
        (Some(running), Some(loaded)) => changes.compare(what, "auth_query.", running, loaded),
    }
}

/// What has a name within a tenant.
trait Named: Eq {
    /// The settings that differ, as paths.
    fn changed(&self, other: &Self) -> Vec<String>;
}

impl Named for User {
    fn changed(&self, other: &Self) -> Vec<String> {
        let settings = self.differences(other).into_iter();
        settings
            .chain(self.pool.differences(&other.pool))
            .map(|row| row.name.to_owned())
            .collect()
    }
}

impl Named for Endpoint {
    fn changed(&self, other: &Self) -> Vec<String> {
        let settings = self
            .differences(other)
            .into_iter()
            .map(|row| row.name.to_owned());
        let tls = (self.tls != other.tls).then(|| "server_tls".to_owned());
        settings.chain(tls).collect()
    }
}

fn compare_named<T: Named>(
    changes: &mut Changes,
    what: &str,
    kind: &str,
    running: &BTreeMap<String, Arc<T>>,
    loaded: &BTreeMap<String, Arc<T>>,
) {
    for name in running.keys().filter(|name| !loaded.contains_key(*name)) {
        changes.applied(what, &format!("{kind} {name} removed"));
    }
    for (name, new) in loaded {
        match running.get(name) {
            None => changes.applied(what, &format!("{kind} {name} added")),
            Some(old) => {
                for setting in new.changed(old) {
                    changes.applied(what, &format!("{kind} {name}: {setting}"));
                }
            },
        }
    }
}

/// The loaded tenant, with the running `Arc`s of what did not change in it.
fn keep_unchanged(running: &Tenant, loaded: &Tenant) -> Tenant {
    let mut tenant = loaded.clone();
    for endpoint in &mut tenant.endpoints {
        if let Some(old) = running.endpoints.iter().find(|old| *old == endpoint) {
            *endpoint = Arc::clone(old);
        }
    }
    for (name, user) in &mut tenant.users {
        if let Some(old) = running.users.get(name).filter(|old| *old == user) {
            *user = Arc::clone(old);
        }
    }
    tenant
}
