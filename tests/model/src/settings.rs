//! The parameters and temporary tables of a session, with transactions and savepoints: what is
//! rolled back was never set.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Names and values; names in lower case.
type Values = BTreeMap<String, String>;

/// The parameters of a session, and its temporary tables.
#[derive(Debug, Clone)]
pub struct Settings {
    defaults: Values,
    /// What a rollback goes back to.
    committed: State,
    /// At each savepoint, in their order.
    saved: Vec<State>,
    now: State,
    /// What the client was last told of those that are reported.
    told: Values,
}

#[derive(Debug, Clone)]
struct State {
    /// What a commit keeps.
    session: Values,
    /// What counts: that, and what is set for the transaction.
    current: Values,
    tables: BTreeSet<String>,
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
        let state = State {
            session: defaults.clone(),
            current: defaults.clone(),
            tables: BTreeSet::new(),
        };
        Self {
            committed: state.clone(),
            saved: Vec::new(),
            now: state,
            told: defaults.clone(),
            defaults,
        }
    }

    /// The value that counts now.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.now
            .current
            .get(&name.to_lowercase())
            .map(String::as_str)
    }

    /// Values by name, each with its source where that is asked for.
    pub(crate) fn answer(&self, asked: &[(String, bool)]) -> Vec<Option<String>> {
        let mut answer = Vec::new();
        for (name, wants_source) in asked {
            let value = self.value(name);
            answer.push(value.map(str::to_owned));
            if *wants_source {
                let at_first = self.defaults.get(&name.to_lowercase());
                let is_set = value != at_first.map(String::as_str);
                let source = if is_set { "session" } else { "default" };
                answer.push(value.map(|_| source.to_owned()));
            }
        }
        answer
    }

    /// Those that a server reports, with their values, as it does at login.
    pub fn reported(&self) -> Vec<(&'static str, String)> {
        let value = |name| self.value(name).unwrap_or_default().to_owned();
        REPORTED.map(|(name, _)| (name, value(name))).to_vec()
    }

    /// Those that are not as they were at the start.
    pub fn changed(&self) -> Vec<(String, String)> {
        let differs = |(name, value): &(&String, &String)| self.defaults.get(*name) != Some(*value);
        let changed = self.now.current.iter().filter(differs);
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
            self.now.session.insert(name.clone(), value.to_owned());
        }
        self.now.current.insert(name, value.to_owned());
        true
    }

    pub(crate) fn reset(&mut self, name: &str) -> bool {
        let name = name.to_lowercase();
        for values in [&mut self.now.session, &mut self.now.current] {
            match self.defaults.get(&name) {
                Some(value) => values.insert(name.clone(), value.clone()),
                None => values.remove(&name),
            };
        }
        true
    }

    pub(crate) fn reset_all(&mut self) {
        self.now.session.clone_from(&self.defaults);
        self.now.current.clone_from(&self.defaults);
    }

    pub(crate) fn commit(&mut self) {
        self.saved.clear();
        self.now.current.clone_from(&self.now.session);
        self.committed.clone_from(&self.now);
    }

    pub(crate) fn roll_back(&mut self) {
        self.saved.clear();
        self.now.clone_from(&self.committed);
    }

    /// A savepoint begins.
    pub(crate) fn save(&mut self) {
        self.saved.push(self.now.clone());
    }

    /// Goes back to a savepoint, counted from 0; it stays, those after it go.
    pub(crate) fn roll_back_to(&mut self, savepoint: usize) {
        if let Some(state) = self.saved.get(savepoint) {
            self.now.clone_from(state);
            self.saved.truncate(savepoint + 1);
        }
    }

    /// Forgets a savepoint and those after it; what was set since stays.
    pub(crate) fn release(&mut self, savepoint: usize) {
        self.saved.truncate(savepoint);
    }

    /// Makes a temporary table; false if there is one of that name.
    pub(crate) fn create_table(&mut self, name: &str) -> bool {
        self.now.tables.insert(name.to_owned())
    }

    /// Drops a temporary table; false if there is none of that name.
    pub(crate) fn drop_table(&mut self, name: &str) -> bool {
        self.now.tables.remove(name)
    }

    /// Drops all of them.
    pub(crate) fn drop_tables(&mut self) {
        self.now.tables.clear();
    }

    /// Whether there is a temporary table of this name.
    pub(crate) fn has_table(&self, name: &str) -> bool {
        self.now.tables.contains(name)
    }

    /// Its temporary tables.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.now.tables.iter().map(String::as_str)
    }

    /// Those that have changed since the client was last told.
    pub(crate) fn report(&mut self) -> Vec<(&'static str, String)> {
        let mut changed = Vec::new();
        for (name, _) in REPORTED {
            let key = name.to_lowercase();
            let value = self.now.current.get(&key).cloned().unwrap_or_default();
            if self.told.get(&key) != Some(&value) {
                self.told.insert(key, value.clone());
                changed.push((name, value));
            }
        }
        changed
    }
}
