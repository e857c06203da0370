//! The parameters of a session, with transactions: what is rolled back was never set.

use std::collections::BTreeMap;

/// Names and values; names in lower case.
type Values = BTreeMap<String, String>;

/// The parameters of a session.
#[derive(Debug, Clone)]
pub struct Settings {
    defaults: Values,
    /// What a rollback goes back to.
    committed: Values,
    /// What a commit keeps.
    session: Values,
    /// What counts now: that, and what is set for the transaction.
    current: Values,
    /// What the client was last told of those that are reported.
    told: Values,
}

/// Parameters that are reported, by the name they are reported by, with their defaults.
pub(crate) const REPORTED: [(&str, &str); 5] = [
    ("application_name", ""),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("server_version", "18.0"),
    ("TimeZone", "Etc/UTC"),
];

/// Parameters that are not.
const SILENT: [(&str, &str); 3] = [
    ("lock_timeout", "0"),
    ("search_path", "\"$user\", public"),
    ("statement_timeout", "0"),
];

/// The value that no parameter takes.
const REFUSED: &str = "refused";

impl Settings {
    /// The settings of a session that began with these startup parameters.
    pub fn new(startup: &[(String, String)]) -> Self {
        let known = REPORTED.iter().chain(&SILENT);
        let mut defaults: Values = known
            .map(|(name, value)| (name.to_lowercase(), (*value).to_owned()))
            .collect();
        for (name, value) in startup {
            defaults.insert(name.to_lowercase(), value.clone());
        }
        Self {
            committed: defaults.clone(),
            session: defaults.clone(),
            current: defaults.clone(),
            told: defaults.clone(),
            defaults,
        }
    }

    /// The value that counts now.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.current.get(&name.to_lowercase()).map(String::as_str)
    }

    /// Those that are not as they were at the start.
    pub fn changed(&self) -> Vec<(String, String)> {
        let differs = |(name, value): &(&String, &String)| self.defaults.get(*name) != Some(*value);
        let changed = self.current.iter().filter(differs);
        changed
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Sets one; false if there is no such parameter, or it does not take the value.
    pub(crate) fn set(&mut self, name: &str, value: &str, is_local: bool) -> bool {
        let name = name.to_lowercase();
        let is_known = name.contains('.') || self.defaults.contains_key(&name);
        if !is_known || value == REFUSED || name == "server_version" {
            return false;
        }
        if !is_local {
            self.session.insert(name.clone(), value.to_owned());
        }
        self.current.insert(name, value.to_owned());
        true
    }

    pub(crate) fn reset(&mut self, name: &str) -> bool {
        let name = name.to_lowercase();
        for values in [&mut self.session, &mut self.current] {
            match self.defaults.get(&name) {
                Some(value) => values.insert(name.clone(), value.clone()),
                None => values.remove(&name),
            };
        }
        true
    }

    pub(crate) fn reset_all(&mut self) {
        self.session.clone_from(&self.defaults);
        self.current.clone_from(&self.defaults);
    }

    pub(crate) fn commit(&mut self) {
        self.committed.clone_from(&self.session);
        self.current.clone_from(&self.session);
    }

    pub(crate) fn roll_back(&mut self) {
        self.session.clone_from(&self.committed);
        self.current.clone_from(&self.committed);
    }

    /// Those that have changed since the client was last told.
    pub(crate) fn report(&mut self) -> Vec<(&'static str, String)> {
        let mut changed = Vec::new();
        for (name, _) in REPORTED {
            let key = name.to_lowercase();
            let value = self.current.get(&key).cloned().unwrap_or_default();
            if self.told.get(&key) != Some(&value) {
                self.told.insert(key, value.clone());
                changed.push((name, value));
            }
        }
        changed
    }
}
